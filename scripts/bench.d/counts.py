"""What a request costs in instructions and system calls, which unlike CPU time do not depend on what
else the machine does. Called by scripts/bench --counts.

Instructions are those in user mode, of callgrind; system calls those of strace. Both are differences
or begin when every connection is warm, so that neither start nor handshakes are counted.
"""

import glob
import os
import re
import signal
import subprocess
import tempfile
import time

import machinery

FEW, MANY = 200, 2200
KEYS = ["tcp", "unix", "http", "h2", "h2-streams"]
ALLOCATIONS = "swift_allocObject"


def run(bench, row, proxy, count, begin=None):
    """Makes the load of a row until `count` requests are answered; `begin` is called when it is warm."""
    if row.key.startswith("h2"):
        options = [option for option in row.options if not option.startswith("--clients")]
        load = machinery.HTTP2Load(proxy.port, row.host, "/1k", 0, "--clients=8", *options)
        load.command[1] = f"--requests={count}"
    else:
        load = machinery.Load(bench.tools, proxy.port, row.host, *row.options, "--warm", "request",
                              "--timeout", "60000", "--count", str(count))
    load.ready()
    if begin:
        begin()
    load.go()
    return load.result()["answered"]


def instructions(bench, row, name, routes):
    """(instructions, Swift objects allocated) per request."""
    directory = tempfile.mkdtemp(dir=bench.directory)
    os.chmod(directory, 0o777)  # workers of another user write here
    watcher = ["valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={directory}/out.%p"]
    proxy = bench.start(name, routes, watcher=watcher)
    try:
        run(bench, row, proxy, FEW)
        taken = []
        for count in (FEW, MANY):
            answered = run(bench, row, proxy, count, lambda: order(proxy, "--zero"))
            order(proxy, "--dump")
            taken.append((answered, *profile(directory)))
    finally:
        proxy.end()
    few, many = taken
    return tuple((after - before) / (many[0] - few[0]) for before, after in zip(few[1:], many[1:]))


def order(proxy, what):
    for pid in machinery.family(proxy.process.pid):
        subprocess.run(["callgrind_control", what, str(pid)],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def profile(directory):
    """All instructions and all allocations of the profiles that were dumped, which are removed."""
    total = objects = 0
    for path in glob.glob(f"{directory}/out.*.*"):
        names, called = {}, ""
        with open(path, errors="replace") as lines:
            for line in lines:
                if found := re.match(r"c?fn=\((\d+)\)(?: (.*))?", line):
                    if found[2]:
                        names[found[1]] = found[2]
                    called = names.get(found[1], "") if line.startswith("c") else ""
                elif line.startswith("calls=") and called == ALLOCATIONS:
                    objects += int(line[6:].split()[0])
                elif line.startswith("totals:"):
                    total += int(line.split()[1])
        os.remove(path)
    return total, objects


def calls(bench, row, name, routes):
    """{system call: times per request}"""
    proxy = bench.start(name, routes)
    out = os.path.join(tempfile.mkdtemp(dir=bench.directory), "calls")
    tracers = []

    def attach():
        pids = [word for pid in machinery.family(proxy.process.pid) for word in ("-p", str(pid))]
        tracers.append(subprocess.Popen(
            ["strace", "-f", "-c", "-U", "calls,name", "-o", out, *pids], stderr=subprocess.DEVNULL))
        time.sleep(0.7)

    try:
        run(bench, row, proxy, FEW)
        answered = run(bench, row, proxy, MANY, attach)
    finally:
        for tracer in tracers:
            tracer.send_signal(signal.SIGINT)
            tracer.wait()
        proxy.end()
    with open(out) as lines:
        words = [line.split() for line in lines]
    return {each[1]: int(each[0]) / answered for each in words
            if len(each) == 2 and each[0].isdigit() and each[1] != "total"}


def table(bench, rows, names, routes):
    """Lines for one table: three for each kind of load, and the calls by name as a note."""
    for row in rows:
        cells = {}
        for name in names:
            made = calls(bench, row, name, routes)
            cost, objects = instructions(bench, row, name, routes)
            cells[name] = (f"{cost:.0f}", f"{objects:.2f}" if name == "edgeproxy" else "-",
                           f"{sum(made.values()):.2f}")
            frequent = sorted(((times, call) for call, times in made.items() if times >= 0.02), reverse=True)
            bench.notes.append(f"{name}, {row.key}: " + ", ".join(f"{call} {times:.2f}" for times, call in frequent))
        for place, what in enumerate(["instructions", "Swift objects", "system calls"]):
            yield [f"{what} per request, {row.key}", *(cells[name][place] for name in names)]
