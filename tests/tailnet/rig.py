"""A tailnet of real nodes, made for one test run: tailscaled in namespaces, WireGuard between them, no way out.

    client 203.0.113.100-102 -- 203.0.113.10 edge 198.51.100.10 --.
                                                                   control 198.51.100.1: coordination, DERP, STUN, a name server
                                          backend 198.51.100.20 --'
                                            spare 198.51.100.30 --'

edge and backend are nodes of the tailnet; spare is one when a test wants a third. A node is `daemon NAME` (a tailscaled) in a
namespace. The control server is the rig's own program (control/), told over a unix socket.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from harness.net import BACKEND, CLIENT, EDGE, V4, V6, Net, has_ended, ip  # noqa: E402

import programs  # noqa: E402

CONTROL, SPARE = "control", "spare"
UNDERLAY = {EDGE: V4.edge_back, BACKEND: V4.backend, SPARE: "198.51.100.30"}
CENTRE = "198.51.100.1"
DOMAIN = "rig.ts.net"
NODE = {EDGE: "edge", BACKEND: "mailbox", SPARE: "mailbox"}  # what each asks to be called
DEVICE = "tailscale0"
LET_ALL = [{"src": "*", "dst": "*", "ports": ["*"]}]
# tailscaled rewrites /etc/resolv.conf: it gets an /etc of its own, in which that file is the one of its namespace
IN_OWN_ETC = 'mount --bind "$2" "$1/resolv.conf" && mount --rbind "$1" /etc && shift 2 && exec "$@"'


class UnixHTTP(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("local-tailscaled.sock", timeout=timeout)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


def ask(path: Path, method: str, url: str, body: Any = None, timeout: float = 20) -> Any:
    """One request over a unix socket, JSON both ways."""
    connection = UnixHTTP(path, timeout)
    try:
        connection.request(method, url, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    if answer.status >= 300:
        raise RuntimeError(f"{method} {url}: {answer.status} {text.decode(errors='replace')[:400]}")
    try:
        return json.loads(text)
    except ValueError:
        return None


def wait_until(condition: Callable[[], Any], what: str, timeout: float = 20) -> Any:
    deadline = time.monotonic() + timeout
    while True:
        try:
            if value := condition():
                return value
        except (OSError, RuntimeError, http.client.HTTPException):
            pass
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
        time.sleep(0.02)


class Daemon:
    """One tailscaled: its process, its sockets, and what it says of itself."""

    def __init__(self, rig: Rig, ns: str, asked: str, userspace: bool) -> None:
        self.rig, self.ns, self.asked, self.userspace = rig, ns, asked, userspace
        self.dir = Path(tempfile.mkdtemp(prefix=f"{ns}-", dir=rig.dir))
        self.dir.chmod(0o755)
        self.socket = self.dir / "tailscaled.sock"
        self.process: subprocess.Popen[Any] | None = None

    def start(self) -> None:
        own = self.own_etc()
        mode = ["--tun=userspace-networking", "--socks5-server=127.0.0.1:1055"] if self.userspace else [f"--tun={DEVICE}"]
        command = ["unshare", "--mount", "sh", "-c", IN_OWN_ETC, "sh", str(own), str(self.rig.resolv(self.ns)),
                   str(self.rig.programs / "tailscaled"), *mode, f"--statedir={self.dir}", f"--socket={self.socket}", "--port=0",
                   "--no-logs-no-support"]
        environment = {**os.environ, "HOME": str(self.dir), "TS_DEBUG_FIREWALL_MODE": "nftables",
                       "TS_PANIC_IF_HIT_MAIN_CONTROL": "1"}
        with open(self.dir / "log", "ab") as log:
            self.process = self.rig.popen(self.ns, command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        self.explained(self.status, f"tailscaled of {self.ns} answers")

    def own_etc(self) -> Path:
        own = self.dir / "etc"
        own.mkdir(exist_ok=True)
        for name in ("passwd", "group", "nsswitch.conf", "hosts", "os-release", "resolv.conf"):
            (own / name).write_bytes(Path("/etc", name).read_bytes() if Path("/etc", name).exists() else b"")
        return own

    def explained(self, condition: Callable[[], Any], what: str) -> None:
        try:
            wait_until(condition, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()[-3000:]}") from None

    def join(self) -> None:
        prefs = {"ControlURL": f"http://{CENTRE}:8080", "WantRunning": True, "Hostname": self.asked, "CorpDNS": True,
                 "AdvertiseTags": [f"tag:{self.asked}"], "NetfilterMode": 2}
        ask(self.socket, "POST", "/localapi/v0/start", {"UpdatePrefs": prefs})
        ask(self.socket, "POST", "/localapi/v0/login-interactive")
        self.await_running()

    def await_running(self) -> None:
        """Watched with engine updates (mask 1), as `tailscale up` does: else it may miss that the relay is connected, and stay Starting."""
        bus = UnixHTTP(self.socket, 20)
        bus.request("GET", "/localapi/v0/watch-ipn-bus?mask=1")
        try:
            self.explained(self.is_running, f"{self.asked} is in the tailnet")
        finally:
            bus.close()

    def is_running(self) -> bool:
        return self.status()["BackendState"] == "Running" and bool(self.addresses())

    def status(self) -> dict[str, Any]:
        return ask(self.socket, "GET", "/localapi/v0/status")

    def addresses(self) -> list[str]:
        return self.status()["TailscaleIPs"] or []

    def ip4(self) -> str:
        return next(a for a in self.addresses() if "." in a)

    def peer(self, address: str) -> dict[str, Any] | None:
        """What it knows of the peer with that address."""
        peers = (self.status()["Peer"] or {}).values()
        return next((p for p in peers if address in p["TailscaleIPs"]), None)

    def log(self) -> str:
        return (self.dir / "log").read_text(errors="replace")

    def kill(self, number: signal.Signals) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.process is None:
            return
        if not has_ended(self.process.pid):
            self.kill(signal.SIGCONT)
            self.kill(number)
            wait_until(lambda: has_ended(self.process.pid), f"tailscaled of {self.ns} ends", 10)
        self.rig.stop(self.process)
        self.process = None


class Rig(Net):
    """The namespaces, what runs in them, and `nodes`: the daemon of each namespace that has one."""

    namespaces = (CLIENT, EDGE, BACKEND, SPARE, CONTROL)

    def __enter__(self) -> Rig:
        self.programs = programs.folder()
        self.dir = Path(tempfile.mkdtemp(prefix=f"tailsplice-{os.getpid()}-"))
        self.dir.chmod(0o755)
        self.admin_socket = self.dir / "admin"
        self.nodes: dict[str, Daemon] = {}
        super().__enter__()
        try:
            self._start_control()
            for ns in (EDGE, BACKEND):
                self.add_node(ns)
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        for daemon in list(self.nodes.values()):
            daemon.stop(signal.SIGKILL)
        super().close()
        for ns in self.namespaces:
            shutil.rmtree(self._etc(ns), ignore_errors=True)
        shutil.rmtree(self.dir, ignore_errors=True)

    def restore(self) -> None:
        """As it was made, whatever a test did."""
        self.allow()
        self.relay(False)
        if SPARE in self.nodes:
            self.nodes.pop(SPARE).stop(signal.SIGKILL)
        if not self._is_fresh():
            self._renew()
        # seldom two nodes that were just made do not find each other
        for last in (False, False, True):
            try:
                return self.acquaint(20 if last else 5)
            except AssertionError:
                if last:
                    raise
                self._renew()

    def _renew(self) -> None:
        for ns in (EDGE, BACKEND):
            if ns in self.nodes:
                self.nodes.pop(ns).stop(signal.SIGKILL)
        for node in self.known():
            self.tell("delete", ip=node["addresses"][0])
        for ns in (EDGE, BACKEND):
            self.add_node(ns)

    def _is_fresh(self) -> bool:
        try:
            names = sorted(node["name"] for node in self.known() if node["online"] and not node["expires"])
            return (len(self.known()) == 2 and names == [f"edge.{DOMAIN}", f"mailbox.{DOMAIN}"]
                    and all(self.nodes[ns].is_running() and not self.nodes[ns].userspace for ns in (EDGE, BACKEND)))
        except (KeyError, OSError, http.client.HTTPException):
            return False

    # -- nodes -----------------------------------------------------------------------------------------------------

    def add_node(self, ns: str, *, asked: str = "", userspace: bool = False) -> Daemon:
        """A new node, with keys and an address that none had before, in place of the one that ran there."""
        if ns in self.nodes:
            self.nodes.pop(ns).stop(signal.SIGKILL)
        self.resolv(ns).write_text(f"nameserver {CENTRE}\n")
        daemon = Daemon(self, ns, asked or NODE[ns], userspace)
        self.nodes[ns] = daemon
        daemon.start()
        daemon.join()
        return daemon

    def acquaint(self, timeout: float = 20) -> None:
        """Waits until the edge reaches the mailbox without a relay."""
        address = self.nodes[BACKEND].ip4()
        wait_until(lambda: self.nodes[EDGE].peer(address), f"the edge knows {address}", timeout)
        pongs: list[Any] = []

        def is_direct() -> Any:
            pongs.append(self.ping(address, "disco"))
            return pongs[-1].get("Endpoint")

        try:
            wait_until(is_direct, f"the edge reaches {address} directly", timeout)
        except AssertionError as error:
            logs = "".join(f"--- {ns}\n{self.nodes[ns].log()[-4000:]}\n" for ns in (EDGE, BACKEND))
            raise AssertionError(f"{error}: {len(pongs)} pongs, the last: {pongs[-1:]}\n{self.known()}\n{logs}") from None

    def mailbox_hosts(self) -> list[str]:
        """Its addresses, as they stand before a ":PORT"."""
        return [f"[{a}]" if ":" in a else a for a in self.nodes[BACKEND].addresses()]

    def settle(self, condition: Callable[[], Any]) -> None:
        """Waits for what a node is about to hear from the control server."""
        wait_until(condition, "the news has arrived")

    def ping(self, address: str, kind: str = "TSMP") -> dict[str, Any]:
        query = urlencode({"ip": address, "type": kind})
        return ask(self.nodes[EDGE].socket, "POST", f"/localapi/v0/ping?{query}", timeout=2)

    def tell(self, what: str, **query: str) -> None:
        """An order to the control server: admin.go has the list."""
        ask(self.admin_socket, "POST", f"/{what}?{urlencode(query)}")

    def allow(self, *grants: dict[str, Any]) -> None:
        """What the policy grants, and nothing else."""
        ask(self.admin_socket, "POST", "/policy", list(grants) if grants else LET_ALL)

    def known(self) -> list[dict[str, Any]]:
        return ask(self.admin_socket, "GET", "/nodes")

    def relay(self, on: bool) -> None:
        """Whether nodes reach each other only through DERP: ports of the bridge that are isolated reach the bridge alone."""
        for ns in UNDERLAY:
            command = ["bridge", "link", "set", "dev", f"to-{ns}", "isolated", "on" if on else "off"]
            self.run(CONTROL, command, check=True, timeout=20)

    # -- what it is made of ----------------------------------------------------------------------------------------

    def _etc(self, ns: str) -> Path:
        """What `ip netns exec` puts over /etc."""
        return Path("/etc/netns", self.name(ns))

    def resolv(self, ns: str) -> Path:
        return self._etc(ns) / "resolv.conf"

    def _make(self) -> None:
        for ns in self.namespaces:
            self._add_namespace(ns)
            self._etc(ns).mkdir(parents=True)
            self.resolv(ns).write_text(f"nameserver {CENTRE}\n")
        self._make_underlay()
        self._link((CLIENT, "out"), (EDGE, "front"))
        for ns, device in ((CLIENT, "out"), (EDGE, "front")):
            ip("-n", self.name(ns), "link", "set", device, "up")
        for family in (V4, V6):
            for ns, device, addresses in ((CLIENT, "out", family.clients), (EDGE, "front", (family.edge,))):
                for address in addresses:
                    more = ("nodad",) if family is V6 else ()
                    ip("-n", self.name(ns), "address", "add", f"{address}/{family.prefix}", "dev", device, *more)

    def _make_underlay(self) -> None:
        centre = self.name(CONTROL)
        ip("-n", centre, "link", "add", "bridge", "type", "bridge")
        ip("-n", centre, "address", "add", f"{CENTRE}/24", "dev", "bridge")
        ip("-n", centre, "link", "set", "bridge", "up")
        for ns, address in UNDERLAY.items():
            self._link((CONTROL, f"to-{ns}"), (ns, "back"))
            ip("-n", centre, "link", "set", f"to-{ns}", "master", "bridge", "up")
            ip("-n", self.name(ns), "address", "add", f"{address}/24", "dev", "back")
            ip("-n", self.name(ns), "link", "set", "back", "up")
            ip("-n", self.name(ns), "route", "add", "default", "via", CENTRE)

    def _start_control(self) -> None:
        command = [str(self.programs / "control"), "-ip", CENTRE, "-domain", DOMAIN, "-admin", str(self.admin_socket),
                   "-name", f"mail.example.com={V4.edge},{V6.edge}"]
        with open(self.dir / "control.log", "ab") as log:
            self.popen(CONTROL, command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(lambda: self.known() is not None, "the control server answers")
