#!/usr/bin/python3
"""Crowds, each a process of its own, so that a test can do something else meanwhile: visitors that connect at a steady rate,
the backends they are led to, and long transfers. All check every byte. Standard error is not used; the last line of
standard output is a JSON object.

Visitor and backend: a length, as many random bytes; back come the backend's letter, the client's port as the PROXY header named
it (0: none came), and the same bytes. Then one of them closes, the other answers with its own end.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import struct
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import Any, Iterator

V1, V2 = b"PROXY ", b"\r\n\r\n\0\r\nQUIT\n"
PATIENCE = 20.0
REMEMBERED = 20  # failures that are told in words


async def read_header(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """(port of the client in a PROXY header or 0, what was read besides)."""
    start = await reader.readexactly(4)
    if start == V1[:4]:
        line = start + await reader.readuntil(b"\r\n")
        return int(line.split()[4]), b""
    if start != V2[:4]:
        return 0, start
    head = start + await reader.readexactly(12)
    assert head[:12] == V2, head
    body = await reader.readexactly(struct.unpack("!H", head[14:16])[0])
    at = 8 if head[13] >> 4 == 1 else 32
    return struct.unpack("!H", body[at:at + 2])[0], b""


async def serve(letter: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        port, start = await read_header(reader)
        size, = struct.unpack("!I", start or await reader.readexactly(4))
        closes_first, size = size >> 31, size & 0x7fffffff
        payload = await reader.readexactly(size)
        writer.write(letter + struct.pack("!H", port) + payload)
        if not closes_first:
            await reader.read()
        writer.close()
        if closes_first:
            await reader.read()
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def backends(ports: dict[str, int]) -> dict[str, Any]:
    servers = [await asyncio.start_server(lambda r, w, letter=letter.encode(): serve(letter, r, w), "127.0.0.1", port, backlog=4096)
               for letter, port in ports.items()]
    print("ready", flush=True)
    await stdin_end()
    for server in servers:
        server.close()
    return {}


class Visitors:
    def __init__(self, targets: list[tuple[str, int]], rate: float, proxied: bool, letters: str) -> None:
        self.targets, self.rate, self.proxied, self.letters = targets, rate, proxied, letters
        self.outcomes = {"served": 0, "refused": 0, "broken": 0, "altered": 0}
        self.by_letter: dict[str, int] = {}
        self.failures: list[str] = []
        self.slowest = 0.0

    def fail(self, outcome: str, words: str) -> None:
        self.outcomes[outcome] += 1
        # Nobody being there is what some tests expect, and often.
        if len(self.failures) < REMEMBERED or (outcome != "refused" and len(self.failures) < 2 * REMEMBERED):
            self.failures.append(f"{outcome}: {words}")

    async def visit(self, number: int) -> None:
        address, port = self.targets[number % len(self.targets)]
        began = time.monotonic()
        # Addresses of their own: the ports of one would all be in TIME_WAIT soon.
        own = (f"127.0.0.{2 + number % 100}", 0) if ":" not in address else None
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection(address, port, local_addr=own), PATIENCE)
        except (OSError, asyncio.TimeoutError) as error:
            self.fail("refused", f"{type(error).__name__} {error}")
            return
        try:
            await asyncio.wait_for(self.talk(number, reader, writer), PATIENCE)
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError) as error:
            mine = writer.get_extra_info("sockname")
            self.fail("broken", f"{mine[0]}:{mine[1]} {type(error).__name__} {error} after {time.monotonic() - began:.3f} s")
        except AssertionError as error:
            self.fail("altered", str(error))
        else:
            self.outcomes["served"] += 1
        finally:
            writer.close()
            self.slowest = max(self.slowest, time.monotonic() - began)

    async def talk(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        payload = os.urandom(random.randrange(1, 4096))
        server_closes_first = number % 2
        writer.write(struct.pack("!I", server_closes_first << 31 | len(payload)) + payload)
        answer = await reader.readexactly(3 + len(payload))
        if not server_closes_first:
            writer.write_eof()
        rest = await reader.read()
        letter, seen = chr(answer[0]), struct.unpack("!H", answer[1:3])[0]
        mine = writer.get_extra_info("sockname")[1]
        assert answer[3:] == payload and not rest, "other bytes came back"
        assert seen == mine or (seen == 0 and not self.proxied), f"the backend saw port {seen}, not {mine}"
        assert letter in self.letters, f"backend {letter}"
        self.by_letter[letter] = self.by_letter.get(letter, 0) + 1

    async def run(self) -> dict[str, Any]:
        stop = asyncio.ensure_future(stdin_end())
        began, number, visits = time.monotonic(), 0, set()
        print("ready", flush=True)
        while not stop.done():
            while number < (time.monotonic() - began) * self.rate:
                task = asyncio.ensure_future(self.visit(number))
                visits.add(task)
                task.add_done_callback(visits.discard)
                number += 1
            await asyncio.sleep(0.005)
        seconds = time.monotonic() - began
        if visits:
            await asyncio.wait(visits)
        return {**self.outcomes, "by_letter": self.by_letter, "failures": self.failures, "slowest": round(self.slowest, 3),
                "rate": round(number / seconds)}


class Transfer:
    """One connection through an edge, both ends here: bytes whose order is known, both ways, until told to stop."""

    BLOCK = 1 << 20

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.pools = [random.Random(seed).randbytes(self.BLOCK) for seed in (1, 2)]
        self.sent = [0, 0]
        self.stop = False

    async def send(self, way: int, writer: asyncio.StreamWriter) -> None:
        began = time.monotonic()
        while not self.stop:
            if self.sent[way] > (time.monotonic() - began) * self.rate:
                await asyncio.sleep(0.01)
                continue
            start = self.sent[way] % self.BLOCK
            piece = self.pools[way][start:start + random.randrange(1, 1 << 16)]
            writer.write(piece)
            await writer.drain()
            self.sent[way] += len(piece)
        writer.write_eof()

    async def check(self, way: int, reader: asyncio.StreamReader) -> None:
        came = 0
        while piece := await reader.read(1 << 16):
            start = came % self.BLOCK
            expected = self.pools[way][start:start + len(piece)]
            expected += self.pools[way][:len(piece) - len(expected)]
            assert piece == expected, f"byte {came} and the next {len(piece)} are not what was sent"
            came += len(piece)
        assert came == self.sent[way], f"{came} bytes came, {self.sent[way]} were sent"

    async def run(self, port: int, backend: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        client, (taken, _) = await asyncio.gather(asyncio.open_connection("127.0.0.1", port), loop.sock_accept(backend))
        server = await asyncio.open_connection(sock=taken)
        await read_header(server[0])
        await asyncio.gather(self.send(0, client[1]), self.send(1, server[1]), self.check(1, client[0]), self.check(0, server[0]))
        client[1].close()
        server[1].close()


async def transfers(ports: list[tuple[int, int]], each: int, rate: int) -> dict[str, Any]:
    """`ports`: (the edge's, the backend's that it leads to, with a PROXY header), `each` connections on each, one after the other."""
    running: list[tuple[Transfer, asyncio.Future[None]]] = []
    for front, back in ports:
        listener = socket.create_server(("127.0.0.1", back))
        listener.setblocking(False)
        for _ in range(each):
            transfer = Transfer(rate)
            running.append((transfer, asyncio.ensure_future(transfer.run(front, listener))))
            while not all(transfer.sent) and not running[-1][1].done():
                await asyncio.sleep(0.01)
    print("ready", flush=True)
    await stdin_end()
    for transfer, _ in running:
        transfer.stop = True
    results = await asyncio.gather(*(task for _, task in running), return_exceptions=True)
    failures = [f"{type(result).__name__} {result}" for result in results if result is not None]
    return {"failures": failures, "count": len(running), "bytes": [sum(transfer.sent) for transfer, _ in running]}


async def stdin_end() -> None:
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, sys.stdin.read)


class Crowd:
    """A running crowd; finish() ends it and gives its account."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.account: dict[str, Any] | None = None

    def finish(self, patience: float = 60) -> dict[str, Any]:
        if self.account is None:
            out, _ = self.process.communicate("", timeout=patience)
            assert self.process.returncode == 0, f"the crowd ended with {self.process.returncode}: {out[-500:]}"
            self.account = json.loads(out.strip().splitlines()[-1])
        return self.account


@contextmanager
def crowd(kind: str, *arguments: Any) -> Iterator[Crowd]:
    """crowd("visitors", [[address, port]…], rate, proxied, letters), crowd("backends", {letter: port}),
    crowd("transfers", [[port, backend's port]…], connections on each, bytes a second)."""
    process = subprocess.Popen([sys.executable, __file__, kind, json.dumps(arguments)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout and process.stdout.readline() == "ready\n", f"{kind} did not begin"
        yield Crowd(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def main() -> None:
    kind, arguments = sys.argv[1], json.loads(sys.argv[2])
    run = {"visitors": lambda *a: Visitors(*a).run(), "backends": backends, "transfers": transfers}[kind]
    print(json.dumps(asyncio.run(run(*arguments))))


if __name__ == "__main__":
    main()
