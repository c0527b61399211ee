"""Python's urllib3, on which `requests` is built, with its own retries switched off; connections are kept."""

import argparse
import hashlib
import signal
import time

import urllib3

from record import Record

SECONDS_MAX = 30
PAUSE = 0.1


def classify(error):
    reason = getattr(error, "reason", error)
    text = f"{type(reason).__name__}: {reason}"
    for mark, kind in (("NameResolution", "no address in DNS"), ("Temporary failure", "no address in DNS"),
                       ("refused", "no server"), ("ConnectTimeout", "no server"), ("ReadTimeout", "silence"),
                       ("CERTIFICATE", "certificate"), ("IncompleteRead", "cut"), ("SSL", "TLS"),
                       ("RemoteDisconnected", "closed without an answer"), ("reset", "closed without an answer")):
        if mark in text:
            return kind
    return text[:100]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", required=True)
    parser.add_argument("--authority", required=True)
    options = parser.parse_args()
    going = [True]
    signal.signal(signal.SIGTERM, lambda *_: going.clear())
    record = Record(options.record)
    pool = urllib3.PoolManager(ca_certs=options.authority, timeout=urllib3.Timeout(connect=5, read=SECONDS_MAX))
    while going:
        began, failure, values = time.monotonic(), None, {}
        try:
            answer = pool.request("GET", "https://app2.example.test/fast", retries=False)
            values["node"] = answer.headers.get("x-node")
            if answer.status >= 400:
                failure = f"status {answer.status}"
            elif hashlib.sha256(answer.data).hexdigest() != answer.headers.get("x-checksum"):
                failure, values["begun"] = "wrong bytes", True
        except (urllib3.exceptions.HTTPError, OSError) as error:
            failure = classify(error)
            values["begun"] = failure == "cut"
        record.request("urllib3", began, failure, method="GET", path="/fast", host="app2.example.test", **values)
        time.sleep(PAUSE)


main()
