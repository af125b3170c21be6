"""Runs inside the virtual machine, as a service of its systemd: tailsplice.service as it was installed, seen from outside.

The last line is the total. A case is a function of the name case_…; they run in the order of this file, each on a service that was
stopped and has its first configuration.
"""
from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import traceback
from pathlib import Path
from typing import Callable

PATIENCE = float(os.environ["PATIENCE"])
UNIT, SOCKET = "tailsplice.service", "tailsplice.socket"
FILE = Path("/etc/tailsplice/tailsplice.ini")
DROP_INS = Path("/run/systemd/system")
BACKEND = 2525
NET_BIND = 1 << 10  # CAP_NET_BIND_SERVICE, capability.h
INI = f"""[global]
control = /run/tailsplice/control.sock
drain = 20s
[listen mail]
ports = 25
bind = 127.0.0.1 ::1
backend = mailbox:{BACKEND}
[backend mailbox]
server = 127.0.0.1
send-proxy = v2
"""


# -- the machine ---------------------------------------------------------------------------------------------------


def call(*argv: str, seconds: float = 30) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, timeout=seconds * PATIENCE)


def must(*argv: str) -> str:
    done = call(*argv)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.returncode}\n{done.stdout}{done.stderr}\n{journal()[-3000:]}"
    return done.stdout


def show(name: str, unit: str = UNIT) -> str:
    return must("systemctl", "show", "--value", "-p", name, unit).strip()


def main_pid() -> int:
    return int(show("MainPID"))


def journal(since: str = "") -> str:
    return call("journalctl", "--no-pager", "-o", "cat", "-b", "-u", UNIT, *(["--after-cursor", since] if since else [])).stdout


def cursor() -> str:
    said = must("journalctl", "--no-pager", "-n", "1", "--show-cursor", "-o", "cat")
    return said.rpartition("-- cursor: ")[2].strip()


def wait(condition: Callable[[], object], what: str, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds * PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds * PATIENCE:.0f} s: {what}\n{journal()[-3000:]}"
        time.sleep(0.05)


def drop_in(unit: str, text: str) -> None:
    folder = DROP_INS / f"{unit}.d"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "test.conf").write_text(text)
    must("systemctl", "daemon-reload")


def fresh() -> None:
    """Before each case."""
    call("systemctl", "stop", SOCKET)
    call("systemctl", "kill", "-s", "SIGKILL", UNIT)
    call("systemctl", "stop", UNIT)
    call("systemctl", "reset-failed", UNIT, SOCKET)
    for unit in (UNIT, SOCKET):
        shutil.rmtree(DROP_INS / f"{unit}.d", ignore_errors=True)
    must("systemctl", "daemon-reload")
    FILE.write_text(INI)
    shutil.chown(FILE, "root", "tailsplice")
    FILE.chmod(0o640)


# -- clients and their backend -------------------------------------------------------------------------------------


