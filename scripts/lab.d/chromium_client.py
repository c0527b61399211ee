"""A real Chromium: tabs that fetch over HTTP/2, with its own resolver, its own retries and its own patience."""

import argparse
import json
import pathlib
import signal
import sys
import tempfile
import threading
import time
import types

import sockets
from mix import HASHED_PARTS, HOSTS, Mix
from record import Record

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Tests/EndToEnd"))
from support.browser import Browser, Page  # noqa: E402
from support.processes import Timeout  # noqa: E402

SILENCE_SECONDS = 40
TABS = 3
PAUSE = 0.3
LOOK_SECONDS = 0.1
MEMBERS_TURNS = 20  # looks between two at which processes there are
SLOW_SECONDS = 1.0

# What a page can do; a body is built from the identity as Request.text does.
FETCH = """(async (method, path, identity, parts, patience) => {
  const body = path === '/order' ? identity + ' ' + '.'.repeat(50)
    : path === '/hash' ? Array.from({length: parts}, (_, number) => `${identity}-${number} `).join('') : undefined;
  let answer;
  try {
    answer = await fetch(path + '?' + identity,
      {method, body, cache: 'no-store', signal: AbortSignal.timeout(patience)});
    const fields = {status: answer.status, node: answer.headers.get('x-node'),
      checksum: answer.headers.get('x-checksum')};
    const whole = await answer.arrayBuffer();
    const text = path === '/stream' || path === '/hash' ? new TextDecoder().decode(whole) : null;
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', whole));
    return {...fields, text, digest: [...digest].map(each => each.toString(16).padStart(2, '0')).join('')};
  } catch (error) {
    return {error: String(error), begun: answer !== undefined, node: answer?.headers.get('x-node')};
  }
})"""

CLASSES = {
    "net::ERR_NAME_NOT_RESOLVED": "no address in DNS",
    "net::ERR_CONNECTION_REFUSED": "no server: refused",
    "net::ERR_CONNECTION_TIMED_OUT": "no server: silent to SYN",
    "net::ERR_ADDRESS_UNREACHABLE": "no server: unreachable",
    "net::ERR_CONNECTION_RESET": "closed without an answer",
    "net::ERR_CONNECTION_CLOSED": "closed without an answer",
    "net::ERR_EMPTY_RESPONSE": "closed without an answer",
    "net::ERR_HTTP2_PING_FAILED": "silence",
    "net::ERR_TIMED_OUT": "silence",
    "net::ERR_ABORTED": "silence",
}


class Events:
    """What the protocol tells of each fetch, by the identity in its query."""

    def __init__(self):
        self.identities, self.told, self.lock = {}, {}, threading.Lock()

    def hear(self, message):
        values, key = message.get("params", {}), None
        with self.lock:
            if message["method"] == "Network.requestWillBeSent":
                key = values["request"]["url"].partition("?")[2]
                self.identities[values["requestId"]] = key
                self.told.setdefault(key, {})
            elif message["method"] == "Network.responseReceived":
                told = self.told.get(self.identities.get(values["requestId"]), {})
                told["address"] = values["response"].get("remoteIPAddress")
                told["protocol"] = values["response"].get("protocol")
            elif message["method"] == "Network.loadingFailed":
                told = self.told.get(self.identities.pop(values["requestId"], None), {})
                told["error"] = values["errorText"]
            elif message["method"] == "Network.loadingFinished":
                self.identities.pop(values["requestId"], None)

    def take(self, identity):
        with self.lock:
            return self.told.pop(identity, {})


class Peers:
    """With which servers Chromium had connections, or was trying to: when each was seen last."""

    def __init__(self, process):
        self.process, self.seen, self.lock = process, {}, threading.Lock()
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self):
        turn, members = 0, []
        while self.process.poll() is None:
            if turn % MEMBERS_TURNS == 0:
                members = list(sockets.members(self.process.pid))
            turn += 1
            found = sockets.peers(members, 443)
            with self.lock:
                self.seen.update(dict.fromkeys(found, time.monotonic()))
            time.sleep(LOOK_SECONDS)

    def since(self, began):
        with self.lock:
            return sorted(address for address, last in self.seen.items() if last >= began - LOOK_SECONDS)


class Tab:
    """One page of an application, which fetches one thing after the other."""

    def __init__(self, browser, context, host):
        self.browser, self.host = browser, host
        target = browser.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.page = Page(browser, session)
        browser.call("Network.enable", session)

    def open(self):
        """A page of the application, in which there is nothing; whether it came."""
        try:
            self.page.go_to(f"https://{self.host}/fast")
            return self.page.run("location.host") == self.host
        except (AssertionError, Timeout):
            return False

    def ask(self, request, events, peers, record):
        began = time.monotonic()
        words = json.dumps([request.method, request.path, request.identity, HASHED_PARTS, SILENCE_SECONDS * 1000])
        answer = self.page.run(f"{FETCH}(...{words})", SILENCE_SECONDS + 20)
        told = events.take(request.identity)
        values = {key: answer[key] for key in ("status", "node") if answer.get(key)}
        values |= {key: told[key] for key in ("address", "protocol") if told.get(key)}
        if "error" in answer:
            error = told.get("error", "net::ERR_ABORTED" if "Timeout" in answer["error"] else answer["error"])
            failure = self._classify(error, answer["begun"])
            values |= {"error": error, "begun": answer["begun"]}
        elif answer["status"] >= 400:
            failure = f"status {answer['status']}"
        else:
            failure = self._flaw(request, answer)
            values["begun"] = failure is not None
        if failure or time.monotonic() - began > SLOW_SECONDS:
            values["perhaps"] = peers.since(began)
        record.request("chromium", began, failure, **request.described, **values)

    @staticmethod
    def _classify(error, begun):
        if begun:
            return "cut"
        return CLASSES.get(error) or ("certificate" if "CERT" in error else "TLS" if "SSL" in error else error)

    @staticmethod
    def _flaw(request, answer):
        if request.path == "/stream":
            return request.flaw(answer["text"].encode(), None)
        if request.path == "/hash":
            return request.flaw(answer["text"].encode(), answer["checksum"])
        return None if answer["digest"] == answer["checksum"] else "wrong bytes"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", required=True)
    parser.add_argument("--authority", required=True)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    over, events, record = threading.Event(), Events(), Record(options.record)
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    mixes = {host: Mix(f"chromium-{host.split('.')[0]}", options.seed, [host]) for host in HOSTS}
    lock = threading.Lock()

    def browse(tab):
        while not over.is_set() and not tab.open():
            over.wait(PAUSE)
        while not over.is_set():
            with lock:
                request = mixes[tab.host].next()
            tab.ask(request, events, peers, record)
            over.wait(PAUSE)

    with tempfile.TemporaryDirectory() as place:
        trusted = types.SimpleNamespace(chain=options.authority)
        browser = Browser(pathlib.Path(place), trusted, dns=True, listener=events.hear)
        try:
            peers = Peers(browser.process)
            context = browser.call("Target.createBrowserContext")["browserContextId"]
            tabs = [Tab(browser, context, HOSTS[number % len(HOSTS)]) for number in range(TABS)]
            threads = [threading.Thread(target=browse, args=(tab,)) for tab in tabs]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            browser.end()


main()
