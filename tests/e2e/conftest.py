"""What all end-to-end tests share: enough descriptors, a watchdog, the binary under test, a clean end on SIGTERM;

and those behind real servers: `net`, `path` (each usable data path in turn), `family`.
"""

from __future__ import annotations

import faulthandler
import functools
import os
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Iterator

import pytest

from harness.edge import default_binary, raise_nofile
from harness.need import cannot_run
from harness.net import FAMILIES, Net, NetUnavailable
from harness.rig import usable_paths

LIMIT = 60  # seconds for one test that does not say otherwise
LOG_TAIL = 4000  # characters shown of each log with a failure


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "limit(seconds): how long this test may take before it counts as hanging")
    config.addinivalue_line("markers", "only_path(name...): run this test on these data paths only")
    raise_nofile()
    signal.signal(signal.SIGTERM, terminate)


def terminate(number: int, frame: FrameType | None) -> None:
    """As Ctrl-C: every context manager ends its process."""
    raise KeyboardInterrupt


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """No test may hang: after its limit it fails, and says where each thread was."""
    marker = item.get_closest_marker("limit")
    seconds = marker.args[0] if marker else LIMIT

    def overdue(number: int, frame: FrameType | None) -> None:
        faulthandler.dump_traceback(file=sys.__stderr__)
        raise TimeoutError(f"the test hangs: {seconds} s are over")

    before = signal.signal(signal.SIGALRM, overdue)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def binary() -> str:
    """The program under test; without it nothing here means anything."""
    path = default_binary()
    if not os.access(path, os.X_OK):
        pytest.exit(f"{path} is not there: build first, or set TAILSPLICE", returncode=2)
    return path


@functools.cache
def paths() -> list[str]:
    """Asked for once: pytest keeps a fixture for as long as its parameter is the same object, not an equal one."""
    # without a binary it is the fixture `binary` that says so
    return usable_paths() if os.access(default_binary(), os.X_OK) else ["auto"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`path` and `family`, except in a module that makes its own."""
    if hasattr(metafunc.module, "pytest_generate_tests"):
        return
    if "path" in metafunc.fixturenames:
        metafunc.parametrize("path", paths(), indirect=True)
    if "family" in metafunc.fixturenames:
        metafunc.parametrize("family", FAMILIES, ids=str)


def is_wanted(item: pytest.Item) -> bool:
    only = item.get_closest_marker("only_path")
    return not only or item.callspec.params["path"] in only.args


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Drop what `only_path` excludes: here, since pytest groups tests by a parameter's place in its whole list."""
    items[:] = filter(is_wanted, items)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """With a failure, show what the edge and the servers of the test have logged."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if callable(getattr(value, "log", None)):
                report.sections.append((f"log of {name}", value.log()[-LOG_TAIL:]))


@pytest.fixture
def sock_file() -> Iterator[Path]:
    """For a control socket: sun_path is short, pytest's own directories are long. Whoever the edge becomes may remove it."""
    with tempfile.TemporaryDirectory(prefix="ts-") as directory:
        os.chmod(directory, 0o777)
        yield Path(directory) / "control.sock"


@pytest.fixture(scope="module")
def path(request: pytest.FixtureRequest) -> str:
    """A fixture in its own right: that keeps the tests of one path, and so of one edge, together."""
    return request.param


@pytest.fixture(scope="session")
def net() -> Iterator[Net]:
    """Client, edge and backend in namespaces of their own."""
    try:
        with Net() as made:
            yield made
    except NetUnavailable as error:
        cannot_run(str(error))
