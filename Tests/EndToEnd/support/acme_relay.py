"""What stands between ACME clients and pebble: it notes each request, and goes wrong as the test says.

pebble makes its URLs out of the Host field, so a relay that passes the field on is what all of them lead to.
"""

import email.utils
import http.client
import json
import ssl
import threading
import time
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .processes import PATIENCE

# pebble's resources by their paths, RFC 8555 §7.1.
KINDS = {
    "dir": "directory", "nonce-plz": "newNonce", "sign-me-up": "newAccount", "order-plz": "newOrder",
    "my-order": "order", "my-account": "account", "authZ": "authorization", "chalZ": "challenge",
    "certZ": "certificate", "finalize-order": "finalize", "revoke-cert": "revokeCert",
    "rollover-account-key": "keyChange", "list-orderz": "orders", "renewal-info": "renewalInfo"}
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "date"}
ERROR = "urn:ietf:params:acme:error:"


def decoded(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Asked:
    """A request as it came. `payload` is what the JWS carries, None where it carries nothing (POST-as-GET) or there
    is no JWS, and `protected` its header; `status` is what it was answered, None as long as nothing was. `at` is
    a time of `time.monotonic`."""
    method: str
    path: str
    kind: str
    protected: dict | None
    payload: dict | None
    at: float
    client: str
    status: int | None = None

    @property
    def last(self):
        """The last part of its path, such as the number of an order."""
        return self.path.rstrip("/").rpartition("/")[2]


@dataclass
class Answer:
    status: int
    fields: list
    content: bytes

    @classmethod
    def of(cls, status, content, *fields, kind="application/json"):
        return cls(status, [("Content-Type", kind), *fields], json.dumps(content).encode())

    def with_content(self, **changes):
        """The same with other members of its JSON."""
        return Answer(self.status, self.fields, json.dumps({**json.loads(self.content), **changes}).encode())

    def with_fields(self, *fields):
        return Answer(self.status, [*self.fields, *fields], self.content)


@dataclass
class Rule:
    """What happens to the next `times` requests of a kind, or to all of them where that is None: `instead` makes an
    answer that pebble knows nothing of, `after` makes another one out of pebble's, or None to answer nothing."""
    kind: str
    times: int | None
    instead: object = None
    after: object = None


@dataclass
class Held:
    """Requests of a kind that wait before they are passed on; `after` waits behind that, with the answer."""
    kind: str
    after: bool
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def wait(self, seconds=PATIENCE):
        assert self.reached.wait(seconds), f"no {self.kind} came"

    def release(self):
        self.released.set()


class Relay:
    """Listens on a port of its own, or at `place`; everything here may be changed while it runs.

    `window` is the time in which certificates are to be renewed, as two datetimes with a time zone, told again after
    `window_again` seconds, or a function of a certificate's identifier; without it the directory does not speak of
    renewalInfo. `profiles` are what it offers, with a text for each. `clock` is how far its Date is ahead, in
    seconds. With `lifetime`, in days, certificates are not pebble's: the test's own authority issues them for so long.
    """

    def __init__(self, authority, target, place=("localhost", 0)):
        self.authority, self.target = authority, target
        self.window, self.window_again, self.profiles, self.clock, self.lifetime = None, 21_600, {}, 0, None
        self.requests, self.rules, self.holds = [], [], []
        self.changed = threading.Condition()
        self.wanted, self.chains = {}, {}  # requests for certificates by order, and what was issued by certificate
        self.to_pebble = ssl.create_default_context(cafile=authority.pem)
        issued = authority.issue("localhost", "127.0.0.1")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(issued.chain, issued.key)
        self.server = _Server(place, _Handler)
        self.server.relay = self
        self.port = self.server.server_address[1]
        self.url = f"https://{place[0]}:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    # What came

    def of(self, kind):
        """The requests of a kind so far."""
        with self.changed:
            return [each for each in self.requests if each.kind == kind]

    def count(self, kind):
        return len(self.of(kind))

    def wait_for(self, kind, count=1, seconds=PATIENCE):
        """The requests of a kind once there are so many that were answered."""
        def found():
            return [each for each in self.requests if each.kind == kind and each.status is not None]

        with self.changed:
            assert self.changed.wait_for(lambda: len(found()) >= count, seconds), (
                f"{len(found())} of {count} {kind}; what came: {[each.kind for each in self.requests]}")
            return found()

    # What goes wrong

    def refuse(self, kind, status=429, problem="rateLimited", detail="the test says no", retry_after=None, times=1,
               **members):
        """Answers requests with a problem, without asking pebble. `members` are more of the document."""
        content = {"type": ERROR + problem, "detail": detail, "status": status, **members}
        fields = [("Retry-After", str(retry_after))] if retry_after is not None else []
        self.rules.append(Rule(kind, times, instead=lambda asked: Answer.of(
            status, content, *fields, kind="application/problem+json")))

    def answer(self, kind, answer, times=1):
        """Answers requests with `answer` of the request, without asking pebble."""
        self.rules.append(Rule(kind, times, instead=answer))

    def change(self, kind, change, times=None):
        """Answers with what `change` makes of pebble's answer."""
        self.rules.append(Rule(kind, times, after=change))

    def drop(self, kind, times=1):
        """Passes requests on, and closes the connection instead of answering."""
        self.rules.append(Rule(kind, times, after=lambda answer: None))

    def invalidate(self, times=None, problem="unauthorized", detail="the test says so"):
        """Has orders be invalid."""
        error = {"type": ERROR + problem, "detail": detail, "status": 403}
        for kind in ("order", "finalize"):
            self.change(kind, lambda answer: answer.with_content(status="invalid", error=error), times)

    def hold(self, kind, after=False):
        """Holds requests of a kind until `release`: before pebble hears of them, or behind that."""
        held = Held(kind, after)
        self.holds.append(held)
        return held

    def heal(self):
        """Nothing goes wrong any more."""
        self.rules, holds, self.holds = [], self.holds, []
        for held in holds:
            held.release()

    def end(self):
        self.heal()
        self.server.shutdown()
        self.server.server_close()

    # One request

    def handle(self, method, path, fields, body, client):
        """The answer, or None for none."""
        asked = self._note(method, path, body, client)
        self._wait(asked, False)
        rule = self._rule(asked.kind)
        if rule and rule.instead:
            answer = self._with_nonce(rule.instead(asked))
        else:
            answer = self._own(asked) or self._adapted(asked, self._pass_on(method, path, fields, body))
        self._wait(asked, True)
        if rule and rule.after:
            answer = rule.after(answer)
        with self.changed:
            asked.status = answer.status if answer else 0
            self.changed.notify_all()
        return answer

    def _note(self, method, path, body, client):
        kind = KINDS.get(path.split("/")[1].partition("?")[0], "other")
        protected = payload = None
        if body:
            try:
                signed = json.loads(body)
                protected = json.loads(decoded(signed["protected"]))
                payload = json.loads(decoded(signed["payload"])) if signed["payload"] else None
            except (ValueError, KeyError, TypeError):
                pass  # what is no JWS is pebble's to refuse
        asked = Asked(method, path, kind, protected, payload, time.monotonic(), client)
        with self.changed:
            self.requests.append(asked)
            self.changed.notify_all()
        return asked

    def _wait(self, asked, after):
        for held in list(self.holds):
            if held.kind == asked.kind and held.after == after:
                held.reached.set()
                held.released.wait()

    def _rule(self, kind):
        with self.changed:
            rule = next((each for each in self.rules if each.kind == kind and each.times != 0), None)
            if rule and rule.times is not None:
                rule.times -= 1
            return rule

    def _own(self, asked):
        """What the relay answers itself: what pebble has never heard of."""
        if asked.kind == "renewalInfo":
            window = self.window(asked.last) if callable(self.window) else self.window
            if not window:
                return self._problem(404, "malformed", "no such certificate")
            begin, end = (moment.isoformat(timespec="seconds").replace("+00:00", "Z") for moment in window)
            return Answer.of(200, {"suggestedWindow": {"start": begin, "end": end}},
                             ("Retry-After", str(self.window_again)))
        wanted = (asked.payload or {}).get("profile") if asked.kind == "newOrder" else None
        if wanted is not None and wanted not in self.profiles:
            return self._with_nonce(self._problem(400, "invalidProfile", f"there is no profile '{wanted}'"))
        return None

    @staticmethod
    def _problem(status, problem, detail):
        return Answer.of(status, {"type": ERROR + problem, "detail": detail, "status": status},
                         kind="application/problem+json")

    def _with_nonce(self, answer):
        """As every authority does with a problem, RFC 8555 §6.5."""
        nonce = self._pass_on("HEAD", "/nonce-plz", [("Host", f"localhost:{self.port}")], b"")
        return answer.with_fields(*(each for each in nonce.fields if each[0] == "Replay-Nonce"))

    def _pass_on(self, method, path, fields, body):
        connection = http.client.HTTPSConnection("127.0.0.1", self.target, timeout=PATIENCE, context=self.to_pebble)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in fields:
                if name.lower() not in {"connection", "transfer-encoding"}:
                    connection.putheader(name, value)
            connection.endheaders(body or None)
            answer = connection.getresponse()
            kept = [each for each in answer.getheaders() if each[0].lower() not in HOP_BY_HOP]
            return Answer(answer.status, kept, answer.read())
        finally:
            connection.close()

    def _adapted(self, asked, answer):
        if asked.kind == "directory" and answer.status == 200:
            more = {"renewalInfo": f"{self.url}/renewal-info"} if self.window else {}
            meta = json.loads(answer.content).get("meta", {})
            return answer.with_content(meta={**meta, "profiles": self.profiles} if self.profiles else meta, **more)
        if self.lifetime:
            return self._issued(asked, answer)
        return answer

    def _issued(self, asked, answer):
        """Remembers what was asked for, and issues it when it is fetched."""
        if asked.kind == "finalize" and asked.payload:
            self.wanted[asked.last] = decoded(asked.payload["csr"])
        if asked.kind in ("finalize", "order") and answer.status == 200:
            order = json.loads(answer.content)
            if order.get("certificate") and asked.last in self.wanted:
                self._issue(order["certificate"].rpartition("/")[2], self.wanted[asked.last],
                            [each["value"] for each in order["identifiers"]])
        if asked.kind == "certificate" and answer.status == 200 and asked.last in self.chains:
            return Answer(answer.status, answer.fields, self.chains[asked.last])
        return answer

    def _issue(self, certificate, request, names):
        with self.changed:
            if certificate not in self.chains:
                begun = -min(1 / 24, self.lifetime / 10)
                self.chains[certificate] = self.authority.sign(request, names, begun, self.lifetime)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def finish_request(self, request, client_address):
        """Shakes hands in the thread of the connection, so that a silent client holds nobody up."""
        try:
            with self.relay.context.wrap_socket(request, server_side=True) as secure:
                self.RequestHandlerClass(secure, client_address, self)
        except OSError:
            pass  # the client went away


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _handle(self):
        relay = self.server.relay
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = relay.handle(self.command, self.path, self.headers.items(), body, self.client_address[0])
        if answer is None:
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in answer.fields:
            self.send_header(name, value)
        self.send_header("Date", email.utils.formatdate(time.time() + relay.clock, usegmt=True))
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.content)

    do_GET = do_HEAD = do_POST = _handle
