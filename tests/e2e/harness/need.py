"""One rule for a test that cannot run here: say why and skip; in CI that is a failure."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def cannot_run(reason: str) -> NoReturn:
    """End the test: this machine lacks something it needs."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"nothing may skip in CI: {reason}", pytrace=False)
    pytest.skip(reason)


def need_program(name: str, package: str) -> str:
    """The absolute path of a program from a package that bootstrap installs."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not found:
        cannot_run(f"{name} is missing: apt-get install {package}")
    return found
