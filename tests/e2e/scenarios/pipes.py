"""The last scenario of each path: whatever pipes the flows before it used are given back."""

from __future__ import annotations

from harness.rig import Ctx
from harness.wire import DOWN, MIB, UP, check_stream, send_stream, together
from scenarios import scenario


@scenario()
def all_given_back(ctx: Ctx) -> None:
    """One more bulk flow, then every descriptor is back at the count of the start."""
    with ctx.flow() as (client, server):
        together(lambda: send_stream(client, UP, MIB, finish=True),
                 lambda: send_stream(server, DOWN, MIB, finish=True),
                 lambda: check_stream(server, UP, MIB),
                 lambda: check_stream(client, DOWN, MIB))
    ctx.check_settled(pipes=True)
