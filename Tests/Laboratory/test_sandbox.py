"""The laboratory's sandbox is the unit's: what the unit forbids is forbidden there, and nothing else."""

import errno
import json
import os
import pathlib
import resource
import subprocess
import tempfile

import pytest

from conftest import REPOSITORY
from sandbox import Sandbox, permitted

UNIT = REPOSITORY / "conf/systemd/edgeproxy.service"

# Each line is an expression; its value, or the number of its error, is printed.
TRIES = {
    "inet": "socket.socket(socket.AF_INET).close()",
    "netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close()",
    "packet": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()",
    "low port": "socket.socket().bind(('127.0.0.1', 80))",
    "user": "os.getuid()",
    "capabilities": "[line for line in open('/proc/self/status') if line.startswith('CapEff')][0].split()[1]",
    "new privileges": "[line for line in open('/proc/self/status') if line.startswith('NoNewPrivs')][0].split()[1]",
    "own state": "open('{state}/file', 'w').close()",
    "laboratory": "open('{directory}/other', 'w').close()",
    "configuration": "open('/etc/edgeproxy-test', 'w').close()",
    "temporary files": "sorted(name for name in os.listdir('/tmp') if not '{directory}'.startswith('/tmp/' + name))",
    "homes": "os.listdir('/root')",
    "other processes": "os.path.exists('/proc/1')",
    "kernel": "os.path.exists('/proc/sys')",
    "devices": "os.path.exists('/dev/mem') or os.path.exists('/dev/vda')",
    "mount": "check(libc.mount(b'none', b'/mnt', b'tmpfs', 0, None))",
    "namespace": "check(libc.unshare(0x10000000))",
    "writable code": "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()",
    "thread": "threading.Thread(target=print, args=('',), kwargs={'end': ''}).start()",
    "descriptors": "resource.getrlimit(resource.RLIMIT_NOFILE)[0]",
}

PROBE = """
import ctypes, json, mmap, os, resource, socket, threading
libc = ctypes.CDLL(None, use_errno=True)
def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
found = {}
for name, text in json.loads(TRIES).items():
    try:
        found[name] = eval(text)
    except OSError as error:
        found[name] = -error.errno
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found():
    """What a process in the sandbox can do."""
    if os.geteuid() != 0:
        pytest.skip("a sandbox needs root")
    with tempfile.TemporaryDirectory(prefix="edgelab-test.", dir="/tmp") as name:
        directory = pathlib.Path(name)
        directory.chmod(0o755)
        sandbox, state = Sandbox(UNIT), directory / "state"
        sandbox.own(state, 0o700)
        tries = {key: text.format(state=state, directory=directory) if "directory}" in text or "state}" in text else text
                 for key, text in TRIES.items()}
        probe = directory / "probe.py"
        probe.write_text(f"TRIES = {json.dumps(tries)!r}\n{PROBE}")
        done = subprocess.run(
            ["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh",
             *sandbox.enter(directory, [directory], [state]), "/usr/bin/python3", probe],
            capture_output=True, text=True, cwd=directory)
        assert done.returncode == 0, done.stderr
        yield {**json.loads(done.stdout), "expected user": sandbox.user,
               "descriptors given": resource.getrlimit(resource.RLIMIT_NOFILE)[1]}


@pytest.mark.parametrize("name", ["inet", "netlink", "low port", "own state", "thread"])
def test_what_the_server_needs_works(found, name):
    assert found[name] is None


@pytest.mark.parametrize("name, number", [
    ("packet", errno.EAFNOSUPPORT), ("laboratory", errno.EROFS), ("configuration", errno.EROFS),
    ("homes", errno.EACCES), ("mount", errno.EPERM), ("namespace", errno.EPERM), ("writable code", errno.EPERM)])
def test_what_the_unit_forbids_fails_with_the_same_error(found, name, number):
    assert found[name] == -number, errno.errorcode.get(-found[name] if isinstance(found[name], int) else 0)


def test_it_is_the_unit_s_user_with_the_capability_for_low_ports_alone(found):
    assert found["user"] == found["expected user"] != 0
    assert int(found["capabilities"], 16) == 1 << 10
    assert found["new privileges"] == "1"
    assert found["descriptors"] in (1048576, found["descriptors given"])


def test_it_sees_its_own_temporary_files_and_processes_alone(found):
    assert found["temporary files"] == []
    assert (found["other processes"], found["kernel"], found["devices"]) == (False, False, False)


def test_a_line_of_the_unit_that_the_laboratory_does_not_know_is_an_error(tmp_path):
    unit = tmp_path / "edgeproxy.service"
    unit.write_text(UNIT.read_text().replace("[Install]", "KeyringMode=private\n[Install]"))
    with pytest.raises(ValueError, match="KeyringMode=private"):
        Sandbox(unit)
    unit.write_text(UNIT.read_text().replace("ProtectSystem=strict", "ProtectSystem=full"))
    with pytest.raises(ValueError, match="ProtectSystem=full"):
        Sandbox(unit)


def test_lines_of_system_calls_add_up_as_systemd_says():
    sets = {"@all": ["@net", "read", "chown"], "@net": ["socket", "bind"]}
    assert permitted(["@all", "~chown @net", "bind"], sets) == {"read", "bind"}
