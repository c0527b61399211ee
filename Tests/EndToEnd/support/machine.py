"""A machine that boots: systemd is process 1 of namespaces of its own, above an /etc, /usr and /var of its own.

Nothing that it does is seen outside: files are laid over those of the real machine (overlayfs), the network is an
empty one with loopback, and a reboot ends the process. `boot` starts it again, with the files that it had.
"""

import contextlib
import ctypes
import functools
import itertools
import os
import pathlib
import shutil
import subprocess

import pytest

from .processes import Child, eventually

SYSTEMD = "/lib/systemd/systemd"
# What a machine needs to boot and to go down; of targets that only order others the name is enough.
BARE = ["sysinit.target", "basic.target", "network-online.target", "multi-user.target"]
ENDS = ["shutdown.target", "umount.target", "final.target", "reboot.target", "systemd-reboot.service"]
LAYERED = ["etc", "usr", "var"]
CLONE_NEWNET = 0x40000000

# One for each boot, as machines may run beside one another.
numbers = itertools.count(1)

libc = ctypes.CDLL(None, use_errno=True)

INSIDE = r"""
set -eu
mount --make-rprivate /
for name in {layered}; do
  mkdir -p "$1/layers/$name/over" "$1/layers/$name/work"
  mount -t overlay overlay -o "lowerdir=/$name,upperdir=$1/layers/$name/over,workdir=$1/layers/$name/work" "/$name"
done
mount -t tmpfs -o mode=755 run /run
if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
else
  mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
  mkdir /sys/fs/cgroup/systemd
  mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
fi
# Of units it has its own alone, and those of packages that it installs.
mount -t tmpfs units /usr/lib/systemd/system
ip link set lo up
if [ ! -e "$1/layers/prepared" ]; then
  find /etc/systemd/system -mindepth 1 -delete
  # Containers have a policy that keeps packages from starting services; and manuals need no index.
  rm -f /usr/sbin/policy-rc.d /var/lib/man-db/auto-update
  cp -a "$1/units/." /usr/lib/systemd/system
  . "$1/prepare"
  cp -a /usr/lib/systemd/system "$1/layers/units"
  touch "$1/layers/prepared"
fi
cp -a "$1/layers/units/." /usr/lib/systemd/system
export container=test SYSTEMD_UNIT_PATH=/etc/systemd/system:/usr/lib/systemd/system
exec {systemd} --system --unit=multi-user.target --show-status=no --log-target=null
"""


