"""Goes into the sandbox that a plan of sandbox.py describes, then becomes the command.

Usage: enter_sandbox.py PLAN COMMAND...

It stands between the end of a server and its next start, so it imports little. The process stays the same one.
"""

import ctypes
import json
import os
import resource
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)

NEW_NAMESPACES = 0x00020000 | 0x08000000 | 0x04000000  # mounts, IPC, host name
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 1
SECCOMP, FILTER, KEEP_CAPABILITIES, DROP_BOUND, NO_NEW_PRIVILEGES, AMBIENT, AMBIENT_RAISE = 22, 2, 8, 24, 38, 47, 2
CAPABILITY_VERSION = 0x20080522
CAPABILITIES_MAX = 64
HOMES = ["/home", "/root", "/run/user"]
DEVICES = ["null", "zero", "full", "random", "urandom", "tty"]


def check(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def mount(source, target, kind=None, flags=0, options=None):
    words = [word.encode() if word else None for word in (source, target, kind)]
    check(libc.mount(*words, ctypes.c_ulong(flags), options.encode() if options else None), f"mount {target}")


def set_read_only(target, value):
    """The mount at `target` and all below it."""
    setting, clearing = (MOUNT_ATTR_RDONLY, 0) if value else (0, MOUNT_ATTR_RDONLY)
    attributes = struct.pack("QQQQ", setting, clearing, 0, 0)
    check(libc.syscall(MOUNT_SETATTR, AT_FDCWD, target.encode(), AT_RECURSIVE, attributes, len(attributes)),
          f"mount_setattr {target}")


def put_back(opened):
    """What lay below a directory that another was mounted over, at its own place."""
    for path, raw in opened.items():
        if os.path.isdir(f"/proc/self/fd/{raw}"):
            os.makedirs(path, exist_ok=True)
        else:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        mount(f"/proc/self/fd/{raw}", path, flags=MS_BIND | MS_REC)
        os.close(raw)


def see_little(plan):
    check(libc.unshare(NEW_NAMESPACES), "unshare")
    mount(None, "/", flags=MS_REC | MS_PRIVATE)
    visible = {path: os.open(path, os.O_PATH) for path in plan["visible"]}
    devices = {f"/dev/{name}": os.open(f"/dev/{name}", os.O_PATH) for name in DEVICES}
    for place in ("/tmp", "/var/tmp"):
        mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    put_back(visible)
    mount("tmpfs", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755")
    put_back(devices)
    for place in filter(os.path.isdir, HOMES):
        mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV, "mode=000")
    for path in plan["writable"]:
        mount(path, path, flags=MS_BIND | MS_REC)
    set_read_only("/", True)
    for path, value in [("/tmp", False), ("/var/tmp", False), *((path, True) for path in plan["visible"]),
                        *((path, False) for path in plan["writable"])]:
        set_read_only(path, value)
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=invisible,subset=pid")


def be_nobody(plan):
    for number, value in plan["limits"].items():
        try:
            resource.setrlimit(int(number), (value, value))
        except ValueError:  # more than this machine gives; systemd takes what there is, too
            most = resource.getrlimit(int(number))[1]
            resource.setrlimit(int(number), (most, most))
    os.umask(plan["umask"])
    kept = plan["capabilities"]
    for number in range(CAPABILITIES_MAX):
        if number not in kept and libc.prctl(DROP_BOUND, number, 0, 0, 0) != 0:
            break  # the kernel knows no more of them
    check(libc.prctl(KEEP_CAPABILITIES, 1, 0, 0, 0), "prctl")
    os.setgroups(plan["groups"])
    os.setresgid(*[plan["group"]] * 3)
    os.setresuid(*[plan["user"]] * 3)
    mask = sum(1 << number for number in kept)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    check(libc.capset(struct.pack("Ii", CAPABILITY_VERSION, 0), struct.pack("6I", low, low, low, high, high, high)),
          "capset")
    for number in kept:
        check(libc.prctl(AMBIENT, AMBIENT_RAISE, number, 0, 0), "prctl")
    check(libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0), "prctl")


def ask_little(rules):
    """From here on the kernel answers only what the filter lets through."""
    program = ctypes.create_string_buffer(rules, len(rules))
    filter = struct.pack("HxxxxxxP", len(rules) // 8, ctypes.addressof(program))
    check(libc.prctl(SECCOMP, FILTER, filter, 0, 0), "seccomp")


def main(path, *command):
    with open(path) as file:
        plan = json.load(file)
    with open(plan["filter"], "rb") as file:
        rules = file.read()
    directory = os.getcwd()
    see_little(plan)
    os.chdir(directory)
    be_nobody(plan)
    ask_little(rules)
    os.execv(command[0], command)


main(*sys.argv[1:])
