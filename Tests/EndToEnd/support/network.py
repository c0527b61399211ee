"""A network of the test's own, where packets can be lost without firewall rules."""

import contextlib
import ctypes
import os
import subprocess

CLONE_NEWNET = 0x40000000
HOLE = "10.99.0.2"  # answers nothing: its frames go to a hardware address that nobody has

libc = ctypes.CDLL(None, use_errno=True)


def ip(*words):
    subprocess.run(["ip", *words], check=True)


@contextlib.contextmanager
def namespace():
    """The calling thread, and what it starts, live in a fresh network namespace with loopback."""
    outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(CLONE_NEWNET) != 0:
            raise PermissionError(ctypes.get_errno(), "unshare")
        try:
            ip("link", "set", "lo", "up")
            yield
        finally:
            libc.setns(outside, CLONE_NEWNET)
    finally:
        os.close(outside)


def dig_hole():
    """Makes HOLE an address that swallows every packet, in the present namespace."""
    ip("link", "add", "hole0", "type", "veth", "peer", "name", "hole1")
    ip("address", "add", "10.99.0.1/24", "dev", "hole0")
    for end in ("hole0", "hole1"):
        ip("link", "set", end, "up")
    ip("neighbour", "add", HOLE, "lladdr", "02:00:00:00:00:99", "dev", "hole0")
    return HOLE
