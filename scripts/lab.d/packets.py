"""Packets between the clients and one server, and what of them shows that nobody answered a client."""

import collections
import pathlib
import re
import signal
import subprocess
import time
from dataclasses import dataclass

import network

LINE = re.compile(r"([0-9.]+) IP ([0-9.]+)\.(\d+) > ([0-9.]+)\.(\d+): "
                  r"Flags \[(\S+?)\],(?: seq ([0-9:]+),)?.* length (\d+)")
LINES_MAX = 10
READY = "listening on"


@dataclass
class Packet:
    at: float
    port: int  # the client's
    outgoing: bool
    flags: str
    sequence: str
    length: int

    @property
    def shown(self):
        way = f"client:{self.port} > server:443" if self.outgoing else f"server:443 > client:{self.port}"
        return f"{way:31} [{self.flags}]{f' seq {self.sequence}' if self.sequence else ''} length {self.length}"


class Trace:
    """`file` gets the packets as tcpdump writes them, from the clients' side."""

    def __init__(self, fleet, server, file):
        self.file = pathlib.Path(file)
        address = network.server_address(server)
        self.process = subprocess.Popen(
            fleet.network.inside(0, "tcpdump", "-i", "eth0", "-n", "-U", "-Z", "root", "-s", 128, "-w", self.file,
                                 f"host {address} and tcp port 443"),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        said = self.process.stderr.readline()
        if READY not in said:
            raise RuntimeError(f"tcpdump: {said}")

    def end(self):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate()

    def excerpts(self, fault):
        """Lines on a connect that nobody answered and on a request on a kept connection, as far as there were any."""
        epoch = time.time() - time.monotonic()
        began, ended = fault["began"] + epoch, fault["ended"] + epoch
        connections = collections.defaultdict(list)
        for packet in self._packets():
            connections[packet.port].append(packet)
        connects = [each for each in connections.values() if began <= each[0].at < ended and each[0].outgoing]
        kept = [each for each in connections.values() if each[0].at < began]
        for title, candidates in (("A connect that nobody answers", connects),
                                  ("A request on a connection that the client had kept", kept)):
            best = max(candidates, key=lambda each: self._repeats(each, began), default=[])
            if self._repeats(best, began) > 1:
                yield f"{title}, seconds since the fault began:"
                yield from self._lines(best, began, ended)

    def _packets(self):
        read = network.run("tcpdump", "-r", self.file, "-n", "-tt")
        for line in read.stdout.splitlines():
            found = LINE.match(line)
            if found:
                at, _, port, _, other, flags, sequence, length = found.groups()
                outgoing = other == "443"
                yield Packet(float(at), int(port if outgoing else other), outgoing, flags, sequence or "", int(length))

    @staticmethod
    def _sent(packets, began):
        """How often the client sent each thing that wants an answer, once the fault was there."""
        return collections.Counter((each.flags, each.sequence) for each in packets
                                   if each.outgoing and each.at >= began and each.sequence)

    def _repeats(self, packets, began):
        return max(self._sent(packets, began).values(), default=0)

    def _lines(self, packets, began, ended):
        """From just before what was sent again and again until it is answered, or given up."""
        again = self._sent(packets, began).most_common(1)[0][0]
        first = next(place for place, each in enumerate(packets)
                     if each.at >= began and (each.flags, each.sequence) == again)
        for packet in packets[max(0, first - 2):][:LINES_MAX]:
            healed = " (the fault is over)" if packet.at >= ended else ""
            yield f"  {packet.at - began:+9.3f}  {packet.shown}{healed}"
