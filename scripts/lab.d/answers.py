"""Asks those who answer for the servers' addresses five times a second, past every cache, and records what changes."""

import argparse
import asyncio
import signal
import time

from questions import Unanswered, ask
from record import Record

PERIOD = 0.2
PATIENCE = 0.25  # within one machine


async def watch(by, server, name, record):
    known = []
    while True:
        began = time.monotonic()
        try:
            seen = sorted((await ask(server, name, PATIENCE))[0])
        except Unanswered:
            seen = None
        if seen != known:
            record.write(at=time.monotonic(), by=by, addresses=seen)
            known = seen
        await asyncio.sleep(max(0, began + PERIOD - time.monotonic()))


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--ask", nargs="+", metavar="WHO=ADDRESS", required=True)
    options = parser.parse_args()
    record, over = Record(options.record), asyncio.Event()
    watchers = [asyncio.create_task(watch(*each.split("="), options.name, record)) for each in options.ask]
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    await over.wait()
    for watcher in watchers:
        watcher.cancel()


asyncio.run(main())
