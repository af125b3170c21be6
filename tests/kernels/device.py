"""The edge, as a user without rights, reaches a tailnet address through an interface called tailscale0 and through no other.

Makes interfaces in the network namespace that it runs in, so it wants one of its own, as loss.py does.
"""
from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from harness.edge import Edge, free_port  # noqa: E402
from harness.wire import ends_without_data  # noqa: E402

EDGE, MAILBOX, PORT = "100.64.0.1", "100.64.0.2", 2525
NOBODY = 65534
PATIENCE = 6.0
SERVER = f"""
import socket, subprocess, sys
sys.stdin.readline()
for words in ("address add {MAILBOX}/10 dev mailbox", "link set mailbox up"):
    subprocess.run(["ip", *words.split()], check=True)
listener = socket.create_server(("{MAILBOX}", {PORT}))
print("ready", flush=True)
while True:
    client, _ = listener.accept()
    client.sendall(b"220 hello\\r\\n")
    client.close()
"""


def main() -> int:
    others = [name for _, name in socket.if_nameindex() if name != "lo"]
    if others:
        sys.exit(f"this makes interfaces: not in a namespace that also has {', '.join(others)}")
    server = subprocess.Popen(["busybox", "unshare", "-n", sys.executable, "-c", SERVER],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        problem = attempt(server)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the result
        problem = f": {type(error).__name__}: {error}"
        print(*getattr(error, "__notes__", ()), sep="\n")
    finally:
        server.kill()
    print(f"{'FAIL' if problem else 'ok  '} a tailnet address through its interface only, without rights{problem}")
    print(f"{int(not problem)} passed, {int(bool(problem))} failed")
    return 1 if problem else 0


def attempt(server: subprocess.Popen[str]) -> str:
    assert server.stdin and server.stdout
    ip("link add tailscale0 type veth peer name mailbox")
    ip(f"link set mailbox netns {server.pid}")
    ip("link set tailscale0 up")
    ip(f"address add {EDGE}/10 dev tailscale0")
    server.stdin.write("go\n")
    server.stdin.flush()
    assert server.stdout.readline() == "ready\n", "the server does not start"
    port = free_port()
    ini = f"[global]\nlog-level = debug\n[listen a]\nports = {port}\nbackend = b\n[backend b]\nserver = {MAILBOX}:{PORT}\n"
    edge = Edge(ini, patience=PATIENCE, preexec=lambda: become_nobody(edge))
    with edge:
        with socket.create_connection(("127.0.0.1", port), 20) as client:
            assert client.recv(11, socket.MSG_WAITALL) == b"220 hello\r\n", edge.log()
        ip("link delete tailscale0")
        edge.wait_log("tailscale0 is gone")
        # connect(2) itself may be the one to see the reset
        with suppress(ConnectionResetError), socket.create_connection(("127.0.0.1", port), 20) as client:
            ends_without_data(client)
        line = edge.wait_flow(lambda flow: flow["why"] == "connect-refused")
        assert line["server"].startswith(MAILBOX), line
        assert "No such device" in edge.log()
    return ""


def become_nobody(edge: Edge) -> None:
    os.chmod(edge.directory, 0o755)
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True, capture_output=True, timeout=20)


if __name__ == "__main__":
    sys.exit(main())
