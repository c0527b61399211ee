"""What became of the requests, and whose doing it was."""

import collections
import math
import pathlib

import excuses
import record
from naming import Answers
from orders import Orders

CLIENTS = {"browser": "load", "chromium": "chromium_client", "curl": "curl_client", "requests": "requests_client"}
ASK_ANEW = ("browser", "curl", "requests")  # those that keep an address for its TTL at most, and tell which they try
SLOW_SECONDS = 1.0
STRETCH_SECONDS = 30.0
LINKS = ("cut", "cut-in", "cut-out", "cut-servers", "isolated")  # faults that keep a server, running, from etcd

# Faults that put something else in the place of the certificate.
REPLACING = ("cert-mismatch", "cert-deleted", "cert-expired")
# Faults that keep no certificate from any server.
PEACEFUL = ("certificate", "cert-mismatch", "cert-deleted", "cert-expired", "reload", "bad-reload", "dns-mistake",
            "app-reload", "app-restart", "app-kill", "worker-kill")


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def latency(request):
    """Seconds, without those spent on addresses that did not answer a SYN."""
    return request["ended"] - request["began"] - (request.get("waited") or 0)


def torn(request):
    """An answer that had been begun and was not what it should be."""
    return bool(request["failure"] and request.get("begun") and not request["failure"].startswith("status"))


