"""The sandbox of the unit, for servers that no systemd starts: what the unit forbids shows in the laboratory.

`Sandbox` reads the unit's [Service] section. Each of its lines is put into force by enter_sandbox.py, or `ELSEWHERE` says
who sees to it; one that is in neither is an error.
"""

import errno
import grp
import json
import os
import pathlib
import pwd
import resource
import socket
import subprocess

import seccomp

ENTER = pathlib.Path(__file__).resolve().parent / "enter_sandbox.py"

# A user and a group that exist nowhere else, where the unit's are not there.
STAND_IN = 63_777

CAPABILITIES = {"CAP_NET_BIND_SERVICE": 10}
FAMILIES_MAX = 46
READ, WRITE, EXECUTE = 1, 2, 4
SHARED_EXECUTE = 0o100000
NAMESPACES = 0x7E020080  # every CLONE_NEW flag
SET_ID = 0o6000

# Settings that are simply on.
SWITCHES = {"NoNewPrivileges", "LockPersonality", "MemoryDenyWriteExecute", "RestrictSUIDSGID", "RestrictNamespaces",
            "ProtectHome", "PrivateTmp", "PrivateDevices", "PrivateIPC", "ProtectHostname"}
# Settings of which enter_sandbox.py knows one value.
FIXED = {"ProtectSystem": "strict", "ProtectProc": "invisible", "ProcSubset": "pid", "SystemCallArchitectures": "native",
         "SystemCallErrorNumber": "EPERM"}
READ_HERE = {"User", "Group", "SupplementaryGroups", "UMask", "AmbientCapabilities", "CapabilityBoundingSet",
             "RestrictAddressFamilies", "SystemCallFilter", "LimitNOFILE", "LimitMEMLOCK", "LimitCORE"}
ELSEWHERE = {
    **dict.fromkeys(["Type", "NotifyAccess", "ExecStart", "KillMode", "TimeoutStopSec", "Restart", "RestartSec",
                     "WatchdogSec", "WatchdogSignal"], "service.py"),
    **dict.fromkeys(["ExecReload", "RestartPreventExitStatus"], "no fault of the laboratory asks for it"),
    **dict.fromkeys(["StateDirectory", "StateDirectoryMode", "RuntimeDirectory", "RuntimeDirectoryMode",
                     "RuntimeDirectoryPreserve", "LogsDirectory", "LogsDirectoryMode"], "server.py, in its own places"),
    **dict.fromkeys(["ProtectClock", "ProtectKernelLogs", "ProtectKernelModules"],
                    "the capabilities and the system calls that they need are gone"),
    **dict.fromkeys(["ProtectControlGroups", "ProtectKernelTunables"], "all of /sys and /proc is read-only or not there"),
    "RestrictRealtime": "its system calls are not in the filter",
    "OOMScoreAdjust": "no fault of the laboratory uses up the memory",
    "RemoveIPC": "the namespace of IPC ends with the process",
}


def settings(unit):
    """The values of each key of [Service], in the order of the file; an empty one takes back those before."""
    found, section = {}, None
    for line in unit.read_text().splitlines():
        line = line.strip()
        if line.startswith("["):
            section = line
        elif section == "[Service]" and line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found[key] = [*found.get(key, []), value] if value else []
    return found


