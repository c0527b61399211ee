"""Looks at port 443 of every server five times a second: what it does, and which certificate it shows.

It also notes when this machine did not let it run, so that a time measured then is not blamed on a server.
"""

import argparse
import asyncio
import signal
import socket
import ssl
import time

from network import server_address
from record import Record
from server import ANY

PERIOD = 0.2
ORDERED_PERIOD = 1.0
CONNECT_SECONDS = 0.25  # within one machine; a longer one would see the end of a cut late
HANDSHAKE_SECONDS = 1.0
NAME = "app1.example.test"
TICK, STALL_SECONDS = 0.05, 0.2


async def look(address, context, name):
    """`open` with a serial number, `refused`, `silent` (to SYN), `mute` (connected and then nothing, or a cut), or
    `distrusted`: the certificate is over, for another name, or from elsewhere."""
    loop, connection = asyncio.get_running_loop(), socket.socket()
    connection.setblocking(False)
    try:
        await asyncio.wait_for(loop.sock_connect(connection, (address, 443)), CONNECT_SECONDS)
    except ConnectionRefusedError:
        connection.close()
        return "refused", None
    except (OSError, asyncio.TimeoutError):
        connection.close()
        return "silent", None
    try:
        _, writer = await asyncio.wait_for(
            asyncio.open_connection(sock=connection, ssl=context, server_hostname=name), HANDSHAKE_SECONDS)
    except ssl.SSLCertVerificationError:
        connection.close()
        return "distrusted", None
    except (OSError, ssl.SSLError, asyncio.TimeoutError):
        connection.close()
        return "mute", None
    serial = int(writer.get_extra_info("peercert")["serialNumber"], 16)
    writer.transport.abort()
    return "open", serial


async def watch(number, context, record, ordered=None):
    """`ordered` is a name whose certificate the fleet orders by itself, in the place of NAME."""
    known, period = None, ORDERED_PERIOD if ordered else PERIOD
    while True:
        began = time.monotonic()
        seen = await look(server_address(number), context, (ordered or NAME).replace("*", ANY))
        if seen != known:
            record.write(at=time.monotonic(), began=began, server=f"s{number}", state=seen[0], serial=seen[1],
                         ordered=ordered)
            known = seen
        await asyncio.sleep(max(0, began + period - time.monotonic()))


async def notice_stalls(record):
    while True:
        began = time.monotonic()
        await asyncio.sleep(TICK)
        late = time.monotonic() - began - TICK
        if late > STALL_SECONDS:
            record.write(at=time.monotonic(), began=began, server=None, state="stall", serial=None, seconds=late)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", required=True)
    parser.add_argument("--authority", required=True)
    parser.add_argument("--servers", type=int, required=True)
    parser.add_argument("--ordered", nargs="*", default=[], help="names whose certificates are looked at as well")
    options = parser.parse_args()
    record, context = Record(options.record), ssl.create_default_context(cafile=options.authority)
    context.options |= ssl.OP_NO_TICKET  # a resumed session would show the old certificate
    watchers = [asyncio.create_task(watch(number, context, record)) for number in range(1, options.servers + 1)]
    watchers += [asyncio.create_task(watch(number, context, record, name))
                 for name in options.ordered for number in range(1, options.servers + 1)]
    watchers.append(asyncio.create_task(notice_stalls(record)))
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    await over.wait()
    for watcher in watchers:
        watcher.cancel()


asyncio.run(main())
