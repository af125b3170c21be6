"""One call of the program that ends by itself: its status, what it said, and where."""

from __future__ import annotations

import subprocess
from typing import Any

from harness.edge import default_binary


def call(*args: str, seconds: float = 20, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([default_binary(), *args], capture_output=True, text=True, timeout=seconds,
                          stdin=subprocess.DEVNULL, errors="replace", **options)