def serve_backend() -> None:
    """Says what it hears, behind a PROXY header of version 2."""
    listening = socket.create_server(("127.0.0.1", BACKEND), backlog=100)

    def echo(server: socket.socket) -> None:
        with server:
            header = server.recv(16, socket.MSG_WAITALL)
            server.recv(int.from_bytes(header[14:], "big"), socket.MSG_WAITALL)
            while data := server.recv(4096):
                server.sendall(data)

    def accept() -> None:
        while True:
            threading.Thread(target=echo, args=(listening.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def connect(port: int = 25, address: str = "127.0.0.1") -> socket.socket:
    client = socket.create_connection((address, port), timeout=10 * PATIENCE)
    client.settimeout(10 * PATIENCE)
    return client


def works(client: socket.socket) -> bool:
    """Bytes go through the edge and come back."""
    client.sendall(b"hello\n")
    return client.recv(100) == b"hello\n"


def is_refused(port: int) -> bool:
    try:
        connect(port).close()
    except ConnectionError:
        return True
    return False


# -- cases ---------------------------------------------------------------------------------------------------------


def case_started_is_listening() -> None:
    """`systemctl start` comes back when clients can come, on both families, and not before."""
    must("systemctl", "start", UNIT)
    for address in ("127.0.0.1", "::1"):
        with connect(address=address) as client:
            assert works(client)
    assert show("ActiveState") == "active"


def case_has_no_more_rights_than_it_needs() -> None:
    """Every thread: the user, one capability, no way to gain any, a system call filter."""
    must("systemctl", "start", UNIT)
    user = pwd.getpwnam("tailsplice")
    tasks = list(Path(f"/proc/{main_pid()}/task").iterdir())
    assert len(tasks) >= 2, "no worker?"
    for task in tasks:
        status = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)
        assert status["Uid"].split() == [str(user.pw_uid)] * 4 and status["Gid"].split() == [str(user.pw_gid)] * 4, status
        sets = {name: int(status[f"Cap{name}"], 16) for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")}
        assert sets == {"Inh": 0, "Prm": NET_BIND, "Eff": NET_BIND, "Bnd": NET_BIND, "Amb": 0}, sets
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2"), status
    control = os.stat("/run/tailsplice/control.sock")
    assert control.st_mode & 0o777 == 0o600 and control.st_uid == user.pw_uid, oct(control.st_mode)
    assert os.stat("/run/tailsplice").st_mode & 0o777 == 0o750


def case_exposure() -> None:
    """The verdict of systemd-analyze, in tenths: below 2.0 is its best word, OK."""
    must("systemctl", "start", UNIT)
    said = must("systemd-analyze", "security", "--no-pager", "--threshold=20", UNIT)
    print("  ", said.strip().splitlines()[-1].encode("ascii", "ignore").decode(), flush=True)


def case_may_batch_bulk() -> None:
    """The filter lets a worker become SCHED_BATCH; it says so where not."""
    since = cursor()
    must("systemctl", "restart", UNIT)
    said = journal(since)
    assert "ready" in said and "scheduling policies" not in said, said


def case_answers_at_its_socket() -> None:
    must("systemctl", "start", UNIT)
    assert '"running"' in must("tailsplice", "status", "--json")
    assert "mail" in must("tailsplice", "status")


def case_reload() -> None:
    """A privileged port more, by the same process; who is connected notices nothing."""
    must("systemctl", "start", UNIT)
    pid = main_pid()
    with connect() as client:
        assert works(client)
        FILE.write_text(INI.replace("ports = 25", "ports = 25 587"))
        must("systemctl", "reload", UNIT)
        with connect(587) as other:
            assert works(other)
        assert works(client)
    assert main_pid() == pid and show("ActiveState") == "active"
    assert re.fullmatch("serving 4 addresses, configuration [0-9a-f]{16}", show("StatusText")), show("StatusText")


def case_smallest_file() -> None:
    """Without `control` in it, what an operator types works all the same."""
    FILE.write_text(INI.split("[listen", 1)[0].replace("control = /run/tailsplice/control.sock\n", "") + "[listen" + INI.split("[listen", 1)[1])
    assert "control" not in FILE.read_text()
    must("systemctl", "start", UNIT)
    assert "running" in must("tailsplice", "status")
    must("systemctl", "reload", UNIT)


def case_bad_reload() -> None:
    """`systemctl reload` fails, the journal says each mistake with its line, and nothing else changed."""
    must("systemctl", "start", UNIT)
    pid, before = main_pid(), cursor()
    with connect() as client:
        assert works(client)
        FILE.write_text(INI.replace("ports = 25", "prots = 25") + "sned-proxy = v2\n")
        done = call("systemctl", "reload", UNIT)
        assert done.returncode != 0, "a bad file was taken"
        said = journal(before)
        assert f"{FILE}:5: " in said and f"{FILE}:11: " in said, said
        assert works(client)
    assert main_pid() == pid and show("ActiveState") == "active"
    with connect() as client:
        assert works(client)
    FILE.write_text(INI)
    must("systemctl", "reload", UNIT)


def case_hangup_reloads() -> None:
    must("systemctl", "start", UNIT)
    FILE.write_text(INI.replace("ports = 25", "ports = 25 587"))
    must("systemctl", "kill", "-s", "SIGHUP", "--kill-who=main", UNIT)
    wait(lambda: not is_refused(587), "the new port after SIGHUP")
    wait(lambda: show("ActiveState") == "active", "the state after a reload")


def case_mistake_at_start() -> None:
    """Status 1 is not tried again; the journal says why."""
    before = cursor()
    FILE.write_text(INI.replace("backend = mailbox", "backend = mialbox"))
    assert call("systemctl", "start", UNIT).returncode != 0
    assert f"{FILE}:7: " in journal(before), journal(before)
    time.sleep(3)
    assert (show("ActiveState"), show("NRestarts"), show("ExecMainStatus")) == ("failed", "0", "1")


def case_environment_at_start() -> None:
    """A port in use is tried again until it is free."""
    with socket.create_server(("127.0.0.1", 25)):
        assert call("systemctl", "start", UNIT).returncode != 0
        assert show("ExecMainStatus") == "2"
    wait(lambda: show("ActiveState") == "active", "a restart after the port is free", 15)
    with connect() as client:
        assert works(client)


def case_watchdog() -> None:
    """Alive, it stays for longer than WatchdogSec; stopped, it is replaced."""
    drop_in(UNIT, "[Service]\nWatchdogSec=3\nRestartSec=100ms\n")
    must("systemctl", "start", UNIT)
    pid = main_pid()
    time.sleep(4.5)
    assert main_pid() == pid and show("NRestarts") == "0", journal()[-2000:]
    os.kill(pid, signal.SIGSTOP)
    wait(lambda: show("NRestarts") == "1" and show("ActiveState") == "active", "a restart by the watchdog", 15)
    assert main_pid() != pid
    with connect() as client:
        assert works(client)


def case_stop_drains() -> None:
    """A live flow goes on, new clients are refused, and it ends with the flow: in good order."""
    must("systemctl", "start", UNIT)
    with connect() as client:
        assert works(client)
        must("systemctl", "stop", "--no-block", UNIT)
        wait(lambda: is_refused(25), "the end of accepting")
        assert show("ActiveState") == "deactivating"
        assert works(client)
    wait(lambda: show("ActiveState") == "inactive", "the end after the last flow")
    assert show("Result") == "success"


def case_drain_longer_than_patience() -> None:
    """More time is asked for while it drains: TimeoutStopSec does not cut a flow that `drain` would let live."""
    drop_in(UNIT, "[Service]\nTimeoutStopSec=3\n")
    must("systemctl", "start", UNIT)
    with connect() as client:
        assert works(client)
        must("systemctl", "stop", "--no-block", UNIT)
        time.sleep(6)
        assert works(client), "cut by TimeoutStopSec"
    wait(lambda: show("ActiveState") == "inactive", "the end after the last flow")
    assert show("Result") == "success"


def case_warns_when_it_cannot_ask_for_time() -> None:
    """Without notify the unit's own time counts; systemd tells it over the system bus."""
    must("busctl", "--system", "status")  # starts the bus
    before = cursor()
    drop_in(UNIT, "[Service]\nType=exec\nNotifyAccess=none\nWatchdogSec=0\nTimeoutStopSec=7\n")
    must("systemctl", "start", UNIT)
    wait(lambda: "TimeoutStopSec" in journal(before), "a warning that drain is longer than TimeoutStopSec")
    assert re.search("drain = 20 s.* 7 s", journal(before)), journal(before)


def case_silent_bus() -> None:
    """A system bus that takes the call and says nothing does not keep it from starting."""
    drop_in(UNIT, "[Service]\nType=exec\nNotifyAccess=none\nWatchdogSec=0\nEnvironment=DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/silent-bus\n")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind("/run/silent-bus")
        os.chmod("/run/silent-bus", 0o777)
        silent.listen()
        before = cursor()
        began = time.monotonic()
        must("systemctl", "start", UNIT)
        wait(lambda: "ready" in journal(before), "a start", 40)
        took = time.monotonic() - began
        silent.settimeout(0)
        silent.accept()[0].close()
    os.unlink("/run/silent-bus")
    assert took < 20, f"{took:.0f} s"  # libsystemd's own patience is 25


def socket_unit() -> None:
    drop_in(SOCKET, "[Socket]\nListenStream=\nListenStream=127.0.0.1:25\nListenStream=[::1]:25\n")
    must("systemctl", "start", SOCKET)


def case_socket_activation() -> None:
    """The first client starts the service; the sockets stay systemd's: while the service is away, clients wait."""
    socket_unit()
    assert show("ActiveState") == "inactive"
    with connect(address="::1") as client:
        assert works(client)
    assert show("ActiveState") == "active"
    must("systemctl", "stop", UNIT)
    with connect() as client:
        assert works(client)


def case_restart_refuses_nobody() -> None:
    """With the socket unit, clients that come during restarts are all served."""
    socket_unit()
    must("systemctl", "start", UNIT)
    done = threading.Event()
    served: list[bool] = []

    def come_and_go() -> None:
        while not done.is_set():
            with connect() as client:
                served.append(works(client))

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        for _ in range(3):
            must("systemctl", "restart", UNIT)
    finally:
        done.set()
        thread.join(20 * PATIENCE)
    assert not thread.is_alive() and len(served) > 10 and all(served), (len(served), served.count(False))


def case_foreign_socket_is_refused() -> None:
    """A socket that cannot be a listener is a mistake of the unit: said, with what to write."""
    drop_in(SOCKET, "[Socket]\nListenStream=\nListenDatagram=127.0.0.1:25\n")
    before = cursor()
    must("systemctl", "start", SOCKET)
    call("systemctl", "start", UNIT)
    wait(lambda: "ListenStream=" in journal(before), "words about the datagram socket")


# -- all of them ---------------------------------------------------------------------------------------------------


def run(name: str, case: Callable[[], None]) -> bool:
    began = time.monotonic()
    try:
        fresh()
        case()
    except Exception:  # noqa: BLE001 - whatever it is, the others still run
        print(f"  FAIL  {name}", *traceback.format_exc().splitlines(), sep="\n      ", flush=True)
        return False
    print(f"  ok    {name}  ({time.monotonic() - began:.1f} s)", flush=True)
    return True


def main() -> None:
    version = must("systemctl", "--version").splitlines()[0]
    print(f"{version}, kernel {os.uname().release}, ready {float(Path('/proc/uptime').read_text().split()[0]):.0f} s after its start", flush=True)
    serve_backend()
    wanted = re.compile(os.environ["CASES"])
    cases = {name.removeprefix("case_"): case for name, case in globals().items() if name.startswith("case_")}
    results = [run(name, case) for name, case in cases.items() if wanted.search(name)]
    print(f"{results.count(True)} passed, {results.count(False)} failed", flush=True)


if __name__ == "__main__":
    main()
