"""edgeproxy beside nginx and Apache on the same backend: what a request, a handshake, a byte and an
idle connection cost each of them. Called by scripts/bench."""

import argparse
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time

import counts
import faults
import machinery
import nameservers
import proxies

MIB = 1 << 20
GIB = 1 << 30


class Row:
    """One kind of load and the figures taken from it. A figure is (title, value of a sample, format)."""

    def __init__(self, key, host, options, figures):
        self.key, self.host, self.options, self.figures = key, host, options, figures


def per_thousand(sample):
    return sample["cpu"] / sample["answered"] * 1000


def per_cpu_second(sample):
    return sample["answered"] / sample["cpu"]


def per_gib(sample):
    return sample["cpu"] / (sample["bytes_down"] + sample["bytes_up"]) * GIB


def per_second(sample):
    return sample["answered"] / sample["seconds"]


def milliseconds(key):
    return lambda sample: sample[key] / 1000


ROWS = [
    Row("tcp", "tcp.example.test", ["--path", "/1k", "--connections", "64"], [
        ("CPU s per 1000 requests, keep-alive, 1 KiB, uwsgi over TCP", per_thousand, "{:.4f}"),
        ("requests per second", per_second, "{:.0f}"),
        ("p50, ms", milliseconds("p50_us"), "{:.2f}"),
        ("p99, ms", milliseconds("p99_us"), "{:.2f}"),
    ]),
    Row("unix", "unix.example.test", ["--path", "/1k", "--connections", "64"], [
        ("CPU s per 1000 requests, the same over a unix socket", per_thousand, "{:.4f}"),
    ]),
    Row("h2", "tcp.example.test", ["--clients=64", "--max-concurrent-streams=1"], [
        ("CPU s per 1000 requests, HTTP/2, 1 KiB, uwsgi over TCP", per_thousand, "{:.4f}"),
        ("requests per second", per_second, "{:.0f}"),
    ]),
    Row("h2-streams", "tcp.example.test", ["--clients=8", "--max-concurrent-streams=8"], [
        ("CPU s per 1000 requests, HTTP/2, 8 streams on each of 8 connections", per_thousand, "{:.4f}"),
    ]),
    Row("http", "http.example.test", ["--path", "/1k", "--connections", "64"], [
        ("CPU s per 1000 requests, the same over HTTP/1.1 on kept connections", per_thousand, "{:.4f}"),
    ]),
    Row("full", "tcp.example.test", ["--path", "/1k", "--connections", "32", "--per-connection", "1"], [
        ("CPU s per 1000 full handshakes, each with a request", per_thousand, "{:.4f}"),
        ("full handshakes per CPU second", per_cpu_second, "{:.0f}"),
    ]),
    Row("resumed", "tcp.example.test",
        ["--path", "/1k", "--connections", "32", "--per-connection", "1", "--resume"], [
        ("CPU s per 1000 resumed handshakes, each with a request", per_thousand, "{:.4f}"),
        ("resumed handshakes per CPU second", per_cpu_second, "{:.0f}"),
    ]),
    Row("download", "tcp.example.test", ["--path", "/10m", "--connections", "16"], [
        ("CPU s per GiB, bodies of 10 MiB", per_gib, "{:.3f}"),
    ]),
    Row("upload", "tcp.example.test",
        ["--path", "/2", "--connections", "16", "--upload", str(MIB)], [
        ("CPU s per GiB, uploads of 1 MiB", per_gib, "{:.3f}"),
    ]),
]
KEYS = [row.key for row in ROWS] + ["idle"]


