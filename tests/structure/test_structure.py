"""The structure checks on this repository, and each of them on small bad trees: a check that cannot fail proves nothing."""

from pathlib import Path

import includes
import pytest
import reference
import sizes

ROOT = Path(__file__).resolve().parents[2]
# Values from the environment are not understood yet, so the examples that use them cannot be checked yet.
CONFIGS = sorted(p for p in (ROOT / "configs").glob("*.ini") if "${" not in p.read_text())

ORDER = "base: log addr\nengine: timer local ring\nedge: flow\n<liburing.h>: src/engine/ring.c\n"


def plant(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def fake_program(root: Path, script: str) -> str:
    path = plant(root, {"program": f"#!/bin/sh\n{script}\n"}) / "program"
    path.chmod(0o755)
    return str(path)


def test_includes_go_down():
    assert includes.check(ROOT) == []


def test_files_and_functions_are_small():
    assert sizes.check(ROOT) == []


def test_full_ini_shows_every_key():
    assert reference.check(ROOT, reference.binary(ROOT)) == []


def test_there_are_configurations():
    assert ROOT / reference.FILE in CONFIGS


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.name)
def test_configuration_is_accepted(path: Path):
    assert reference.check_accepted(path, reference.binary(ROOT)) == []


GOOD = {
    "tests/structure/layers.txt": ORDER,
    "include/base/log.h": "",
    "include/base/addr.h": '#include "base/log.h"\n',
    "include/engine/ring.h": '#include <stdint.h>\n#include "base/addr.h"\n',
    "include/edge/flow.h": "",
    "src/engine/ring.c": '#include "engine/ring.h"\n#include <liburing.h>\n#include "local.h"\n#include "base/log.h"\n',
    "src/engine/local.h": "",
    "src/edge/flow.c": '#include "edge/flow.h"\n#include "engine/ring.h"\n',
}


@pytest.mark.parametrize(
    "files, complaint",
    [
        ({"src/base/log.c": '\n#include "edge/flow.h"\n'}, "src/base/log.c:2: \"edge/flow.h\" is in the layer edge"),
        ({"src/base/log.c": '#include "base/addr.h"\n'}, "src/base/log.c:1: \"base/addr.h\" stands to the right of log"),
        ({"src/edge/flow.c": "  #  include <liburing.h>\n"}, "src/edge/flow.c:1: <liburing.h> may only be included by"),
        ({"src/edge/flow.c": "#include <base/log.h>\n"}, 'src/edge/flow.c:1: write "base/log.h" with quotes'),
        ({"src/edge/flow.c": '#include "../base/log.h"\n'}, 'src/edge/flow.c:1: "../base/log.h" is neither'),
        ({"src/edge/stray.c": ""}, "src/edge/stray.c:1: this module is not named"),
        ({"src/stray.c": ""}, "src/stray.c:1: this module is not named"),
        ({"include/base/new.h": "", "src/edge/flow.c": '#include "base/new.h"\n'}, 'src/edge/flow.c:1: "base/new.h" is a module'),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_includes_complains(tmp_path: Path, files: dict[str, str], complaint: str):
    assert includes.check(plant(tmp_path, GOOD)) == []
    assert any(m.startswith(complaint) for m in includes.check(plant(tmp_path, files)))


def test_includes_complains_about_nothing_to_check(tmp_path: Path):
    assert includes.check(plant(tmp_path, {"tests/structure/layers.txt": ORDER}))


def c_function(lines: int, head: str = "static int f(int a,\n\t     int b)\n{\n") -> str:
    return head + "\ta++;\n" * (lines - 2) + "}\n"


def python_function(lines: int) -> str:
    return "class A:\n    def f(self):\n" + "        pass\n" * (lines - 1)


@pytest.mark.parametrize(
    "name, text, complaint",
    [
        ("src/a.c", "\n" * 501, "src/a.c:501: the file has 501 lines"),
        ("bench/a.py", "\n" * 501, "bench/a.py:501: the file has 501 lines"),
        ("tests/a", "#!/bin/sh\n" + "\n" * 500, "tests/a:501: the file has 501 lines"),
        ("include/a.h", c_function(71), "include/a.h:3: f has 71 lines"),
        ("bpf/a.bpf.c", c_function(71, "int f(void) {\n"), "bpf/a.bpf.c:1: f has 71 lines"),
        ("src/a.c", "struct a {\n};\n\nint f(void)\n{\n", "src/a.c:5: f has no closing brace"),
        ("bootstrap", "#!/bin/sh\n" + c_function(71, "f() {\n"), "bootstrap:2: f has 71 lines"),
        ("tests/a.py", python_function(71), "tests/a.py:2: f has 71 lines"),
        ("tests/a", "#!/usr/bin/python3\n" + python_function(71), "tests/a:3: f has 71 lines"),
    ],
    ids=lambda value: value if "\n" not in value else "",
)
def test_sizes_complains(tmp_path: Path, name: str, text: str, complaint: str):
    assert any(m.startswith(complaint) for m in sizes.check(plant(tmp_path, {name: text})))


def test_sizes_accepts_the_limit(tmp_path: Path):
    table = "static const struct row rows[] = {\n" + "\t{ 1 },\n" * 100 + "};\n"
    good = {"src/a.c": c_function(70) + table, "src/b.c": "\n" * 500, "tests/a.py": python_function(70)}
    assert sizes.check(plant(tmp_path, good)) == []


def test_sizes_complains_about_nothing_to_check(tmp_path: Path):
    assert sizes.check(tmp_path)


KEYS = "echo global workers; echo listen ports; echo listen idle; echo backend idle"
FULL = "[global]\n; how many\n;workers = auto\n[listen a]\nports = 25 ; 80\n[defaults]\n; idle = 10m\n"


@pytest.mark.parametrize(
    "text, keys, complaint",
    [
        (FULL + "[listen b]\nprots = 1\n", KEYS, "configs/full.ini:9: the program knows no key 'prots' in [listen]"),
        (FULL + "[backend b]\n; ports = 1\n", KEYS, "configs/full.ini:9: the program knows no key 'ports' in [backend]"),
        (FULL, KEYS + "; echo global drain", "configs/full.ini:1: [global] does not show the key 'drain'"),
        (FULL.replace("defaults", "listen b"), KEYS, "configs/full.ini:1: [backend] does not show the key 'idle'"),
        (FULL, "exit 1", "PROGRAM:1: check --keys: "),
        (FULL, "exit 0", "PROGRAM:1: check --keys names no key"),
    ],
    ids=lambda value: value if value.startswith(("configs/", "PROGRAM")) else "",
)
def test_reference_complains(tmp_path: Path, text: str, keys: str, complaint: str):
    good = plant(tmp_path, {"configs/full.ini": FULL})
    assert reference.check(good, fake_program(tmp_path, KEYS)) == []
    program = fake_program(tmp_path, keys)
    found = reference.check(plant(tmp_path, {"configs/full.ini": text}), program)
    assert any(m.startswith(complaint.replace("PROGRAM", program)) for m in found)


def test_a_refused_configuration_is_a_complaint(tmp_path: Path):
    refuses = fake_program(tmp_path, 'echo "$3:4: unknown key" >&2; exit 1')
    assert reference.check_accepted(tmp_path / "a.ini", refuses) == [f"{tmp_path}/a.ini:4: unknown key"]
    assert reference.check_accepted(tmp_path / "a.ini", fake_program(tmp_path, "exit 3"))
