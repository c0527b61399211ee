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


CUT_OFF = 47110  # the user whose packets to some addresses are lost


def cut(address):
    """Loses what CUT_OFF sends to an address of this namespace, which everybody else reaches."""
    if not os.path.exists("/sys/class/net/hole0"):
        dig_hole()
        # Rules are asked in order, and whose address it is comes first otherwise.
        ip("rule", "add", "pref", "100", "lookup", "local")
        ip("rule", "del", "pref", "0")
    ip("route", "replace", address, "via", HOLE, "dev", "hole0", "table", "99")
    ip("rule", "add", "pref", "50", "uidrange", f"{CUT_OFF}-{CUT_OFF}", "to", address, "lookup", "99")


def heal(address):
    ip("rule", "del", "pref", "50", "uidrange", f"{CUT_OFF}-{CUT_OFF}", "to", address)


# A process of that user which may use the files of the test all the same.
_MAY = "+dac_override,+dac_read_search,+fowner,+chown"
AS_CUT_OFF = ["setpriv", "--reuid", str(CUT_OFF), "--inh-caps", _MAY, "--ambient-caps", _MAY]
