"""The load of the modelled browsers: so many requests each second, whatever becomes of those before."""

import argparse
import asyncio
import random
import signal
import time

from browser import Browser, Failure
from mix import Mix
from record import Record

BROWSERS = 8


async def one(browser, record, request):
    began, result, failure = time.monotonic(), {}, None
    try:
        await browser.request(request, result)
    except Failure as caught:
        failure, result["begun"] = caught.kind, caught.begun
    record.request("browser", began, failure, **request.described, **result)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", required=True)
    parser.add_argument("--authority", required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    over, chance, mix = asyncio.Event(), random.Random(options.seed), Mix("browser", options.seed)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    record, browsers = Record(options.record), [Browser(options.authority) for _ in range(BROWSERS)]
    tasks, number, began = set(), 0, time.monotonic()
    while not over.is_set():
        number += 1
        task = asyncio.create_task(one(chance.choice(browsers), record, mix.next()))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        await asyncio.sleep(max(0, began + number / options.rate - time.monotonic()))
    if tasks:
        await asyncio.wait(tasks)


asyncio.run(main())
