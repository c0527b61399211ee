"""ClouDNS on loopback, over HTTPS: one account with one zone, by its published API (cloudns.net/wiki/article/41)."""

import json
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from .processes import PATIENCE

LIFETIMES = (60, 300, 900, 1800, 3600, 21600, 43200, 86400, 172800, 259200, 604800, 1209600, 2592000)


@dataclass
class Record:
    """`host` is relative to the zone. One that is not active is kept and not answered. `check` has the parameters of
    ClouDNS's own check of its address."""
    type: str
    host: str
    value: str
    ttl: int = 60
    active: bool = True
    check: dict | None = None


@dataclass
class Asked:
    """A call: its method, such as add-record, and its parameters without the password; `at` is of time.monotonic."""
    method: str
    form: dict
    at: float
    answer: object = None


@dataclass
class Refusal:
    """What is said to the next `times` calls of a method, or to all where that is None: an answer with status 200, or
    a status alone."""
    method: str
    times: int | None
    answer: object = field(default_factory=dict)


class Cloudns:
    """Listens on a port of its own; everything here may be changed while it runs.

    `records` are by their identifiers. `told` is called with True and each record that comes, with False and each that
    goes. `late` is how often update-status still says that a server has not the zone.
    """

    def __init__(self, authority, zone="example.test", user=("auth-id", "7"), password="pass&word"):
        self.zone, self.user, self.password, self.late = zone, user, password, 0
        self.records, self.calls, self.refusals, self.made = {}, [], [], 100
        self.told = lambda is_there, record: None
        self.changed = threading.Condition()
        issued = authority.issue("localhost", "127.0.0.1")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(issued.chain, issued.key)
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.cloudns = self
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def section(self, directory, authority, **others):
        """What `records` of a configuration has to lead here; the password is in a file of `directory`."""
        file = directory / "cloudns-password"
        file.touch(mode=0o600)
        file.write_text(self.password + "\n")
        who = {self.user[0].replace("-", "_"): int(self.user[1]) if self.user[1].isdigit() else self.user[1]}
        return {"provider": "cloudns", "zone": self.zone, "names": ["*"], "url": self.url, "ca": str(authority.pem),
                "password_file": str(file), **who, **others}

    def put(self, type, host, value, **others):
        """Adds a record as its owner does; its identifier."""
        with self.changed:
            self.made += 1
            self.records[str(self.made)] = Record(type, host, value, **others)
            self.changed.notify_all()
            return str(self.made)

    def values(self, type="A", host="*"):
        """What is answered for a name."""
        with self.changed:
            return self._values(type, host)

    def _values(self, type, host):
        return {each.value for each in self.records.values() if (each.type, each.host, each.active) == (type, host, True)}

    def wait_for(self, values, type="A", host="*", seconds=PATIENCE):
        """Until exactly these are answered."""
        with self.changed:
            assert self.changed.wait_for(lambda: self._values(type, host) == set(values), seconds), (
                f"{type} of {host}: {self._values(type, host)}, not {set(values)}; calls: {self.calls[-20:]}")

    def refuse(self, method, text="Not today.", times=None, status=None):
        """Says no to a method in words, or with a status; `times` None is until `allow`."""
        answer = status if status else {"status": "Failed", "statusDescription": text}
        with self.changed:
            self.refusals.append(Refusal(method, times, answer))

    def allow(self):
        with self.changed:
            self.refusals.clear()

    def count(self, method):
        with self.changed:
            return sum(each.method == method for each in self.calls)

    def most_in_a_second(self):
        """Calls; the real one takes 20."""
        with self.changed:
            times = [each.at for each in self.calls]
        return max((sum(begin <= at < begin + 1 for at in times) for begin in times), default=0)

    def end(self):
        self.server.shutdown()
        self.server.server_close()

    # Answers

    def answer(self, path, form):
        method = path.removeprefix("/dns/").removesuffix(".json")
        password = form.pop("auth-password", None)
        with self.changed:
            asked = Asked(method, form, time.monotonic())
            self.calls.append(asked)
            refusal = next((each for each in self.refusals if each.method == method), None)
            if refusal and refusal.times:
                refusal.times -= 1
                if not refusal.times:
                    self.refusals.remove(refusal)
            if refusal:
                asked.answer = refusal.answer
            elif password != self.password or form.get(self.user[0]) != self.user[1]:
                asked.answer = failed(f"Invalid authentication, incorrect {self.user[0]} or auth-password.")
            elif form.get("domain-name") != self.zone:
                asked.answer = failed("Missing domain-name")
            else:
                asked.answer = self._own(method, form)
            self.changed.notify_all()
            return asked.answer

    def _own(self, method, form):
        if method == "records":
            chosen = {number: each for number, each in self.records.items()
                      if form.get("type", each.type) == each.type and form.get("host", each.host) == each.host}
            return {number: self._line(number, each) for number, each in chosen.items()} or []
        if method == "update-status":
            is_late, self.late = self.late > 0, max(0, self.late - 1)
            return [{"server": "ns1", "updated": True}, {"server": "ns2", "updated": not is_late}]
        if method == "add-record":
            return self._add(form)
        record = self.records.get(form.get("record-id"))
        if record is None:
            return failed("Invalid record-id param.")
        if method == "delete-record":
            self.told(False, self.records.pop(form["record-id"]))
        elif method == "change-record-status":
            record.active = form.get("status") == "1"
        elif method == "failover-activate":
            record.check = form
        else:
            return failed("Unknown method.")
        return SUCCESS

    def _add(self, form):
        new = Record(form["record-type"], form["host"], form["record"], int(form["ttl"]))
        if new.ttl not in LIFETIMES:
            return failed("Invalid TTL. Choose from the list of the values we support.")
        if any((each.type, each.host, each.value) == (new.type, new.host, new.value) for each in self.records.values()):
            return failed("You already have the same record.")
        self.made += 1
        self.records[str(self.made)] = new
        self.told(True, new)
        return {**SUCCESS, "data": {"id": self.made}}

    @staticmethod
    def _line(number, record):
        return {"id": number, "type": record.type, "host": record.host, "record": record.value,
                "failover": "1" if record.check else "0", "ttl": str(record.ttl), "status": int(record.active)}


SUCCESS = {"status": "Success", "statusDescription": "Done."}


def failed(text):
    return {"status": "Failed", "statusDescription": text}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that goes away is no news."""


class _Handler(BaseHTTPRequestHandler):
    def setup(self):
        # The handshake is this thread's, not that of the one who accepts.
        self.request = self.server.cloudns.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        said = self.server.cloudns.answer(urlsplit(self.path).path, dict(parse_qsl(body, keep_blank_values=True)))
        status, content = (said, b"") if isinstance(said, int) else (200, json.dumps(said).encode())
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format, *args):
        pass
