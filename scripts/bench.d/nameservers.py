"""The fleet's zone beside the same one of nsd: how many questions a second, and how late answers are, each on
one core. Called by scripts/bench --dns."""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

import machinery

ZONE = "fleet.example.test"
ADDRESSES = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
QUESTIONS = [f"all.{ZONE} A", f"all.{ZONE} AAAA", f"none.{ZONE} A", f"{ZONE} NS"]
STEADY_NAMES = [f"all.{ZONE}", f"none.{ZONE}", ZONE]
# A rate that a server has to bear with ease; the latencies are those at it.
STEADY_PER_SECOND = 50_000
CLIENTS = 8
HOST = "127.0.0.1"


class NameServer:
    """One running name server, at a port that is the same over UDP and TCP."""

    def __init__(self, directory, options):
        self.directory, self.options = os.path.join(directory, self.name), options
        os.makedirs(self.directory)
        self.port, self.log = machinery.free_port(), self.path("output.log")
        self.process = machinery.start(self.command(), [machinery.PROXY_CORE], self.log)
        machinery.wait_for_port(self.port, self.process, self.log)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def cpu_seconds(self):
        return machinery.cpu_seconds(self.process.pid)

    def end(self):
        machinery.end(self.process)


class EdgeProxy(NameServer):
    """None of the other servers is there, so that all addresses are answered."""

    name = "edgeproxy"

    @staticmethod
    def version(options):
        text = subprocess.run([options.edgeproxy, "--version"], capture_output=True, text=True).stdout
        return "edgeproxy " + text.strip().removeprefix("edgeproxy ")

    def command(self):
        servers = ", ".join(f"[{address}]" for address in ADDRESSES)
        configuration = self.write("edgeproxy.yaml", f"""node: bench
state: {self.path("state")}
public: [{ADDRESSES[0]}]
dns: {{ zone: {ZONE}, listen: ["{HOST}:{self.port}"], servers: [{servers}], rate_limit: off }}
listen: {{ https: ["{HOST}:{machinery.free_port()}"], http: [], admin: off }}
certificates: {{ directory: {self.options.certificates} }}
upstreams:
  none: {{ protocol: uwsgi, nodes: ["{HOST}:9"] }}
routes:
  - {{ host: tcp.example.test, upstream: none }}
""")
        return [self.options.edgeproxy, "--config", configuration, "--workers", "1"]


class Nsd(NameServer):
    name = "nsd"

    @staticmethod
    def version(_):
        text = subprocess.run(["nsd", "-v"], capture_output=True, text=True).stderr
        return "nsd " + re.search(r"version ([\d.]+)", text)[1]

    def command(self):
        self.write("zone", f"$ORIGIN {ZONE}.\n@ 5 IN SOA ns1 hostmaster 1 14400 3600 604800 5\n" + "".join(
            f"@ 3600 IN NS ns{number}\nns{number} 3600 IN A {address}\nall 10 IN A {address}\n"
            for number, address in enumerate(ADDRESSES, 1)))
        configuration = self.write("nsd.conf", f"""server:
  ip-address: {HOST}@{self.port}
  server-count: 1
  username: ""
  chroot: ""
  database: ""
  pidfile: ""
  zonesdir: "{self.directory}"
  xfrdfile: "{self.path("xfrd")}"
  zonelistfile: "{self.path("zones")}"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: {ZONE}
  zonefile: zone
""")
        return ["nsd", "-d", "-c", configuration]


SERVERS = {server.name: server for server in (EdgeProxy, Nsd)}


def most(options, server, questions, *extra):
    """One run of dnsperf, which asks as fast as it gets answers: {answered, per_second, cpu}."""
    before = server.cpu_seconds()
    process = machinery.start(
        ["dnsperf", "-s", HOST, "-p", server.port, "-d", questions, "-l", options.seconds, "-c", CLIENTS, "-T", 1,
         "-e", *extra],
        machinery.OTHER_CORES, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = process.stdout.read().decode()
    machinery.end(process)
    found = re.search(r"Queries completed: *(\d+).*Queries per second: *([\d.]+)", text, re.S)
    if not found or int(found[1]) == 0:
        raise SystemExit(f"bench: dnsperf did not measure {server.name}:\n{text[-3000:]}")
    return {"answered": int(found[1]), "per_second": float(found[2]), "cpu": server.cpu_seconds() - before}


def tcp(options, server, questions):
    return most(options, server, questions, "-m", "tcp")


def steady(options, server, _):
    """One run of questions.c: {answered, lost, p50_us, p99_us, max_us}."""
    process = machinery.start(
        [os.path.join(options.tools, "questions"), HOST, server.port, STEADY_PER_SECOND,
         max(1, round(options.seconds)), *STEADY_NAMES],
        machinery.OTHER_CORES, stdout=subprocess.PIPE)
    line = process.stdout.readline()
    machinery.end(process)
    if not line:
        raise SystemExit("bench: the questions ended early")
    return json.loads(line)


ROWS = [
    (most, [
        ("questions a second over UDP, as many as go", lambda sample: sample["per_second"], "{:.0f}"),
        ("CPU s per million", lambda sample: sample["cpu"] / sample["answered"] * 1e6, "{:.1f}"),
    ]),
    (steady, [
        (f"p50 at {STEADY_PER_SECOND} a second, ms", lambda sample: sample["p50_us"] / 1000, "{:.2f}"),
        ("p99, ms", lambda sample: sample["p99_us"] / 1000, "{:.2f}"),
        ("not answered", lambda sample: sample["lost"], "{:.0f}"),
    ]),
    (tcp, [
        ("questions a second over TCP, on 8 connections", lambda sample: sample["per_second"], "{:.0f}"),
    ]),
]


def run(options, print_table):
    names = list(SERVERS)
    samples = {(row, name): [] for row, _ in ROWS for name in names}
    with tempfile.TemporaryDirectory(prefix="bench.") as directory:
        questions = os.path.join(directory, "questions")
        with open(questions, "w") as file:
            file.write("\n".join(QUESTIONS) + "\n")
        running = [SERVERS[name](directory, options) for name in names]
        time.sleep(1)  # nsd takes queries a moment after it listens
        try:
            for number in range(options.rounds):
                for row, _ in ROWS:
                    for server in running:
                        print(f"round {number + 1} of {options.rounds}, {row.__name__}, {server.name}",
                              file=sys.stderr)
                        samples[row, server.name].append(row(options, server, questions))
        finally:
            for server in running:
                server.end()
    lines = [[title, *(form.format(statistics.median(map(figure, samples[row, name]))) for name in names)]
             for row, figures in ROWS for title, figure, form in figures]
    print_table(["names of the fleet, one core", *(SERVERS[name].version(options) for name in names)], lines)
