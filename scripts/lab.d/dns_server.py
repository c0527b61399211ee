"""The DNS of the laboratory: one A record for each server, and the monitor that takes records out.

As ClouDNS does with `check_type=8`: a record goes when nothing accepts TCP on port 443, and comes back when
something does. Answers turn the records round by one each time. With none left, the name has no address.
"""

import argparse
import asyncio
import itertools
import json
import pathlib
import signal
import struct
import time

from network import CLIENT, server_address

CHECK_SECONDS = 1.0
MISTAKEN = "dns.mistaken-"  # with an address: the file by which the monitor is led to err about it


class Records:
    def __init__(self, servers, file):
        self.up = {server_address(number): True for number in range(1, servers + 1)}
        self.file, self.turns = file, itertools.count()

    def set(self, address, up):
        if self.up[address] != up:
            self.up[address] = up
            self.file.write(json.dumps({"at": time.monotonic(), "address": address, "up": up}) + "\n")
            self.file.flush()

    def answer(self):
        addresses = [address for address, up in self.up.items() if up]
        turn = next(self.turns) % len(addresses) if addresses else 0
        return addresses[turn:] + addresses[:turn]


def respond(query, records, ttl):
    """The answer to a query for one name: A records, or an empty answer for other types (RFC 1035 §4)."""
    end = 12
    while end < len(query) and query[end]:
        end += query[end] + 1
    question = query[12:end + 5]
    if len(query) < end + 5:
        return None
    kind = struct.unpack("!H", query[end + 1:end + 3])[0]
    addresses = records.answer() if kind == 1 else []
    head = query[:2] + struct.pack("!HHHHH", 0x8580, 1, len(addresses), 0, 0)
    return head + question + b"".join(
        b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, ttl, 4) + bytes(map(int, address.split(".")))
        for address in addresses)


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, records, ttl):
        self.records, self.ttl = records, ttl

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        answer = respond(data, self.records, self.ttl)
        if answer:
            self.transport.sendto(answer, address)


async def monitor(records, address, period, mistaken):
    """While the file `mistaken` is there the server is taken for dead."""
    while True:
        try:
            if mistaken.exists():
                raise OSError
            _, writer = await asyncio.wait_for(asyncio.open_connection(address, 443), CHECK_SECONDS)
            writer.transport.abort()
            records.set(address, True)
        except (OSError, asyncio.TimeoutError):
            records.set(address, False)
        await asyncio.sleep(period)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", required=True)
    parser.add_argument("--ttl", type=int, default=2)
    parser.add_argument("--period", type=float, default=2)
    parser.add_argument("--servers", type=int, required=True)
    options = parser.parse_args()
    with open(options.record, "a") as file:
        records = Records(options.servers, file)

        async def over_tcp(reader, writer):
            try:
                length = struct.unpack("!H", await reader.readexactly(2))[0]
                answer = respond(await reader.readexactly(length), records, options.ttl) or b""
                writer.write(struct.pack("!H", len(answer)) + answer)
                await writer.drain()
            except (OSError, asyncio.IncompleteReadError):
                pass
            writer.close()

        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: Datagrams(records, options.ttl), (CLIENT, 53))
        await asyncio.start_server(over_tcp, CLIENT, 53)
        directory = pathlib.Path(options.record).parent.parent
        monitors = [asyncio.create_task(monitor(records, address, options.period, directory / f"{MISTAKEN}{address}"))
                    for address in records.up]
        over = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, over.set)
        await over.wait()
        for task in monitors:
            task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