def call_sets():
    """The named sets of system calls, as this machine's systemd has them."""
    sets, name = {}, None
    listed = subprocess.run(["systemd-analyze", "syscall-filter"], capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines():
        if line.startswith("@"):
            name = line.strip()
            sets[name] = []
        elif line.startswith("    ") and name and not line.strip().startswith("#"):
            sets[name].append(line.strip())
    return sets


def expanded(words, sets):
    calls = set()
    for word in words:
        calls |= expanded(sets[word], sets) if word.startswith("@") else {word}
    return calls


def permitted(lines, sets):
    """The system calls that the lines of SystemCallFilter= leave."""
    calls = set()
    for line in lines:
        words = expanded(line.lstrip("~").split(), sets)
        calls = calls - words if line.startswith("~") else calls | words
    return calls


class Sandbox:
    def __init__(self, unit):
        self.settings = settings(unit)
        for key, values in self.settings.items():
            self._check(key, values)
        self.user = self._id("User", pwd.getpwnam, "pw_uid")
        self.group = self._id("Group", grp.getgrnam, "gr_gid")

    def _check(self, key, values):
        known = key in READ_HERE or key in ELSEWHERE or key in SWITCHES and values == ["true"]
        if not known and values != [FIXED.get(key)]:
            raise ValueError(f"the laboratory does not know what the unit says: {key}={' '.join(values)}")

    def _id(self, key, find, field):
        try:
            return getattr(find(self.settings[key][-1]), field)
        except KeyError:
            return STAND_IN

    def own(self, directory, mode):
        """Makes a directory of the service."""
        directory.mkdir(parents=True, exist_ok=True)
        os.chown(directory, self.user, self.group)
        directory.chmod(mode)

    def as_service(self, *words):
        """The command as the service's user, for what an administrator runs so."""
        return ["setpriv", "--reuid", self.user, "--regid", self.group, "--clear-groups", *words]

    def enter(self, directory, visible, writable):
        """The words before a command that put it into the sandbox. `visible` is there although it is below /tmp."""
        plan, rules = directory / "sandbox.json", directory / "sandbox.bpf"
        with open(rules, "wb") as file:
            self.filter().export_bpf(file)
        words = " ".join(self.settings["SupplementaryGroups"]).split()
        names = {group.gr_name: group.gr_gid for group in grp.getgrall()}
        capabilities = [CAPABILITIES[name] for name in " ".join(self.settings["AmbientCapabilities"]).split()]
        if self.settings["CapabilityBoundingSet"] != self.settings["AmbientCapabilities"]:
            raise ValueError("the laboratory knows capabilities only that are both ambient and in the bounding set")
        plan.write_text(json.dumps({
            "user": self.user, "group": self.group, "groups": [names[word] for word in words if word in names],
            "umask": int(self.settings["UMask"][-1], 8), "capabilities": capabilities, "filter": str(rules),
            "limits": {getattr(resource, f"RLIMIT_{key[5:]}"): int(values[-1])
                       for key, values in self.settings.items() if key.startswith("Limit")},
            "visible": [str(each) for each in visible], "writable": [str(each) for each in writable]}))
        return ["/usr/bin/python3", "-I", "-S", ENTER, plan]

    def filter(self):
        """What systemd makes of the unit's lines about system calls."""
        conditions = self._conditions()
        made = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
        for name in sorted(permitted(self.settings["SystemCallFilter"], call_sets())):
            if name in conditions:
                for arguments in conditions[name]:
                    made.add_rule(seccomp.ALLOW, name, *arguments)
            elif seccomp.resolve_syscall(seccomp.Arch(), name) >= 0:
                made.add_rule(seccomp.ALLOW, name)
        families = self._families()
        for family in set(range(FAMILIES_MAX)) - set(families):
            made.add_rule(seccomp.ERRNO(errno.EAFNOSUPPORT), "socket", seccomp.Arg(0, seccomp.EQ, family))
        made.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
        return made

    def _families(self):
        return [getattr(socket, name) for name in " ".join(self.settings["RestrictAddressFamilies"]).split()]

    def _conditions(self):
        """For calls that are not always permitted: the arguments with which they are."""
        def bits(number, mask, value=0):
            return seccomp.Arg(number, seccomp.MASKED_EQ, mask, value)

        conditions = {"socket": [[seccomp.Arg(0, seccomp.EQ, family)] for family in self._families()], "clone3": []}
        # Memory is writable or executable, never both, and never becomes executable.
        conditions["mmap"] = [[bits(2, WRITE | EXECUTE, value)] for value in (0, WRITE, EXECUTE)]
        conditions |= {name: [[bits(2, EXECUTE)]] for name in ("mprotect", "pkey_mprotect")}
        conditions["shmat"] = [[bits(2, SHARED_EXECUTE)]]
        conditions |= {name: [[bits(0, NAMESPACES)]] for name in ("clone", "unshare")}
        conditions["setns"] = []
        conditions["personality"] = [[seccomp.Arg(0, seccomp.EQ, value)] for value in (0, 0xFFFFFFFF)]
        conditions |= {name: [[bits(1, SET_ID)]] for name in ("chmod", "fchmod", "mkdir", "creat", "mknod")}
        conditions |= {name: [[bits(2, SET_ID)]] for name in ("fchmodat", "fchmodat2", "mkdirat", "mknodat")}
        conditions |= {name: [[bits(flags, os.O_CREAT)], [bits(flags + 1, SET_ID)]]
                       for name, flags in (("open", 1), ("openat", 2))}
        conditions["openat2"] = []
        return {name: rules for name, rules in conditions.items()
                if seccomp.resolve_syscall(seccomp.Arch(), name) >= 0}