class Bench:
    def __init__(self, options, directory):
        self.options, self.directory = options, directory
        self.tools, self.certificates = options.tools, options.certificates
        self.notes = []

    def start(self, name, routes, careful=False, watcher=()):
        """The proxy of that name, in a directory of its own, run by the command `watcher` if there is one."""
        directory = tempfile.mkdtemp(dir=self.directory)
        os.chmod(directory, 0o755)
        return proxies.ALL[name](directory, self.certificates, routes, careful, self.options.edgeproxy, watcher)

    def sample(self, row, proxy):
        if row.key.startswith("h2"):
            # h2load counts whole seconds.
            seconds = max(1, round(self.options.seconds))
            load = machinery.HTTP2Load(proxy.port, row.host, "/1k", seconds, *row.options)
        else:
            load = machinery.Load(
                self.tools, proxy.port, row.host, *row.options, "--warm", "request",
                "--seconds", str(self.options.seconds))
        load.ready()
        before = proxy.cpu_seconds()
        load.go()
        result = load.result()
        result["cpu"] = max(proxy.cpu_seconds() - before, 1 / machinery.TICKS)
        if result["failed"]:
            self.notes.append(f"{proxy.name}, {row.key}: failed {result['failed']}")
        if row.key == "resumed" and result["resumed"] < 0.95 * result["handshakes"]:
            self.notes.append(f"{proxy.name}: {result['resumed']} of {result['handshakes']} resumed")
        if result["answered"] == 0:
            raise SystemExit(f"bench: {proxy.name} answered nothing in row {row.key}: {result['failed']}")
        return result

    def rounds(self, rows, routes):
        """Every proxy in turn within every row within every round: {row: {proxy: [sample]}}."""
        running = [self.start(name, routes) for name in self.options.proxies]
        samples = {row.key: {name: [] for name in self.options.proxies} for row in rows}
        try:
            for number in range(self.options.rounds):
                for row in rows:
                    print(f"round {number + 1} of {self.options.rounds}, {row.key}", file=sys.stderr)
                    for proxy in running:
                        if row.host not in proxy.hosts:
                            continue
                        samples[row.key][proxy.name].append(self.sample(row, proxy))
        finally:
            for proxy in running:
                proxy.end()
        return samples

    def idle(self, routes):
        """{proxy: {connections: (resident, proportional)}} in KiB, each from a fresh start."""
        sizes = {}
        for name in self.options.proxies:
            if not proxies.ALL[name].speaks_uwsgi:
                sizes[name] = None
                continue
            print(f"idle connections, {name}", file=sys.stderr)
            sizes[name] = {}
            for count in self.options.idle:
                proxy = self.start(name, routes)
                try:
                    sizes[name][count] = self.idle_sizes(proxy, count)
                finally:
                    proxy.end()
        return sizes

    def idle_sizes(self, proxy, count):
        """With none, one connection came and went before, so that all processes are up and warm."""
        load = machinery.Load(
            self.tools, proxy.port, "tcp.example.test", "--path", "/1k", "--connections", str(count or 1),
            "--count", "0", "--timeout", "30000", "--warm", "request")
        warm = load.ready()
        if warm < count:
            self.notes.append(f"{proxy.name}: only {warm} of {count} idle connections")
        if count == 0:
            load.go()
            load.result()
        time.sleep(1.5)  # buffers of the last answers are given back
        sizes = proxy.memory_kib()
        if count > 0:
            load.go()
            load.result()
        return sizes


def cell(value, reference, form):
    text = form.format(value)
    return text if not reference else f"{text} ({value / reference:.2f})"


def reference(row, medians, samples):
    """What ratios are to: nginx in the same row, for kept connections nginx over uwsgi, which has none."""
    uwsgi = samples.get("tcp", {}).get("nginx")
    if row.key == "http" and uwsgi:
        return statistics.median(map(per_thousand, uwsgi))
    return medians.get("nginx")


def table_rows(rows, samples, names):
    for row in rows:
        for title, figure, form in row.figures:
            medians = {name: statistics.median(map(figure, each)) for name, each in samples[row.key].items() if each}
            yield [title, *(cell(medians[name], reference(row, medians, samples), form) if name in medians else "-"
                            for name in names)]


def idle_rows(sizes, names):
    counts = sorted(next(size for size in sizes.values() if size))
    for count in counts:
        yield [f"memory at {count} idle TLS connections, MiB resident / proportional",
               *(" / ".join(f"{kib / 1024:.1f}" for kib in sizes[name][count]) if sizes[name] else "-"
                 for name in names)]
    for count in counts[1:]:
        each = {name: (size[count][1] - size[counts[0]][1]) / count for name, size in sizes.items() if size}
        yield [f"KiB per idle TLS connection at {count}",
               *(cell(each[name], each.get("nginx"), "{:.1f}") if name in each else "-" for name in names)]


def print_table(heading, rows):
    for line in table_lines(heading, rows):
        print(line, flush=True)


