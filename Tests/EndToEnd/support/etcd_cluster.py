"""Real etcd: one member or three on loopback, with or without TLS and users, and what befalls them."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from base64 import b64encode

from .processes import PATIENCE, Child, eventually

PREFIX = "/edgeproxy/certificates/"


# Below the ports that the system gives to whoever connects: those may be taken while a member is down.
PORTS = range(12_000, 32_000)


def free_port():
    """A port of TCP and UDP that was free a moment ago: etcd cannot be handed one that is bound."""
    while True:
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram:
            try:
                stream.bind(("127.0.0.1", random.choice(PORTS)))
                datagram.bind(stream.getsockname())
            except OSError:
                continue
            return stream.getsockname()[1]


class Identity:
    """Whom a client trusts and who it is."""

    def __init__(self, ca=None, certificate=None, user=None, password=None, insecure=False):
        self.ca, self.certificate, self.user, self.password = ca, certificate, user, password
        self.insecure = insecure

    @property
    def words(self):
        """For etcdctl."""
        words = ["--cacert", self.ca] if self.ca else []
        words += ["--insecure-skip-tls-verify"] if self.insecure else []
        if self.certificate:
            words += ["--cert", self.certificate.chain, "--key", self.certificate.key]
        return words + (["--user", f"{self.user}:{self.password}"] if self.user else [])

    @property
    def settings(self):
        """For the `etcd` of a configuration; the password comes from the environment."""
        settings = {"ca": str(self.ca)} if self.ca else {}
        if self.certificate:
            settings |= {"certificate": str(self.certificate.chain), "key": str(self.certificate.key)}
        return settings | ({"user": self.user, "password": "${ETCD_PASSWORD}"} if self.user else {})


class Member:
    """One etcd process. `kill` pulls its plug, `start` brings it back with its data and ports."""

    def __init__(self, cluster, name, directory):
        self.cluster, self.name, self.directory = cluster, name, directory
        self.port, self.peer_port = free_port(), free_port()
        self.child = None

    @property
    def endpoint(self):
        return f"{self.cluster.scheme}://127.0.0.1:{self.port}"

    @property
    def peer(self):
        return f"http://127.0.0.1:{self.peer_port}"

    def start(self):
        command = [
            "etcd", "--name", self.name, "--data-dir", self.directory, "--logger", "zap",
            "--listen-client-urls", self.endpoint, "--advertise-client-urls", self.endpoint,
            "--listen-peer-urls", self.peer, "--initial-advertise-peer-urls", self.peer,
            "--initial-cluster", self.cluster.initial, "--initial-cluster-token", "tests",
            "--heartbeat-interval", 100, "--election-timeout", 1000, *self.cluster.words]
        self.child = Child(command)
        return self

    def kill(self):
        self.child.kill()

    def freeze(self):
        self.child.signal(signal.SIGSTOP)

    def thaw(self):
        self.child.signal(signal.SIGCONT)

    @property
    def status(self):
        """What the member says of itself."""
        return self.cluster.control_json("endpoint", "status", endpoints=[self.endpoint])[0]["Status"]

    def end(self):
        if self.child:
            self.child.kill()  # a polite etcd hands its leadership over first
            self.child.end()


class Cluster:
    """`server` is the certificate of the members, for TLS; with `clients`, an authority's file, they ask
    everybody for one. `administrator` is whom etcdctl is to be."""

    def __init__(self, directory, count=1, server=None, clients=None, administrator=None, options=()):
        self.directory = directory
        self.administrator = administrator or Identity()
        self.scheme = "https" if server else "http"
        self.words = list(options)
        if server:
            self.words += ["--cert-file", server.chain, "--key-file", server.key]
        if clients:
            self.words += ["--client-cert-auth", "--trusted-ca-file", clients]
        names = [f"m{number}" for number in range(1, count + 1)]
        self.members = [Member(self, name, directory / name) for name in names]

    @property
    def initial(self):
        return ",".join(f"{member.name}={member.peer}" for member in self.members)

    @property
    def endpoints(self):
        return [member.endpoint for member in self.members]

    def settings(self, identity=None, gates=(), **more):
        """The `etcd` of a configuration, which goes through the gates if there are any."""
        through = [f"{self.scheme}://127.0.0.1:{gate.port}" for gate in gates]
        return {"endpoints": through or self.endpoints, **(identity or self.administrator).settings, **more}

    def wait(self, members=None):
        """Until each of the members answers a read that needs a majority."""
        for member in members or self.members:
            eventually(
                lambda: self.run("get", "ready?", endpoints=[member.endpoint], timeout="2s").returncode == 0,
                f"{member.name} answers:\n{member.child.text[-2000:]}", 30)

    # etcdctl

    def run(self, *words, value=None, endpoints=None, timeout="7s"):
        command = [
            "etcdctl", "--endpoints", ",".join(endpoints or self.endpoints), "--dial-timeout", "2s",
            "--command-timeout", timeout, *self.administrator.words, *words]
        return subprocess.run(
            [str(word) for word in command], input=value or b"", capture_output=True, timeout=60, env={**os.environ, "ETCDCTL_API": "3"})

    def control(self, *words, **options):
        """etcdctl, which has to succeed; its output."""
        done = self.run(*words, **options)
        assert done.returncode == 0, f"etcdctl {words}: {done.stderr.decode()}"
        return done.stdout

    def control_json(self, *words, **options):
        return json.loads(self.control(*words, "-w", "json", **options))

    def put(self, key, value, **options):
        """`key` is a whole key. Returns once a majority has it, with when the try began that was answered.

        A cluster that has lost its leader answers nothing for up to seven seconds."""
        words = ("put", "--", key, "") if value == b"" else ("put", key)

        def attempt():
            began = time.monotonic()
            done = self.run(*words, value=value, **options)
            said = done.stderr.decode()
            away = "DeadlineExceeded" in said or "code = Unavailable" in said
            assert done.returncode == 0 or away, f"etcdctl {words}: {said}"
            return began if done.returncode == 0 else None

        return eventually(attempt, f"etcd takes '{key}'", 30)

    def publish(self, name, issued, **options):
        """A bundle, as it would be put by hand; returns when."""
        return self.put(PREFIX + name, issued.bundle, **options)

    def put_many(self, values):
        """Many keys in few transactions, through the JSON gateway of a cluster without TLS."""
        keys = list(values)
        for start in range(0, len(keys), 100):
            puts = [{"request_put": {"key": b64encode(key.encode()).decode(),
                                     "value": b64encode(values[key]).decode()}}
                    for key in keys[start:start + 100]]
            request = urllib.request.Request(
                f"{self.endpoints[0]}/v3/kv/txn", json.dumps({"success": puts}).encode())
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                assert json.load(answer)["succeeded"]

    def get(self, key):
        return self.control("get", key, "--print-value-only")[:-1]

    def delete(self, key, **options):
        self.control("del", key, **options)

    @property
    def revision(self):
        return self.members[0].status["header"]["revision"]

    def compact(self):
        """Forgets all but the present."""
        self.control("compact", self.revision)

    def leader(self):
        def find():
            for member in self.members:
                status = member.status
                if status.get("leader") == status["header"]["member_id"]:
                    return member
            return None

        return eventually(find, "there is a leader")

    # What befalls all.

    def kill(self):
        for member in self.members:
            member.kill()

    def start(self):
        for member in self.members:
            member.start()
        self.wait()

    def save(self, file):
        self.control("snapshot", "save", file, endpoints=self.endpoints[:1])

    def restore(self, file):
        """Every member anew from the snapshot, as after a disaster."""
        self.kill()
        for member in self.members:
            shutil.rmtree(member.directory)
            self.control(
                "snapshot", "restore", file, "--name", member.name, "--data-dir", member.directory,
                "--initial-cluster", self.initial, "--initial-cluster-token", "tests",
                "--initial-advertise-peer-urls", member.peer)
        self.start()

    def enable_users(self, password, **roles):
        """Authentication: `root` with the password, and NAME=PREFIX, who may read and write under it."""
        for user, prefix in {"root": None, **roles}.items():
            self.control("user", "add", f"{user}:{password}")
            self.control("role", "add", user)
            if prefix:
                self.control("role", "grant-permission", "--prefix=true", user, "readwrite", prefix)
            self.control("user", "grant-role", user, user)
        self.control("auth", "enable")
        if not self.administrator.certificate:
            self.administrator.user, self.administrator.password = "root", password

    def end(self):
        for member in self.members:
            member.end()
