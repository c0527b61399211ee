"""The browsers' load: so many requests each second, whatever becomes of those before."""

import argparse
import asyncio
import random
import signal
import time

from browser import Browser, Failure
from record import Record

HOSTS = ["app1.example.test", "app2.example.test"]
BROWSERS = 8
#        method  path      share
KINDS = [("GET", "/fast", 60), ("GET", "/slow", 10), ("GET", "/large", 4), ("GET", "/stream", 1),
         ("POST", "/order", 20), ("POST", "/hash", 5)]
HASHED_BYTES = 100_000


async def one(browser, record, kind, host, number):
    method, path, _ = kind
    began, result, failure = time.monotonic(), {}, None
    body = b""
    if path == "/order":
        result["id"] = f"load-{number}"
        body = f"load-{number} ".encode() + b"." * 50
    elif path == "/hash":
        body = random.randbytes(HASHED_BYTES)
    try:
        await browser.request(method, host, path, body, result)
    except Failure as caught:
        failure, result["begun"] = caught.kind, caught.begun
    record.request("browser", began, failure, method=method, path=path, host=host, **result)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", required=True)
    parser.add_argument("--authority", required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    over, chance = asyncio.Event(), random.Random(options.seed)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    record, browsers = Record(options.record), [Browser(options.authority) for _ in range(BROWSERS)]
    tasks, number, began = set(), 0, time.monotonic()
    while not over.is_set():
        number += 1
        kind = chance.choices(KINDS, [share for *_, share in KINDS])[0]
        task = asyncio.create_task(
            one(chance.choice(browsers), record, kind, chance.choice(HOSTS), number))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        await asyncio.sleep(max(0, began + number / options.rate - time.monotonic()))
    if tasks:
        await asyncio.wait(tasks)


asyncio.run(main())