class Trial:
    """The records of one run, read and judged. `records` and `journals` are directories; `dns` names the servers, for
    `ttl` seconds."""

    def __init__(self, records, journals, servers, dns="monitor", ttl=2):
        records = pathlib.Path(records)
        self.dns, self.ttl = dns, ttl
        self.servers = [f"s{number}" for number in range(1, servers + 1)]
        self.events = record.read(records / "events")
        self.faults = sorted((event for event in self.events if event["what"] == "fault"),
                             key=lambda each: each["began"])
        self.puts = [event for event in self.events if event["what"] == "certificate"]
        seen = record.read(records / "watcher")
        self.ports = [each for each in seen if each["state"] != "stall" and not each.get("ordered")]
        self.distrusted = [each for each in seen if each.get("ordered") and each["state"] == "distrusted"]
        self.certificate_orders = Orders(record.read(records / "certificate_authority"), self.faults)
        self.answers = Answers(record.read(records / "answers"), self.faults, servers)
        self.stalls = [each for each in seen if each["state"] == "stall"]
        self.requests = [request for file in CLIENTS.values() for request in record.read(records / file)]
        for request in self.requests:
            request["stuck"] = latency(request) > SLOW_SECONDS and self._hung(request)
            request["cause"] = excuses.cause(request, self.faults) if request["failure"] else None
        self.executed = self._journals(pathlib.Path(journals))
        self.orders = {request["id"]: request for request in self.requests if request.get("id")}

    def _hung(self, request):
        """It waited at a server that had gone, or could not serve and did not know it, or for an application that
        had no instance."""
        there, host = excuses.edges(request), f"host:{request['host']}"
        return any(host in fault["breaks"] or fault["server"] in there and {"edge", "unable"} & set(fault["breaks"])
                   for fault in excuses.around(request, self.faults))

    @staticmethod
    def _journals(directory):
        """Identity → the edge's ids of the requests that executed it."""
        found = collections.defaultdict(list)
        for file in directory.iterdir():
            for line in file.read_text().splitlines():
                identity, _, passage = line.partition(" ")
                found[identity].append(passage)
        return found

    @property
    def clients(self):
        """The kinds that asked for anything."""
        present = {request["client"] for request in self.requests}
        return [client for client in CLIENTS if client in present]

    def misled(self, fault, seconds):
        """Requests whose client could ask DNS anew and was sent to the fault's server, so long after it had gone."""
        late = fault["began"] + self.ttl + seconds
        return [request for request in self.requests
                if request["client"] in ASK_ANEW and late < request["began"] < fault["ended"]
                and fault["server"] in map(excuses.server_name, request.get("tried") or [])]

    # Executions.

    @property
    def twice(self):
        return sorted(identity for identity, passages in self.executed.items() if len(passages) > 1)

    def twice_by(self, client):
        return [identity for identity in self.twice if self.orders.get(identity, {}).get("client") == client]

    @property
    def repeated_by_client(self):
        """Those executed twice because the client sent them again when its server had gone."""
        return [identity for identity in self.twice
                if len(set(self.executed[identity])) == len(self.executed[identity])
                and identity in self.orders and excuses.sent_again(self.orders[identity], self.faults)]

    @property
    def lost(self):
        """Orders that were answered and that no journal has."""
        return sorted(identity for identity, request in self.orders.items()
                      if not request["failure"] and identity not in self.executed)

    # Failures and times.

    def broken(self):
        """Failures of what may be repeated, and torn answers, that nothing excuses."""
        return [request for request in self.requests
                if request["failure"] and request["cause"] is None and (request["method"] == "GET" or torn(request))]

    def during(self, fault):
        return [request for request in self.requests
                if request["ended"] >= fault["began"] and request["began"] <= fault["ended"] + fault["settle"]]

    def stretches(self):
        """(since, until, requests) for each half minute with faults in it, from the first fault on.

        A fault of a second alone has too few requests for a p99, and others are there at the same time."""
        if not self.faults:
            return
        since, end = self.faults[0]["began"], max(fault["ended"] + fault["settle"] for fault in self.faults)
        while since < end:
            until = since + STRETCH_SECONDS
            # What is left at the end is too short for a stretch of its own.
            until = until if end - until >= STRETCH_SECONDS / 2 else end
            yield since, until, [request for request in self.requests if since <= request["began"] < until]
            since = until

    def p99(self, requests):
        """Of answered requests, without those that hung at a server that was away, which no other could help,
        and without streams, which take a second by design."""
        return percentile(self.latencies(requests), 0.99)

    @staticmethod
    def latencies(requests):
        return [latency(request) for request in requests
                if not request["failure"] and request["path"] != "/stream" and not request["stuck"]]

    @property
    def crashes(self):
        """edgeproxies that ended although nobody killed or stopped them."""
        return [event for event in self.events
                if event["what"] == "ended" and event["service"] == "edge" and event["status"] not in (0, -9)]

    def stalled(self, since, until):
        """Seconds in which this machine did not let the watcher run. A bound of time is longer by them."""
        return sum(each["seconds"] for each in self.stalls if each["at"] >= since and each["began"] <= until)

    # Ports and certificates, as the watcher saw them.

    def seconds_until(self, server, state, since, until):
        for seen in self.ports:
            if seen["server"] == server and since <= seen["at"] <= until and seen["state"] == state:
                return seen["at"] - since
        return None

    def takes(self):
        """For each certificate put: server → seconds until it was served (None: never), and those not judged.

        Seconds count from the put, or from the end of the fault that had cut the server off; a port that was closed
        meanwhile is to open with it. A later certificate counts as well: the one asked about was replaced before the server was reached."""
        for number, put in enumerate(self.puts[1:], 1):
            later = {each["serial"] for each in self.puts[number:]}
            shown = {server: self._served_after(server, put, later) for server in self.servers}
            yield put, shown, {server for server in shown
                               if self._disturbed(server, put) or self._replaced(server, put)
                               or shown[server] is None and self._is_closed(server)}

    def _served_after(self, server, put, serials):
        before = None
        for seen in self.ports:
            if seen["server"] != server:
                continue
            if seen["serial"] in serials and seen["at"] >= put["began"]:
                # From the first moment on that the port was open again.
                return 0.0 if before == "refused" else max(0.0, seen["at"] - self._linked(server, put, seen["at"]))
            before = seen["state"]
        return None

    def _is_closed(self, server):
        """At the end of the run."""
        states = [seen["state"] for seen in self.ports if seen["server"] == server]
        return states[-1:] == ["refused"]

    def _linked(self, server, put, at):
        """When the put was over and the server could be told of it."""
        ends = [fault["ended"] for fault in self.faults if fault["server"] == server and fault["fault"] in LINKS
                and fault["began"] <= put["at"] and put["at"] <= fault["ended"] <= at]
        return max([put["at"], *ends])

    def _replaced(self, server, put):
        """It was not in etcd any more when the server, which had been cut off, could be told of it."""
        linked = self._linked(server, put, math.inf)
        return any(fault["fault"] in REPLACING and put["at"] <= fault["began"] < linked for fault in self.faults)

    def _disturbed(self, server, put):
        """The server was not running, or etcd as a whole was not in peace, when the certificate came."""
        return any(
            (fault["server"] in (server, "fleet") or fault["fault"].startswith(("etcd", "power", "reboot", "cut")))
            and fault["fault"] not in PEACEFUL
            and not (fault["server"] == server and fault["fault"] in LINKS)
            and fault["began"] <= put["at"] + 1 and fault["ended"] + fault["settle"] >= put["began"]
            for fault in self.faults)
