"""What became of the requests, and whose doing it was."""

import collections

import record

SLOW_SECONDS = 1.0
REACH = 2.0  # seconds after a fault's end during which connections that it broke are still found out
UNREACHED = "no server in the client's list lived"


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def latency(request):
    """Seconds, without those spent on addresses that did not answer a SYN."""
    return request["ended"] - request["began"] - (request.get("waited") or 0)


def server_name(address):
    return f"s{int(address.rsplit('.', 1)[1]) - 10}" if address else None


class Trial:
    """The records of one run, read and judged."""

    def __init__(self, fleet):
        self.fleet = fleet
        events = record.read(fleet.records / "events")
        self.events = events
        self.faults = sorted((event for event in events if event["what"] == "fault"), key=lambda each: each["began"])
        self.puts = [event for event in events if event["what"] == "certificate"]
        self.ports = record.read(fleet.records / "watcher")
        self.requests = [request for name in ("load", "curl_client", "urllib3_client")
                         for request in record.read(fleet.records / name)]
        for request in self.requests:
            request["stuck"] = latency(request) > SLOW_SECONDS and self._server_went(request)
            request["cause"] = self._cause(request) if request["failure"] else None
        self.executed = self._journals()

    def _cause(self, request):
        """What excuses a failure; None for a broken promise."""
        if request["failure"].startswith("no server"):
            tried = [server_name(address) for address in request.get("tried", [])]
            return UNREACHED if tried and all(self._away(server, request) for server in tried) else None
        went = self._server_went(request)
        if went:
            return went
        for fault in self._around(request):
            if "node" in fault["breaks"] and self._lost_with(fault["server"], request):
                return f"its instance went ({fault['fault']})"
        return None

    @staticmethod
    def _lost_with(server, request):
        """An instance's end cuts what it had begun, and leaves nobody to ask for what may not be repeated."""
        if request.get("begun") and not request["failure"].startswith("status"):
            return request.get("node") == server
        return request["method"] == "POST" and request["failure"] == "status 502"

    def _server_went(self, request):
        """The fault that took the server to which the client was connected, or None.

        urllib3 does not say to which it was."""
        edges = [server_name(request[key]) for key in ("address", "first") if request.get(key)]
        # A connection kept since before the fault is found dead only when it is used again.
        kept = request["failure"] == "closed without an answer"
        for fault in self._around(request, since=request.get("opened") if kept else None):
            mine = fault["server"] in edges or request["client"] == "urllib3"
            if mine and "edge" in fault["breaks"]:
                return f"its server went ({fault['fault']})"
            if mine and "unable" in fault["breaks"]:
                return "accepted by a server that then could not serve"
        return None

    def _around(self, request, since=None):
        since = min(request["began"], since or request["began"])
        return [fault for fault in self.faults
                if request["ended"] >= fault["began"] and since <= fault["ended"] + REACH]

    def _away(self, server, request):
        return any(fault["server"] == server and fault["began"] <= request["ended"]
                   and request["began"] <= fault["ended"] + fault["settle"] for fault in self.faults)

    def _journals(self):
        counts = collections.Counter()
        for file in self.fleet.journals.iterdir():
            counts.update(file.read_text().split())
        return counts

    @property
    def twice(self):
        return sorted(identity for identity, count in self.executed.items() if count > 1)

    @property
    def lost(self):
        """Orders that were answered and that no journal has."""
        return sorted(request["id"] for request in self.requests
                      if request.get("id") and not request["failure"] and request["id"] not in self.executed)

    def broken(self, requests=None):
        """Failures of what may be repeated, and torn answers, that nothing excuses."""
        return [request for request in (self.requests if requests is None else requests)
                if request["failure"] and request["cause"] is None
                and (request["method"] == "GET" or request.get("begun"))]

    def during(self, fault):
        return [request for request in self.requests
                if request["ended"] >= fault["began"] and request["began"] <= fault["ended"] + fault["settle"]]

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

    # Ports and certificates, as the watcher saw them.

    def seconds_until(self, server, state, since, until):
        for seen in self.ports:
            if seen["server"] == server and since <= seen["at"] <= until and seen["state"] == state:
                return seen["at"] - since
        return None

    def takes(self):
        """For each certificate put: server → seconds until it was served (None: never), and those with a fault.

        A later certificate counts as well: the one asked about was replaced before the server was reached."""
        for number, put in enumerate(self.puts[1:], 1):
            later = {each["serial"] for each in self.puts[number:]}
            shown = {f"s{each.number}": next(
                (seen["at"] - put["at"] for seen in self.ports
                 if seen["server"] == f"s{each.number}" and seen["serial"] in later and seen["at"] >= put["began"]),
                None) for each in self.fleet.servers}
            yield put, shown, {server for server in shown if self._disturbed(server, put)}

    def _disturbed(self, server, put):
        """The server, or etcd as a whole, was not in peace when the certificate came."""
        return any(
            (fault["server"] in (server, "fleet") or fault["fault"].startswith(("etcd", "power", "reboot", "cut")))
            and fault["fault"] not in ("certificate", "reload")
            and fault["began"] <= put["at"] + 1 and fault["ended"] + fault["settle"] >= put["began"]
            for fault in self.faults)
