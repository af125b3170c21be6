"""tailnet - a stage whose edge reaches the server over a real tailnet: the rig of tests/tailnet, made once for a run.

Client and edge are joined by virtual Ethernet, edge and server by tailscaled's WireGuard. `direct` is the edge itself as the
client: what the tailnet costs without a hop. All variants share the one edge, so they come and go one after the other.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from stage import BACKEND, CLIENT, EDGE, Stage
from variants import HERE, Missing

RIG = HERE.parent / "tests" / "tailnet"

# What the tailnet itself leaves room to see; the rest would measure WireGuard.
MEASURES = ("rr-64x64", "paced-10000", "bulk-up-1", "bulk-down-1", "conn", "smtp-4096")


def make() -> Any:
    """The rig, to be entered; tailscaled and its control server are built when they are not there yet (needs Go)."""
    sys.path.insert(0, str(RIG))
    try:
        import programs
        import rig
    except ImportError as why:
        raise Missing(f"the tailnet of {RIG} cannot be used: {why}") from None
    try:
        programs.folder()
    except programs.Unavailable as why:
        raise Missing(f"tailscaled cannot be built: {why}") from None
    return rig.Rig()


class TailnetStage(Stage):
    def __init__(self, logs: Path, rig: Any, edge: bool) -> None:
        super().__init__(logs, edge)
        self.rig = rig
        # The names that the rig has for the places.
        self.known = {CLIENT: "client" if edge else "edge", EDGE: "edge", BACKEND: "backend"}

    @property
    def server(self) -> str:
        return self.rig.nodes[self.known[BACKEND]].ip4()

    @property
    def edge(self) -> str:
        return sys.modules["harness.net"].V4.edge

    def name(self, where: str) -> str:
        return self.rig.name(self.known[where])

    def _build(self) -> None:
        """It stands already."""

    def _remove(self) -> None:
        """It goes with the rig."""
