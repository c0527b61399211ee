"""Questions for addresses, as a client of DNS asks them over UDP (RFC 1035 §4)."""

import asyncio
import os
import socket
import struct

A = 1
HEAD = 12


class Unanswered(Exception):
    pass


def question(name):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return os.urandom(2) + b"\1\0\0\1\0\0\0\0\0\0" + labels + b"\0" + struct.pack("!HH", A, 1)


def after_name(message, place):
    """The place after a name, which may end in a pointer."""
    while message[place]:
        if message[place] >= 0xC0:
            return place + 2
        place += message[place] + 1
    return place + 1


def addresses(message):
    """The addresses in an answer, in its order, and for how many seconds they may be kept."""
    found, seconds = [], []
    place = after_name(message, HEAD) + 4
    for _ in range(struct.unpack("!H", message[6:8])[0]):
        place = after_name(message, place)
        kind, _, ttl, length = struct.unpack("!HHIH", message[place:place + 10])
        place += 10
        seconds.append(ttl)
        if kind == A:
            found.append(".".join(map(str, message[place:place + length])))
        place += length
    return found, min(seconds, default=1)


async def ask(server, name, patience):
    """What a server at port 53 of an address answers: addresses and seconds."""
    loop, asked = asyncio.get_running_loop(), question(name)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as query:
        query.setblocking(False)
        try:
            await loop.sock_connect(query, (server, 53))
            await loop.sock_sendall(query, asked)
            while True:
                answer = await asyncio.wait_for(loop.sock_recv(query, 4096), patience)
                if answer[:2] == asked[:2]:
                    return addresses(answer)
        except (OSError, asyncio.TimeoutError):
            raise Unanswered(name) from None
