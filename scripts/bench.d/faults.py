"""One of two backends fails while 256 clients ask: how many requests fail, and how late the last are."""

import contextlib
import statistics
import sys
import threading

import machinery

CONNECTIONS = 256
REQUESTS = 20_000
SECONDS_MAX = 60
HOST = "fault.example.test"


class Fault:
    """`broken` are the options of the second backend; None leaves its port closed."""

    def __init__(self, key, title, broken="", healthy="", during=None):
        self.key, self.title = key, title
        self.broken, self.healthy, self.during = broken, healthy, during


def kill_each_second(backend, over):
    while not over.wait(1):
        backend.kill()
        backend.start()


def freeze_once(backend, over):
    if over.wait(1):
        return
    backend.freeze()
    over.wait(4)
    backend.thaw()


FAULTS = [
    Fault("closed", "one backend closed", broken=None),
    Fault("silent", "one accepts and never answers", broken=",mode=silent"),
    Fault("syn", "one drops SYNs", broken=",mode=full"),
    Fault("killed", "one of two killed each second, 50 ms answers", ",delay=50", ",delay=50", kill_each_second),
    Fault("closes", "one takes the request and closes", broken=",mode=close"),
    Fault("frozen", "one of two frozen for 4 s, 50 ms answers", ",delay=50", ",delay=50", freeze_once),
]


@contextlib.contextmanager
def meanwhile(fault, backend):
    """The fault's own doings, for as long as the load runs."""
    over = threading.Event()
    worker = threading.Thread(target=fault.during, args=(backend, over)) if fault.during else None
    if worker:
        worker.start()
    try:
        yield
    finally:
        over.set()
        if worker:
            worker.join()


def sample(bench, fault, name):
    addresses = [f"127.0.0.1:{machinery.free_port()}" for _ in range(2)]
    backends = [machinery.Backend(bench.tools, addresses[0] + fault.healthy)]
    if fault.broken is not None:
        backends.append(machinery.Backend(bench.tools, addresses[1] + fault.broken))
    proxy = bench.start(name, {HOST: addresses}, careful=True)
    try:
        load = machinery.Load(
            bench.tools, proxy.port, HOST, "--path", "/1k", "--connections", str(CONNECTIONS),
            "--count", str(REQUESTS), "--seconds", str(SECONDS_MAX),
            *([] if bench.options.cold else ["--warm", "handshake"]))
        if not bench.options.cold:
            load.ready()
        with meanwhile(fault, backends[-1]):
            if not bench.options.cold:
                load.go()
            return load.result()
    finally:
        proxy.end()
        for backend in backends:
            backend.end()


def cell(samples):
    failed = [sum(sample["failed"].values()) for sample in samples]
    unsent = max(sample["unsent"] for sample in samples)
    p99 = statistics.median(sample["p99_us"] for sample in samples) / 1e6
    longest = max(sample["max_us"] for sample in samples) / 1e6
    counts = str(max(failed)) if len(set(failed)) == 1 else f"{min(failed)}–{max(failed)}"
    return f"{counts} / {p99:.2f} s / {longest:.2f} s" + (f", {unsent} never sent" if unsent else "")


def run(bench, versions, print_table):
    options = bench.options
    lines = []
    for fault in (fault for fault in FAULTS if fault.key in options.only):
        samples = {name: [] for name in options.proxies}
        for number in range(options.rounds):
            for name in options.proxies:
                print(f"round {number + 1} of {options.rounds}, {fault.key}, {name}", file=sys.stderr)
                samples[name].append(sample(bench, fault, name))
                kinds = samples[name][-1]["failed"]
                if kinds:
                    print(f"  failed: {kinds}", file=sys.stderr)
        lines.append([fault.title, *(cell(samples[name]) for name in options.proxies)])
    heading = f"{REQUESTS} requests, {CONNECTIONS} connections: failed / p99 / longest"
    print_table([heading, *versions], lines)
