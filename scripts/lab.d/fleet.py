"""All servers of a laboratory with what they share, and the clients' side: DNS and certificates."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

import network
from sandbox import Sandbox
from server import ANY, ORDERED, REPOSITORY, UNIT, Server

sys.path.insert(0, str(REPOSITORY / "Tests/EndToEnd"))
from support.authority import Authority  # noqa: E402
import names  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
ROOT = pathlib.Path("/tmp")
MEMBERS_MAX = 7  # more than that etcd itself advises against
NAMES = ["app1.example.test", "app2.example.test"]
# The lifetime of a certificate that the fleet orders: one that is never renewed ends before the run does.
LIFETIME_PART, LIFETIME_MIN = 0.9, 110


class Fleet:
    """A laboratory of this process. Its directory holds every log and record; `keep` leaves it there."""

    def __init__(self, options):
        self.owner = os.getpid()
        self.count, self.members = options.servers, min(options.servers, MEMBERS_MAX)
        self.discovery, self.edgeproxy = options.discovery, options.edgeproxy
        self.edge_to_edge = options.edge_to_edge
        self.names = names.KINDS[options.dns](self, options)
        self.ordered = {**ORDERED, **self.names.ordered}
        self.lifetime = max(LIFETIME_MIN, round(60 * getattr(options, "minutes", 60) * LIFETIME_PART))
        self.directory = ROOT / f"{network.PREFIX}{self.owner}"
        self.journals, self.records = self.directory / "journals", self.directory / "records"
        self.encryption_keys = self.directory / "encryption.keys"
        self.network = network.Network(self.owner, self.count)
        self.sandbox = Sandbox(UNIT)
        self.servers = [Server(self, number) for number in range(1, self.count + 1)]
        self.programs, self.certificates, self.lock = [], [], threading.Lock()

    @property
    def endpoints(self):
        return [f"http://{network.server_address(number)}:2379" for number in range(1, self.members + 1)]

    def announce(self, what, **more):
        """One line in the record of what happened, with the monotonic time."""
        with self.lock, open(self.records / "events", "a") as file:
            file.write(json.dumps({"at": time.monotonic(), "time": time.time(), "what": what, **more}) + "\n")

    def up(self):
        self.journals.mkdir(parents=True)
        self.journals.chmod(0o777)
        self.records.mkdir()
        self.network.make()
        self.authority = Authority(self.directory / "authority")
        self._write_encryption_keys()
        authority = self._start_authority()
        for server in self.servers:
            server.make()
        for wait in (False, True):
            for server in self.servers[:self.members]:
                server.etcd.start(wait)
        self.put_certificate()
        if self.edge_to_edge:
            self._join()
        for server in self.servers:
            server.start()
        for server in self.servers:
            server.wait()
        for server in self.servers:
            self._wait_for_a_page(server)
        self.names.start()
        self._wait_for_names()
        authority.send_signal(signal.SIGUSR1)
        for server in self.servers:
            self._wait_for_ordered(server)
        self.names.wait()
        (self.directory / "lab.json").write_text(json.dumps(
            {"owner": self.owner, "servers": self.count, "edgeproxy": str(self.edgeproxy)}))

    def _wait_for_a_page(self, server):
        """A server is ready before it has a certificate. A client that asked DNS then would keep, for a minute, the
        few addresses whose port was open, and no excuse would fit what it meets there."""
        self._wait(f"{server.name} answers no page; its log: {server.directory / 'edge.log'}",
                   "curl", "--silent", "--fail", "--output", "/dev/null", "--max-time", 2,
                   "--cacert", self.authority.pem, "--connect-to", f"::{server.address}:443", f"https://{NAMES[0]}/fast")

    @property
    def roots(self):
        """What certificates descend from, those of operators and those that the fleet orders."""
        return self.directory / "roots.pem"

    def _start_authority(self):
        shown = self.authority.issue("localhost", "127.0.0.1", network.CLIENT)
        return self.run_program("certificate_authority.py", "--authority", self.authority.pem, "--chain", shown.chain,
                                "--key", shown.key, "--roots", self.roots, "--lifetime", self.lifetime)

    def _wait_for_ordered(self, server):
        for name in self.ordered:
            self._wait(f"{server.name} has no certificate of {name}; what happened: {server.directory / 'edge.log'}",
                       "curl", "--silent", "--output", "/dev/null", "--max-time", 2, "--cacert", self.roots,
                       "--connect-to", f"::{server.address}:443", f"https://{name.replace('*', ANY)}/")

    def _wait_for_names(self):
        self._wait(f"the laboratory's DNS does not answer; its logs are in {self.directory}",
                   "getent", "hosts", NAMES[0])

    def _wait(self, otherwise, *words):
        """Until a command of a client succeeds."""
        for _ in range(100):
            if network.run(*self.network.inside(0, *words), check=False).returncode == 0:
                return
            time.sleep(0.05)
        raise RuntimeError(otherwise)

    def _write_encryption_keys(self):
        key = network.run(self.edgeproxy, "cert", "new-key").stdout
        with open(os.open(self.encryption_keys, os.O_CREAT | os.O_WRONLY, 0o640), "w") as file:
            file.write(key)
        os.chown(self.encryption_keys, 0, self.sandbox.group)

    def _join(self):
        """Makes the servers peers, which reach one another's instances through one another."""
        for server, word in [(self.servers[0], "init"), *((server, "join") for server in self.servers)]:
            network.run(*self.network.inside(server.number, *self.sandbox.as_service(
                server.binary, "node", word, "--config", server.configuration_file)))

    def issue(self, **options):
        return self.authority.issue(*NAMES, **options)

    def etcdctl(self, *words, **options):
        """Without a majority of etcd nothing comes of it, which is recorded."""
        done = network.run(*self.network.inside(
            0, "etcdctl", "--endpoints", ",".join(self.endpoints), *words),
            env={**os.environ, "ETCDCTL_API": "3"}, check=False, **options)
        self.announce("etcdctl", words=words, status=done.returncode)

    def put_certificate(self):
        """A new certificate by the command of operators, given on a server that lives; its serial number."""
        issued = self.issue()
        self.certificates.append(issued.serial)
        servers = [server for server in self.servers if server.powered]
        for attempt in range(30):
            server = servers[attempt % len(servers)]
            began = time.monotonic()
            done = network.run(*self.network.inside(
                server.number, self.edgeproxy, "cert", "put", "example.test", "--chain", issued.chain, "--key",
                issued.key, "--config", server.configuration_file), check=False)
            if done.returncode == 0:
                self.announce("certificate", serial=issued.serial, began=began)
                return issued.serial
            time.sleep(0.3)
        raise RuntimeError(f"edgeproxy cert put: {done.stdout}{done.stderr}")

    def run_program(self, file, *words):
        """A program of the laboratory, in the clients' namespace; its record is NAME in `records`."""
        name = file.removesuffix(".py")
        return self.run_command(name, "/usr/bin/python3", HERE / file, "--record", self.records / name, *words)

    def run_command(self, name, *words):
        """Any program in the clients' namespace; what it says is in NAME.log."""
        with open(self.directory / f"{name}.log", "ab") as log:
            process = subprocess.Popen(self.network.inside(0, *words), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       start_new_session=True)
        self.programs.append(process)
        return process

    def end_program(self, process, seconds=40):
        """Programs finish what is under way when they are told to end."""
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def down(self, keep=False):
        for process in self.programs:
            self.end_program(process, 2)
        for server in self.servers:
            server.remove()
        self.network.remove()
        if not keep:
            shutil.rmtree(self.directory, ignore_errors=True)
            return
        for server in self.servers:
            shutil.rmtree(server.directory / "etcd-data", ignore_errors=True)
        kept = ROOT / f"{network.PREFIX}records-{self.owner}"  # a name that the next one does not clean up
        shutil.rmtree(kept, ignore_errors=True)
        self.directory = self.directory.rename(kept)
        self.journals, self.records = kept / "journals", kept / "records"


def clean(owner):
    """What a laboratory left that ended without cleaning up."""
    network.remove(owner)
    directory = ROOT / f"{network.PREFIX}{owner}"
    for state in directory.glob("s*/state"):
        network.run("umount", "-l", state, check=False)
    shutil.rmtree(directory, ignore_errors=True)
