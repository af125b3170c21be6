"""A machine on which io_uring is not allowed: a seccomp filter as containers have it."""

from __future__ import annotations

import ctypes
import errno
import struct
from typing import Callable

IO_URING_SETUP = 425  # the same number on every architecture
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 22, 38
SECCOMP_MODE_FILTER = 2
RET_ALLOW, RET_ERRNO = 0x7FFF0000, 0x00050000
LD_W_ABS, JEQ_K, RET_K = 0x20, 0x15, 0x06


class Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def io_uring_gives(error: int) -> Callable[[], None]:
    """A preexec_fn after which io_uring_setup(2) fails with `error`, for this process and all it starts."""
    assert error in (errno.EPERM, errno.ENOSYS)
    code = b"".join(struct.pack("=HBBI", *row) for row in (
        (LD_W_ABS, 0, 0, 0),
        (JEQ_K, 0, 1, IO_URING_SETUP),
        (RET_K, 0, 0, RET_ERRNO | error),
        (RET_K, 0, 0, RET_ALLOW)))
    libc = ctypes.CDLL(None, use_errno=True)

    def install() -> None:
        program = Program(len(code) // 8, code)
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER,
                                                                      ctypes.byref(program), 0, 0):
            raise OSError(ctypes.get_errno(), "seccomp")

    return install
