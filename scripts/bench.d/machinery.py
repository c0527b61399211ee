"""Processes of a measurement: started on a chosen core, awaited, weighed through /proc, ended by id."""

import json
import os
import re
import resource
import signal
import socket
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")
DESCRIPTORS = 16384

CORES = sorted(os.sched_getaffinity(0))
PROXY_CORE = CORES[0]
OTHER_CORES = CORES[1:2] or CORES

started = []


def raise_limits():
    """Enough descriptors for 5000 idle connections, in us and in every child."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= DESCRIPTORS:
        return
    if hard != resource.RLIM_INFINITY and hard < DESCRIPTORS:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
            return
        except (ValueError, PermissionError):
            raise SystemExit(f"bench: {DESCRIPTORS} descriptors are needed; raise `ulimit -Hn` ({hard})")
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(command, cores, log=None, **options):
    """A child pinned to `cores`; its output goes to `log` unless a pipe is asked for."""
    options.setdefault("stdin", subprocess.DEVNULL)
    pinned = ["taskset", "-c", ",".join(map(str, cores)), *map(str, command)]
    with open(log or os.devnull, "ab") as output:
        if log is not None:
            options.update(stdout=output, stderr=output)
        process = subprocess.Popen(pinned, start_new_session=True, **options)
    started.append(process)
    return process


def end_all():
    """Ends whatever this program started and has not ended, the last first."""
    for process in reversed(started):
        end(process, grace=2)


def end(process, grace=10):
    """Ends this child politely, then hard."""
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


def wait_for_port(port, process, log, seconds=20):
    deadline = time.monotonic() + seconds
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            with open(log, errors="replace") as text:
                raise SystemExit(f"bench: nothing listens on port {port}; its log:\n{text.read()[-3000:]}")
        time.sleep(0.02)


def family(root):
    """The process and all that descend from it."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as stat:
                    parents[int(entry)] = int(stat.read().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    members, grown = {root}, True
    while grown:
        found = {pid for pid, parent in parents.items() if parent in members} - members
        grown = bool(found)
        members |= found
    return sorted(members)


def cpu_seconds(root):
    """User and system time of the process and its descendants, ended children included."""
    ticks = 0
    for pid in family(root):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICKS


def memory_kib(root):
    """Resident and proportional size of the process and its descendants."""
    resident = proportional = 0
    for pid in family(root):
        try:
            with open(f"/proc/{pid}/smaps_rollup") as sizes:
                lines = dict(line.split(":", 1) for line in sizes if ":" in line and "kB" in line)
        except (FileNotFoundError, ProcessLookupError):
            continue
        except PermissionError:
            # edgeproxy lets nobody look but root; as a single process it shares nothing of note.
            with open(f"/proc/{pid}/status") as status:
                size = int(re.search(r"^VmRSS:\s+(\d+)", status.read(), re.M)[1])
            resident, proportional = resident + size, proportional + size
            continue
        resident += int(lines["Rss"].split()[0])
        proportional += int(lines["Pss"].split()[0])
    return resident, proportional


class Backend:
    """One process of backend.c, on the core that is not the proxy's."""

    def __init__(self, tools, *listeners):
        self.command = [os.path.join(tools, "backend"), *listeners]
        self.start()

    def start(self):
        self.process = start(self.command, OTHER_CORES, stdout=subprocess.PIPE)
        if self.process.stdout.readline() != b"ready\n":
            raise SystemExit(f"bench: the backend did not start: {self.command}")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def end(self):
        end(self.process)


class Load:
    """One run of load.c. With `--warm` it waits between `ready` and `go`."""

    def __init__(self, tools, port, name, *options):
        command = [os.path.join(tools, "load"), "--address", f"127.0.0.1:{port}", "--name", name, *options]
        self.process = start(command, OTHER_CORES, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ready(self):
        """Blocks until every connection is warm; how many are."""
        line = self.process.stdout.readline().split()
        if len(line) != 2 or line[0] != b"ready":
            raise SystemExit("bench: the load generator ended early")
        return int(line[1])

    def go(self):
        self.process.stdin.write(b"go\n")
        self.process.stdin.flush()

    def result(self):
        line = self.process.stdout.readline()
        end(self.process)
        if not line:
            raise SystemExit("bench: the load generator ended early")
        return json.loads(line)


class HTTP2Load:
    """One run of h2load, which begins at `go` and makes its connections then."""

    UNITS = {"us": 1, "ms": 1000, "s": 1_000_000}

    def __init__(self, port, name, path, seconds, *options):
        self.seconds = seconds
        self.command = [
            "h2load", f"--duration={seconds}", f"--connect-to=127.0.0.1:{port}", *options,
            f"https://{name}:{port}{path}"]

    def ready(self):
        return 0

    def go(self):
        self.process = start(self.command, OTHER_CORES, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def result(self):
        text = self.process.stdout.read().decode()
        end(self.process)
        counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", text)
        if not counts or "Application protocol: h2" not in text:
            raise SystemExit(f"bench: h2load did not measure HTTP/2:\n{text}")
        succeeded, failed, errored = map(int, counts.groups())
        return {"answered": succeeded, "failed": failed + errored, "seconds": self.seconds}