class Machine:
    """Runs `prepare`, a piece of shell that installs, then boots into multi-user.target.

    `units` are further unit files by their names. What services print is in `said`."""

    def __init__(self, directory, prepare, units):
        self.directory = directory
        for name in ("layers", "units"):
            (directory / name).mkdir()
        for name in BARE:
            (directory / "units" / name).write_text("[Unit]\nDefaultDependencies=no\n")
        for name in ENDS:
            shutil.copy(f"/lib/systemd/system/{name}", directory / "units")
        for name, text in units.items():
            (directory / "units" / name).write_text(text)
        self.output = directory / "output"
        self.output.touch()
        (directory / "units" / "service.d").mkdir()
        (directory / "units" / "service.d" / "output.conf").write_text(
            "[Service]\n" + "".join(f"Standard{which}=append:{self.output}\n" for which in ("Output", "Error")))
        (directory / "prepare").write_text(prepare)
        subprocess.run(["mount", "-t", "tmpfs", "layers", directory / "layers"], check=True)
        self.boot()

    def boot(self):
        self.groups = _own_group(f"edgeproxy-test-{os.getpid()}-{next(numbers)}")
        enter = f"for group in {' '.join(map(str, self.groups))}; do echo $$ > $group/cgroup.procs; done; exec \"$@\""
        inside = INSIDE.format(layered=" ".join(LAYERED), systemd=SYSTEMD)
        self.child = Child([
            "sh", "-c", enter, "sh", "unshare", "--fork", "--kill-child", "--pid", "--mount", "--mount-proc", "--cgroup",
            "--ipc", "--uts", "--net", "sh", "-c", inside, "sh", self.directory])
        self.first = eventually(self._first, f"the machine's first process; its output:\n{self.child.text}")

    def _first(self):
        """The process that is number 1 in there, once it is systemd."""
        path = pathlib.Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children")
        words = path.read_text().split() if path.exists() else []
        if not self.child.running:
            raise AssertionError(f"the machine did not boot:\n{self.child.text}")
        if words and pathlib.Path(f"/proc/{words[0]}/comm").read_text().strip() == "systemd":
            return int(words[0])
        return None

    def run(self, *words, check=True, **options):
        """A command on the machine."""
        done = self._run(words, options)
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}\n{self.child.text}"
        return done.stdout

    def result(self, *words, **options):
        """The exit status of a command on the machine, and what it printed."""
        done = self._run(words, options)
        return done.returncode, done.stdout

    def _run(self, words, options):
        return subprocess.run(
            ["nsenter", "--target", str(self.first), "--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup",
             *map(str, words)], capture_output=True, text=True, timeout=60, **options)

    def start(self, *words):
        """A command on the machine that goes on."""
        return Child(["nsenter", "--target", self.first, "--mount", "--pid", "--net", *words])

    def told(self, unit, name):
        return self.run("systemctl", "show", "--property", name, "--value", unit, check=False).strip()

    def wait_for_unit(self, unit, state="active"):
        eventually(lambda: self.told(unit, "ActiveState") == state,
                   f"{unit} is {state}; {self.run('systemctl', 'status', unit, check=False)}\n{self.said}")

    @property
    def said(self):
        return self.output.read_text(errors="replace")

    def path(self, inside):
        """A file of the machine, as it is reached from outside."""
        return pathlib.Path(f"/proc/{self.first}/root{inside}")

    @contextlib.contextmanager
    def network(self):
        """The calling thread opens its sockets on the machine."""
        outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        inside = os.open(f"/proc/{self.first}/ns/net", os.O_RDONLY)
        try:
            if libc.setns(inside, CLONE_NEWNET) != 0:
                raise PermissionError(ctypes.get_errno(), "setns")
            try:
                yield
            finally:
                libc.setns(outside, CLONE_NEWNET)
        finally:
            os.close(inside)
            os.close(outside)

    def power_off(self):
        """Pulls the plug, where it has not gone down by itself; its files stay."""
        self.child.kill()
        self.child.end()
        for group in self.groups:
            # Below it are those of systemd's units, of which no process is left.
            for place, _, _ in os.walk(group, topdown=False):
                eventually(lambda place=place: _removed(place), f"an empty {place}")

    def end(self):
        self.power_off()
        subprocess.run(["umount", "-l", self.directory / "layers"], check=True)


def _own_group(name):
    """Control groups that systemd may take for the root: where it keeps its units, by version."""
    root = pathlib.Path("/sys/fs/cgroup")
    hierarchies = [root / "systemd"] if (root / "systemd").is_dir() else [root]
    groups = [hierarchy / name for hierarchy in hierarchies]
    for group in groups:
        group.mkdir()
    return groups


def _removed(place):
    try:
        os.rmdir(place)
        return True
    except FileNotFoundError:
        return True
    except OSError:
        return False


@functools.cache
def why_none():
    """Why this machine cannot boot another; None where it can."""
    if not os.path.exists(SYSTEMD):
        return "systemd is not installed"
    tried = subprocess.run(
        ["unshare", "--fork", "--pid", "--mount", "--mount-proc", "--cgroup", "--ipc", "--uts", "--net", "sh", "-ec",
         "mount -t tmpfs none /mnt; mkdir /mnt/up /mnt/work; "
         "mount -t overlay none -o lowerdir=/etc,upperdir=/mnt/up,workdir=/mnt/work /etc"],
        capture_output=True, text=True)
    if tried.returncode != 0:
        return f"the kernel refuses namespaces: {tried.stderr.strip()}"
    try:
        for group in _own_group(f"edgeproxy-test-{os.getpid()}"):
            group.rmdir()
    except OSError as error:
        return f"no control group can be made: {error}"
    return None


def needs_a_machine(test):
    reason = why_none()
    return pytest.mark.skipif(reason is not None, reason=str(reason))(test)
