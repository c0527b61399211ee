"""The proxy under test: configured, started, awaited through its own notifications, ended."""

import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import time

from . import REPOSITORY
from .client import Client
from .processes import PATIENCE, Child, Timeout


def binary():
    """EDGEPROXY, or the newest build in the tree."""
    given = os.environ.get("EDGEPROXY")
    if given:
        return pathlib.Path(given)
    builds = [REPOSITORY / ".build" / kind / "edgeproxy" for kind in ("release", "debug")]
    found = [build for build in builds if build.exists()]
    if not found:
        raise RuntimeError("edgeproxy is not built: swift build --product edgeproxy, or set EDGEPROXY")
    return max(found, key=lambda build: build.stat().st_mtime)


class Notifications:
    """The service manager's end of sd_notify."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)

    def wait_for(self, word, child, seconds=PATIENCE):
        """Reads notifications until one holds the line `word`, such as READY=1, or the child has ended."""
        deadline = time.monotonic() + seconds
        self.socket.settimeout(0.2)
        while time.monotonic() < deadline:
            try:
                if word in self.socket.recv(4096).decode().split("\n"):
                    return
            except TimeoutError:
                if not child.running:
                    break
        raise Timeout(f"no {word} came; the output:\n{child.text}")

    def drain(self):
        """Forgets what came before."""
        self.socket.setblocking(False)
        try:
            while self.socket.recv(4096):
                pass
        except BlockingIOError:
            pass

    def close(self):
        self.socket.close()


def reserve_port():
    """A bound socket that does not listen: the port is ours, and closed until the proxy listens on it."""
    holder = socket.socket()
    # The proxy binds once without SO_REUSEPORT, to find another server there, and then with it.
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    holder.bind(("127.0.0.1", 0))
    return holder


def install(issued, place):
    """Puts a certificate into a directory that the proxy may be watching: each file whole, the key first."""
    place.mkdir(parents=True, exist_ok=True)
    for source, name in ((issued.key, "privkey.pem"), (issued.chain, "fullchain.pem")):
        shutil.copy(source, place / f".{name}")
        os.rename(place / f".{name}", place / name)


class Edge:
    """One edgeproxy. `configuration` is the file as a dictionary (JSON is YAML); what a test leaves out is
    added: state, listeners on ports of its own, the certificate directory and an access log. It runs in the
    directory `home`."""

    def __init__(self, directory, authority, configuration, workers=2, environment=None, wait=True, home=None,
                 words=()):
        self.directory, self.authority, self.workers = directory, authority, workers
        directory.mkdir(parents=True, exist_ok=True)
        self.certificates = directory / "certificates"
        self.certificates.mkdir(exist_ok=True)
        self.access_log, self.file = directory / "access.log", directory / "edgeproxy.yaml"
        self.admin = directory / "admin.sock"
        self.holders = [reserve_port(), reserve_port()]
        self.port, self.http_port = (holder.getsockname()[1] for holder in self.holders)
        self.notifications = Notifications(directory / "notify")
        self.home = home
        self.expected = {None, 0, -signal.SIGKILL}  # how it may have ended, at the end of the test
        self.words = words  # a program before ours that starts it, and its arguments
        self.environment = {**os.environ, "NOTIFY_SOCKET": self.notifications.path, **(environment or {})}
        self.configuration = configuration
        self.write(configuration)
        self.child = None
        self.start(wait)

    def write(self, configuration):
        self.configuration = {
            "node": "edge-test",
            "state": str(self.directory / "state"),
            "listen": {"https": [f"127.0.0.1:{self.port}"], "http": [f"127.0.0.1:{self.http_port}"],
                       "admin": f"unix:{self.admin}"},
            "certificates": {"directory": str(self.certificates)},
            "log": {"access": str(self.access_log), "format": "json"},
        }
        for key, value in configuration.items():
            default = self.configuration.get(key)
            both = isinstance(default, dict) and isinstance(value, dict)
            merged = {**default, **value} if both else value
            # None takes a default away.
            self.configuration[key] = (
                {name: each for name, each in merged.items() if each is not None} if both else merged)
        self.file.write_text(json.dumps(self.configuration, indent=2))

    def start(self, wait=True):
        command = [*self.words, binary(), "--config", self.file, "--workers", self.workers]
        self.child = Child(command, self.environment, self.home)
        if wait:
            self.notifications.wait_for("READY=1", self.child)
        return self

    def client(self, name="app1.example.test", **options):
        return Client(self.port, name, self.authority, **options)

    def plain_client(self, name="app1.example.test"):
        return Client(self.http_port, name)

    def request(self, method="GET", path="/", name="app1.example.test", **options):
        """One request on a connection of its own."""
        with self.client(name) as client:
            return client.request(method, path, **options)

    def reload(self, configuration=None):
        """SIGHUP with another configuration; returns when it is in force."""
        if configuration is not None:
            self.write(configuration)
        self.notifications.drain()
        self.child.signal(signal.SIGHUP)
        self.notifications.wait_for("READY=1", self.child)

    def drain(self):
        """SIGTERM, without waiting for the end."""
        self.child.signal(signal.SIGTERM)

    def access_text(self):
        """What the access log holds. Lines that the server still has follow a moment later: it writes once a
        second, and now, because it is asked to open its log anew."""
        if self.child.running and not self.words:
            self.child.signal(signal.SIGUSR1)
        return self.access_log.read_text()

    def access_entries(self):
        # The last line may be read while it is being written.
        return [json.loads(line) for line in self.access_text().splitlines(keepends=True) if line.endswith("\n")]

    def end(self):
        crashed = self.child.process.poll() not in self.expected
        self.child.end()
        self.notifications.close()
        for holder in self.holders:
            holder.close()
        assert not crashed, f"edgeproxy ended with {self.child.process.returncode}:\n{self.child.text}"
        for mark in ("AddressSanitizer", "ThreadSanitizer", "Fatal error"):
            assert mark not in self.child.text, self.child.text


def configure(upstreams, routes=None):
    """The `upstreams` and `routes` of a configuration, from the short form that tests use."""
    full = {
        name: {"protocol": "uwsgi", **(given if isinstance(given, dict) else {"nodes": given})}
        for name, given in upstreams.items()
    }
    return {
        **({"upstreams": full} if full else {}),
        "routes": routes or [{"host": f"{name}.example.test", "upstream": name} for name in full],
    }


def check(file, environment=None):
    """`edgeproxy --check-config` as who runs the tests: exit status and everything it printed."""
    me = pwd.getpwuid(os.getuid()).pw_name
    done = subprocess.run(
        [binary(), "--check-config", str(file), "--as", me], capture_output=True, text=True, timeout=PATIENCE,
        env={**os.environ, **(environment or {})})
    return done.returncode, done.stdout + done.stderr
