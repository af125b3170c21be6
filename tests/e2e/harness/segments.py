"""A TCP client made by hand, at the other end of a TUN device: it sends the segments it is told to, however odd."""

from __future__ import annotations

import fcntl
import itertools
import os
import select
import socket
import struct
import time

from harness.net import Net

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
FIN, SYN, PSH, ACK = 1, 2, 8, 16
MSS = 1400
OURS, ITS = "10.77.0.2", "10.77.0.1"
_ports = itertools.count(40000)  # what is left of the connection before must not be taken for this one


def checksum(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _open_device(name: str) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


class Segments:
    """Connected to a port of that namespace; offsets count from its stream's first byte."""

    def __init__(self, net: Net, ns: str, port: int, stream: bytes) -> None:
        self.stream, self.own, self.port, self.first = stream, next(_ports), port, 1001
        self.device = net.call(ns, _open_device, "odd0")
        net.run(ns, ["ip", "address", "add", f"{ITS}/24", "dev", "odd0"], check=True)
        net.run(ns, ["ip", "link", "set", "odd0", "up"], check=True)
        self._send(SYN, self.first - 1)
        self.heard = self._answer() + 1
        self._send(ACK, self.first)

    def __enter__(self) -> "Segments":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.device)

    def send(self, start: int, end: int) -> None:
        for at in range(start, end, MSS):
            self._send(PSH | ACK, self.first + at, self.stream[at:min(at + MSS, end)])

    def end(self) -> None:
        self._send(FIN | ACK, self.first + len(self.stream))

    def _send(self, flags: int, seq: int, data: bytes = b"") -> None:
        heard = self.heard if flags & ACK else 0
        source, target = socket.inet_aton(OURS), socket.inet_aton(ITS)
        tcp = struct.pack("!HHIIBBHHH", self.own, self.port, seq, heard, 5 << 4, flags, 65000, 0, 0) + data
        pseudo = source + target + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(tcp))
        tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0, 64, socket.IPPROTO_TCP, 0, source, target)
        os.write(self.device, ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + tcp)

    def _answer(self, patience: float = 5) -> int:
        """The sequence number of the SYN that comes back."""
        deadline = time.monotonic() + patience
        while select.select([self.device], [], [], max(0.0, deadline - time.monotonic()))[0]:
            packet = os.read(self.device, 4096)
            # What is left of a connection before is sent again, too.
            if packet[0] >> 4 == 4 and packet[9] == socket.IPPROTO_TCP and packet[22:24] == struct.pack("!H", self.own):
                return int(struct.unpack("!I", packet[24:28])[0])
        raise TimeoutError("nobody answers the SYN")
