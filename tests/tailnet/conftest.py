"""What the tests on the tailnet share: the rig, once, and what all end-to-end tests have."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Iterator

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

from harness.need import cannot_run  # noqa: E402
from harness.net import EDGE, NetUnavailable  # noqa: E402
from programs import Unavailable, folder  # noqa: E402
from rig import BACKEND, Rig  # noqa: E402

_spec = importlib.util.spec_from_file_location("end_to_end", HERE.parent / "e2e" / "conftest.py")
_shared = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_shared)

pytest_configure = _shared.pytest_configure
pytest_runtest_protocol = _shared.pytest_runtest_protocol
pytest_runtest_makereport = _shared.pytest_runtest_makereport
binary = _shared.binary
sock_file = _shared.sock_file


@pytest.fixture(scope="session")
def tailnet() -> Iterator[Rig]:
    """The namespaces and the nodes edge and mailbox, for all tests."""
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
        cannot_run("a tailnet needs root and /dev/net/tun")
    try:
        folder()
    except Unavailable as reason:
        cannot_run(f"tailscaled cannot be built: {reason}")
    try:
        with Rig() as made:
            yield made
    except NetUnavailable as error:
        cannot_run(str(error))


@pytest.fixture
def rig(tailnet: Rig) -> Iterator[Rig]:
    """The same, put back in order before each test: both nodes new, everything allowed, no ghosts, direct."""
    tailnet.restore()
    yield tailnet
