"""A client over HTTP/1.1 that behaves as browsers were measured to, as far as failures go. Its rules:

1. Addresses come from DNS and are kept for their TTL, in the order of the answer.
2. Connections are kept, at most KEPT_MAX to a server, and used again for any method.
3. A refused connect goes on to the next address at once. A silent one goes on after CONNECT_SECONDS (Chromium
   0.3 s for the second address only, curl 7.88 and Firefox much later); that time is noted as `waited`.
4. Once TCP is connected nothing leads to another address: a TLS alert, a reset, silence or a 503 is shown.
5. A kept connection that ends without a byte of the answer: what is idempotent is sent once more on a fresh
   one. A POST is not (Chromium does so, and would itself be who executes it twice): it has failed.
6. Silence for SILENCE_SECONDS is a failure, and the connections kept to that server are given up.
"""

import asyncio
import socket
import ssl
import time

from network import CLIENT
from questions import Unanswered, ask

KEPT_MAX = 6
KEPT_SECONDS = 30.0
CONNECT_SECONDS = 1.0
SILENCE_SECONDS = 15.0
FIELD_LINES_MAX = 100
RESOLVER_SECONDS, RESOLVER_TRIES = 5, 2  # as resolv.conf(5) has it


class Failure(Exception):
    """`kind` is the class of the failure; `begun` whether the head of an answer had come."""

    def __init__(self, kind, begun=False, unanswered=False):
        super().__init__(kind)
        self.kind, self.begun, self.unanswered = kind, begun, unanswered


class Resolver:
    def __init__(self):
        self.known = {}

    async def addresses(self, name):
        addresses, until = self.known.get(name, ([], 0))
        if time.monotonic() < until:
            return addresses
        addresses, ttl = await self._ask(name)
        self.known[name] = addresses, time.monotonic() + ttl
        return addresses

    async def _ask(self, name):
        for _ in range(RESOLVER_TRIES):
            try:
                return await ask(CLIENT, name, RESOLVER_SECONDS)
            except Unanswered:
                pass
        raise Failure("no answer from DNS")


class Link:
    """One connection to one server."""

    def __init__(self, address, reader, writer):
        self.address, self.reader, self.writer = address, reader, writer
        self.opened = self.used = time.monotonic()
        self.requests = 0

    @property
    def alive(self):
        fresh = time.monotonic() - self.used < KEPT_SECONDS
        return fresh and not self.reader.at_eof() and not self.writer.transport.is_closing()

    def close(self):
        self.writer.transport.abort()


class Browser:
    def __init__(self, authority):
        self.resolver, self.kept = Resolver(), {}
        self.context = ssl.create_default_context(cafile=authority)

    async def request(self, request, record):
        """Fills the record with what became of the request."""
        repeatable = request.method != "POST"
        link = self._kept_link(request.host)
        if link:
            try:
                return await self._exchange(link, request, record)
            except Failure as failure:
                if not (failure.unanswered and repeatable):
                    raise
                record["first"] = link.address
        link = await self._connect(request.host, record)
        return await self._exchange(link, request, record)

    def _kept_link(self, host):
        links = self.kept.setdefault(host, [])
        while links:
            link = links.pop()
            if link.alive:
                return link
            link.close()
        return None

    async def _connect(self, host, record):
        loop, outcome = asyncio.get_running_loop(), "no address in DNS"
        for address in await self.resolver.addresses(host):
            connection = socket.socket()
            connection.setblocking(False)
            began = time.monotonic()
            record.setdefault("tried", []).append(address)
            try:
                await asyncio.wait_for(loop.sock_connect(connection, (address, 443)), CONNECT_SECONDS)
                break
            except ConnectionRefusedError:
                outcome = "refused"
            except (OSError, asyncio.TimeoutError):
                outcome = "silent to SYN"
                record["waited"] = record.get("waited", 0) + time.monotonic() - began
            connection.close()
        else:
            raise Failure(f"no server: {outcome}")
        record["address"] = address
        try:
            return Link(address, *await asyncio.wait_for(asyncio.open_connection(
                sock=connection, ssl=self.context, server_hostname=host), SILENCE_SECONDS))
        except ssl.SSLCertVerificationError:
            raise Failure("certificate") from None
        except asyncio.TimeoutError:
            raise Failure("silent in TLS") from None
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError) as error:
            raise Failure(f"TLS: {type(error).__name__}") from None

    async def _exchange(self, link, request, record):
        record |= {"address": link.address, "opened": link.opened}
        body = request.text.encode()
        head = f"{request.method} {request.path} HTTP/1.1\r\nHost: {request.host}\r\n"
        head += f"Content-Length: {len(body)}\r\n\r\n" if request.method == "POST" else "\r\n"
        begun = False
        try:
            link.writer.write(head.encode() + body)
            status, fields = await asyncio.wait_for(self._read_head(link.reader), SILENCE_SECONDS)
            begun = True
            record |= {"status": status, "node": fields.get("x-node")}
            answer = await self._read_body(link.reader, fields)
        except asyncio.TimeoutError:
            self._forget(link)
            raise Failure("cut: silence" if begun else "silence", begun) from None
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError, ValueError):
            link.close()
            kind = "cut" if begun else "closed without an answer"
            raise Failure(kind, begun, unanswered=not begun and link.requests > 0) from None
        self._keep(link, request.host, fields)
        if status >= 400:
            raise Failure(f"status {status}")
        flaw = request.flaw(answer, fields.get("x-checksum"))
        if flaw:
            raise Failure(flaw, begun=True)

    async def _read_head(self, reader):
        line = await reader.readuntil(b"\r\n")
        status, fields = int(line.split()[1]), {}
        for _ in range(FIELD_LINES_MAX):
            line = await reader.readuntil(b"\r\n")
            if line == b"\r\n":
                return status, fields
            name, _, value = line.decode("latin-1").partition(":")
            fields[name.lower()] = value.strip()
        raise ValueError("too many fields")

    async def _read_body(self, reader, fields):
        if "content-length" in fields:
            return await asyncio.wait_for(reader.readexactly(int(fields["content-length"])), SILENCE_SECONDS)
        parts = []
        while True:
            size = int(await asyncio.wait_for(reader.readuntil(b"\r\n"), SILENCE_SECONDS), 16)
            part = await asyncio.wait_for(reader.readexactly(size + 2), SILENCE_SECONDS)
            if size == 0:
                return b"".join(parts)
            parts.append(part[:-2])

    def _keep(self, link, host, fields):
        link.used, link.requests = time.monotonic(), link.requests + 1
        links = self.kept.setdefault(host, [])
        same = sum(other.address == link.address for other in links)
        if fields.get("connection", "").lower() == "close" or same >= KEPT_MAX:
            link.close()
        else:
            links.append(link)

    def _forget(self, link):
        for links in self.kept.values():
            for other in [other for other in links if other.address == link.address]:
                links.remove(other)
                other.close()
        link.close()