def table_lines(heading, rows):
    yield "| " + " | ".join(heading) + " |"
    yield "|---" * len(heading) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def renew(path, heading, rows):
    """Puts the table in the place of the one with that first cell in a Markdown file."""
    with open(path) as file:
        lines = file.read().split("\n")
    begin = next((place for place, line in enumerate(lines) if line.startswith(f"| {heading[0]} |")), None)
    if begin is None:
        raise SystemExit(f"bench: {path} has no table that begins with '{heading[0]}'")
    end = begin
    while end < len(lines) and lines[end].startswith("|"):
        end += 1
    lines[begin:end] = table_lines(heading, rows)
    with open(path, "w") as file:
        file.write("\n".join(lines))


def default_proxies(options):
    if options.counts:
        return ["edgeproxy", "nginx"]
    names = ["edgeproxy", "nginx", "apache"]
    if not options.faults and "http" in options.only and shutil.which("haproxy"):
        names.append("haproxy")
    return names


def parse():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute, for a first look")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (3)")
    parser.add_argument("--seconds", type=float, help="of load per figure (3; quick: 0.5)")
    parser.add_argument("--only", help="rows, by comma: " + " ".join(KEYS) + "; with --faults: "
                        + " ".join(fault.key for fault in faults.FAULTS))
    parser.add_argument("--proxies", help="by comma (edgeproxy,nginx,apache, and haproxy where it is installed "
                        "and the row http is measured)")
    parser.add_argument("--counts", action="store_true",
                        help="instructions and system calls per request instead of times; for busy machines")
    parser.add_argument("--renew", metavar="FILE", help="put the table into this file, such as README.md, too")
    parser.add_argument("--faults", action="store_true", help="one of two backends fails instead")
    parser.add_argument("--dns", action="store_true", help="the fleet's zone beside nsd instead")
    parser.add_argument("--cold", action="store_true",
                        help="with --faults: the first latency of a connection includes its handshake")
    parser.add_argument("--edgeproxy", help=argparse.SUPPRESS)
    parser.add_argument("--tools", help=argparse.SUPPRESS)
    parser.add_argument("--certificates", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick and options.faults else 3)
    options.seconds = options.seconds or (0.5 if options.quick else 3)
    options.idle = [0, 1000] if options.quick else [0, 1000, 5000]
    known = [fault.key for fault in faults.FAULTS] if options.faults else counts.KEYS if options.counts else KEYS
    options.only = options.only.split(",") if options.only else known
    options.proxies = options.proxies.split(",") if options.proxies else default_proxies(options)
    for word, allowed in [(w, known) for w in options.only] + [(w, proxies.ALL) for w in options.proxies]:
        if word not in allowed:
            parser.error(f"unknown '{word}'; known are: {' '.join(allowed)}")
    return options


def measure(bench, rows, names, routes):
    samples = bench.rounds(rows, routes) if rows else {}
    sizes = bench.idle(routes) if "idle" in bench.options.only else None
    return list(table_rows(rows, samples, names)) + (list(idle_rows(sizes, names)) if sizes else [])


def main():
    options = parse()
    machinery.raise_limits()
    begun = time.monotonic()
    if options.dns:
        nameservers.run(options, print_table)
        return
    with tempfile.TemporaryDirectory(prefix="bench.") as directory:
        os.chmod(directory, 0o755)
        bench = Bench(options, directory)
        names = options.proxies
        versions = [proxies.ALL[name].version(options.edgeproxy) for name in names]
        if options.faults:
            faults.run(bench, versions, print_table)
        else:
            tcp, web = (f"127.0.0.1:{machinery.free_port()}" for _ in range(2))
            local = f"unix:{directory}/backend.sock"
            routes = {"tcp.example.test": [tcp], "unix.example.test": [local], "http.example.test": [web]}
            backend = machinery.Backend(options.tools, tcp, local, f"{web},protocol=http")
            rows = [row for row in ROWS if row.key in options.only]
            hosts = {row.host for row in rows} | {"tcp.example.test"}
            routes = {host: addresses for host, addresses in routes.items() if host in hosts}
            heading = ["one core, TLS 1.3, access log on (ratio to nginx)", *versions]
            try:
                if options.counts:
                    heading[0] = "one worker, TLS 1.3, access log on"
                    lines = list(counts.table(bench, rows, names, routes))
                else:
                    lines = measure(bench, rows, names, routes)
            finally:
                backend.end()
            print_table(heading, lines)
            if options.renew:
                renew(options.renew, heading, lines)
        for note in bench.notes:
            print(f"\nnote: {note}")
    print(f"\n{options.rounds} rounds, {time.monotonic() - begun:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main()
    finally:
        machinery.end_all()
