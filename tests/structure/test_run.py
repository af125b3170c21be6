"""tests/run itself: whatever goes wrong in a step must be in the sum, or a green last line would mean nothing."""

import json
import subprocess
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

RUN = Path(__file__).resolve().parents[1] / "run"
PYTEST = '<testsuites><testsuite>{}</testsuite></testsuites>'
PASSED, FAILED = '<testcase name="a"/>', '<testcase name="b"><failure message="no"/></testcase>'
SKIPPED, BROKEN = '<testcase name="c"><skipped message="why"/></testcase>', '<testcase name="d"><error/></testcase>'


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    loader = SourceFileLoader("runner", str(RUN))
    module = module_from_spec(spec_from_loader("runner", loader))
    loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(module.Run, "build", lambda self, name: name != "tsan")
    return module


def outcome(runner: ModuleType, script: str, result: str = "pytest_result", build: str = "release", limit: float = 20, **more):
    """The first three numbers after a step that runs a shell script."""
    step = runner.Step("step", "title", build, limit, lambda step: ["sh", "-c", script], getattr(runner, result), **more)
    return runner.Run().outcome(step)[:3]


def with_xml(cases: str, script: str = "") -> str:
    return f"echo '{PYTEST.format(cases)}' > logs/step.xml; {script}"


@pytest.mark.parametrize(
    "script, expected",
    [
        (with_xml(PASSED), (1, 0, 0)),
        (with_xml(PASSED + FAILED + SKIPPED + BROKEN, "exit 1"), (1, 2, 1)),
        (with_xml(PASSED, "exit 3"), (1, 1, 0)),
        (with_xml(PASSED, "kill -SEGV $$"), (1, 1, 0)),
        (with_xml(""), (0, 1, 0)),
        ("true", (0, 1, 0)),
        ("echo '<half' > logs/step.xml", (0, 1, 0)),
        (with_xml(PASSED, "echo report > logs/step.sanitizer.17"), (1, 1, 0)),
    ],
    ids=["passes", "mixed", "exit status", "killed", "no test", "no result", "half a result", "sanitizer report"],
)
def test_a_step_is_counted(runner: ModuleType, script: str, expected: tuple[int, int, int]):
    assert outcome(runner, script) == expected


@pytest.mark.parametrize(
    "line, expected",
    [("4 passed, 0 failed", (4, 0, 0)), ("4 passed, 1 failed, 2 skipped", (4, 1, 2)), ("and so on", (0, 1, 0))],
)
def test_a_last_line_is_counted(runner: ModuleType, line: str, expected: tuple[int, int, int]):
    assert outcome(runner, f"echo 9 passed, 9 failed; echo '{line}'", "last_line_result") == expected


def meson_says(folder: Path, results: dict[str, str]) -> str:
    """A script that leaves what `meson test` would."""
    names = {name: f"p:unit / {name}" for name in results}
    lines = [json.dumps({"name": names[name], "result": result}) for name, result in results.items()]
    (folder / "step.json").write_text("\n".join(lines))
    (folder / "step.junit.xml").write_text(PYTEST.format("".join(f'<testcase name="{n}"/>' for n in names.values())))
    return "mkdir -p build/meson-logs && cp step.* build/meson-logs"


def test_a_program_that_never_ended_is_counted(runner: ModuleType, tmp_path: Path):
    script = meson_says(tmp_path, {"good": "OK", "stuck": "TIMEOUT"})
    assert outcome(runner, f"{script}; exit 1", "meson_result") == (1, 1, 0)


def test_an_earlier_meson_result_is_not_this_one(runner: ModuleType, tmp_path: Path):
    assert outcome(runner, meson_says(tmp_path, {"good": "OK"}), "meson_result") == (1, 0, 0)
    assert outcome(runner, "true", "meson_result") == (0, 1, 0)


def test_a_step_that_hangs_is_ended_and_counted(runner: ModuleType, tmp_path: Path):
    assert outcome(runner, "sleep 60 & echo $! > pid; wait", limit=1) == (0, 2, 0)
    state = subprocess.run(["ps", "-o", "stat=", "-p", (tmp_path / "pid").read_text()], capture_output=True, text=True).stdout
    assert state.strip()[:1] in ("", "Z")


def test_an_earlier_result_is_not_this_one(runner: ModuleType):
    assert outcome(runner, with_xml(PASSED)) == (1, 0, 0)
    assert outcome(runner, "true") == (0, 1, 0)


def test_a_build_that_breaks_is_counted(runner: ModuleType):
    assert outcome(runner, "true", build="tsan") == (0, 1, 0)


def test_a_missing_program_is_a_skip(runner: ModuleType):
    assert outcome(runner, "true", needs="no-such-program") == (0, 0, 1)


@pytest.mark.parametrize("ci, status", [(True, 1), (False, 0)])
def test_a_skip_fails_the_run_in_ci_only(runner: ModuleType, monkeypatch, capsys, ci: bool, status: int):
    step = runner.Step("step", "title", "release", 9, lambda step: ["sh", "-c", with_xml(PASSED + SKIPPED)], runner.pytest_result)
    monkeypatch.setattr(runner, "IN_CI", ci)
    monkeypatch.setattr(runner, "STEPS", [step])
    monkeypatch.setattr(runner.sys, "argv", ["run", "step"])
    monkeypatch.setattr(runner.signal, "signal", lambda *_: None)
    assert runner.main() == status
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 0 failed, 1 skipped"
