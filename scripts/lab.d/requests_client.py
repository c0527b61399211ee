"""Python's requests as most programs use it: a session, a timeout, and no retries."""

import argparse
import signal
import sys
import time

import requests

from mix import Mix
from record import Record

CONNECT_SECONDS, SILENCE_SECONDS = 5, 30
PAUSE = 0.1
SLOW_CONNECT_SECONDS = 0.5


class Connects:
    """Where the one thread of this program connects to, which requests does not tell: (address, when)."""

    def __init__(self):
        self.now, self.kept = [], {}
        sys.addaudithook(self._hear)

    def _hear(self, event, values):
        if event == "socket.connect" and isinstance(values[1], tuple) and values[1][1] == 443:
            self.now.append((values[1][0], time.monotonic()))

    def told(self, host):
        """For the record of a request to this host that is over; forgets the connects of it."""
        now, self.now = self.now, []
        values = {"tried": [address for address, _ in now]}
        waits = [later - began for (_, began), (_, later) in zip(now, now[1:])]
        values["waited"] = sum(wait for wait in waits if wait > SLOW_CONNECT_SECONDS)
        if now:
            self.kept[host] = now[-1]
        if host in self.kept:
            values["address"], values["opened"] = self.kept[host]
        return values


def classify(error):
    """The class of a failure, and whether the head of an answer had come."""
    text = repr(error)
    for mark, kind in (("NameResolution", "no address in DNS"), ("Temporary failure", "no address in DNS"),
                       ("Name or service", "no address in DNS"), ("ConnectTimeout", "no server: silent to SYN"),
                       ("refused", "no server: refused"), ("unreachable", "no server: unreachable"),
                       ("CERTIFICATE_VERIFY", "certificate"), ("SSLError", "TLS"), ("SSLEOFError", "TLS"),
                       ("IncompleteRead", "cut"), ("InvalidChunk", "cut"), ("ChunkedEncodingError", "cut"),
                       ("timed out", "silence"), ("Timeout", "silence"),
                       ("RemoteDisconnected", "closed without an answer"), ("reset", "closed without an answer"),
                       ("BrokenPipe", "closed without an answer"), ("EOF occurred", "closed without an answer")):
        if mark in text:
            return kind, kind == "cut"
    return text[:100], False


def ask(session, request):
    """What became of the request: (failure, values for the record)."""
    values = {}
    try:
        answer = session.request(request.method, f"https://{request.host}{request.path}", stream=True,
                                 data=request.text.encode() or None, timeout=(CONNECT_SECONDS, SILENCE_SECONDS))
        values = {"status": answer.status_code, "node": answer.headers.get("x-node")}
        body = answer.content
    except (requests.RequestException, OSError) as error:
        failure, begun = classify(error)
        return failure, {**values, "begun": begun}
    if answer.status_code >= 400:
        return f"status {answer.status_code}", values
    flaw = request.flaw(body, answer.headers.get("x-checksum"))
    return flaw, {**values, "begun": flaw is not None}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", required=True)
    parser.add_argument("--authority", required=True)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    going = [True]
    signal.signal(signal.SIGTERM, lambda *_: going.clear())
    record, mix, connects = Record(options.record), Mix("requests", options.seed), Connects()
    session = requests.Session()
    session.verify, session.trust_env = options.authority, False  # nothing of the machine that the laboratory is on
    while going:
        request, began = mix.next(), time.monotonic()
        failure, values = ask(session, request)
        record.request("requests", began, failure, **request.described, **connects.told(request.host), **values)
        time.sleep(PAUSE)


main()
