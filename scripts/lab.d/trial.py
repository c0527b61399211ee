"""A laboratory under load while faults come and go; what it leaves are the records that a report is made of."""

import threading
import time

from fleet import Fleet
from support.browser import COMMAND as CHROMIUM
from packets import Trace

WARM_SECONDS = 3.0
REST_SECONDS = 6.0


def begin_clients(fleet, options, say):
    fleet.run_program("watcher.py", "--authority", fleet.roots, "--servers", fleet.count, "--ordered", *fleet.ordered)
    fleet.names.watch()
    shared = ["--authority", fleet.authority.pem]
    shared += ["--seed", options.seed]
    clients = [fleet.run_program("load.py", *shared, "--rate", options.rate),
               fleet.run_program("curl_client.py", *shared), fleet.run_program("requests_client.py", *shared)]
    if CHROMIUM:
        clients.append(fleet.run_program("chromium_client.py", *shared))
    else:
        say("THERE IS NO CHROMIUM (Debian's package chromium): this client is missing")
    return clients


def run_steps(fleet, steps, say):
    """Each step in a thread of its own, at its time; returns when all are over."""
    began, threads, errors = time.monotonic(), [], []
    peace = {number: threading.Lock() for number in range(1, fleet.count + 1)}

    def perform(step):
        server = fleet.servers[step.server - 1] if step.server else None
        lock = peace.get(step.server, threading.Lock())
        if not lock.acquire(blocking=False):  # a drain took longer than was planned for
            say(f"{step}: left out, the fault before it is not over")
            return
        try:
            step.fault.run(fleet, server, step.seconds)
        except Exception as error:  # a mistake of the laboratory, which a run must not hide
            errors.append(f"{step}: {error}")
        finally:
            lock.release()

    for step in steps:
        time.sleep(max(0, began + step.at - time.monotonic()))
        say(str(step))
        thread = threading.Thread(target=perform, args=(step,))
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()
    return errors


def run(options, steps, say):
    """Returns the fleet, which has ended, with its records, the laboratory's own mistakes, and the trace if any."""
    fleet = Fleet(options)
    errors, trace = [], None
    try:
        fleet.up()
        clients = begin_clients(fleet, options, say)
        time.sleep(WARM_SECONDS)
        say(f"the laboratory stands: {fleet.directory}")
        if getattr(options, "trace", None):
            trace = Trace(fleet, options.server, options.trace)
        errors = run_steps(fleet, steps, say)
        time.sleep(REST_SECONDS)
        for client in clients:
            fleet.end_program(client)
        errors += [f"{client.args[5]} ended with {client.returncode}" for client in clients if client.returncode]
    finally:
        if trace:
            trace.end()
        fleet.down(keep=True)
    return fleet, errors, trace
