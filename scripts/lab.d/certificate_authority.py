"""The CA of the laboratory: pebble behind the relay of the end-to-end tests, in the clients' namespace.

It looks for its answers where DNS leads it, at the ports that the world asks. Its certificates live for `--lifetime`
seconds, and it wants each of them renewed early, in a window that RFC 9773 lets it name. Nobody gets a directory from
it before SIGUSR1, so that the first orders come when every server stands.
"""

import argparse
import datetime
import json
import os
import pathlib
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.request

from network import CA_PORT, CLIENT
from record import Record
from server import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "Tests/EndToEnd"))
from support.acme_relay import Relay, decoded  # noqa: E402
from support.authority import Issued  # noqa: E402

PEBBLE_PORT, MANAGEMENT_PORT = 15_000, 15_001
WINDOW = 0.15, 0.22  # parts of the lifetime


class Given:
    """What the relay shows over HTTPS, issued by the authority of the laboratory."""

    def __init__(self, authority, chain, key):
        self.pem, self.issued = authority, Issued(chain, key, 0)

    def issue(self, *_):
        return self.issued


class Certificates:
    """What was issued, and when, in seconds since 1970."""

    def __init__(self, record, lifetime):
        self.record, self.lifetime, self.times, self.lock = record, lifetime, {}, threading.Lock()

    def fetched(self, answer):
        """A chain on its way to the server that has ordered it; it may be fetched again."""
        if answer.status == 200:
            words = ["openssl", "x509", "-noout", "-serial", "-ext", "subjectAltName"]
            said = subprocess.run(words, input=answer.content, capture_output=True, check=True).stdout.decode()
            serial = int(said.partition("serial=")[2].split()[0], 16)
            with self.lock:
                if serial not in self.times:
                    self.times[serial] = time.time()
                    self.record.write(what="issued", at=time.monotonic(), serial=serial,
                                      names=said.partition("DNS:")[2].strip().split(", DNS:"))
        return answer

    def asked(self, answer):
        """What became of an authorization, of which the CA tells again and again."""
        told = json.loads(answer.content) if answer.status == 200 else {}
        if told.get("status") == "invalid":
            problems = [each["error"].get("detail", "") for each in told["challenges"] if "error" in each]
            name = ("*." if told.get("wildcard") else "") + told["identifier"]["value"]
            self.record.write(what="refused", at=time.monotonic(), names=[name], problems=problems)
        return answer

    def window(self, identifier):
        """When it is to be renewed; `identifier` is that of RFC 9773 §4.1."""
        serial = int.from_bytes(decoded(identifier.rpartition(".")[2]), "big")
        issued = self.times.get(serial)
        return issued and tuple(
            datetime.datetime.fromtimestamp(issued + part * self.lifetime, datetime.timezone.utc) for part in WINDOW)


def write_orders(relay, record):
    """Every order that was asked for, and by which server."""
    for asked in relay.of("newOrder"):
        record.write(what="order", at=asked.at, client=asked.client, status=asked.status,
                     replaces=(asked.payload or {}).get("replaces"),
                     names=[each["value"] for each in (asked.payload or {}).get("identifiers", [])])


def start_pebble(directory, options):
    file = directory / "pebble.json"
    file.write_text(json.dumps({"pebble": {
        "listenAddress": f"127.0.0.1:{PEBBLE_PORT}", "managementListenAddress": f"127.0.0.1:{MANAGEMENT_PORT}",
        "certificate": options.chain, "privateKey": options.key, "httpPort": 80, "tlsPort": 443, "ocspResponderURL": "",
        "externalAccountBindingRequired": False, "certificateValidityPeriod": options.lifetime}}))
    environment = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}
    return subprocess.Popen(["pebble", "-config", file, "-dnsserver", f"{CLIENT}:53"],
                            env={**os.environ, **environment})


def root(authority):
    """What its certificates descend from; it is another at each start."""
    context = ssl.create_default_context(cafile=authority)
    for _ in range(200):
        try:
            with urllib.request.urlopen(
                    f"https://127.0.0.1:{MANAGEMENT_PORT}/roots/0", timeout=5, context=context) as answer:
                return answer.read()
        except OSError:
            time.sleep(0.05)
    raise SystemExit("pebble does not answer")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", required=True)
    for word in ("authority", "chain", "key", "roots"):
        parser.add_argument(f"--{word}", required=True)
    parser.add_argument("--lifetime", type=int, required=True)
    options = parser.parse_args()
    signals = {signal.SIGTERM, signal.SIGUSR1}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    roots, record = pathlib.Path(options.roots), Record(options.record)
    pebble = start_pebble(roots.parent, options)
    relay = Relay(Given(options.authority, options.chain, options.key), PEBBLE_PORT, (CLIENT, CA_PORT))
    certificates = Certificates(record, options.lifetime)
    relay.window = certificates.window
    relay.hold("directory")
    new = roots.with_suffix(".new")
    new.write_bytes(pathlib.Path(options.authority).read_bytes() + root(options.authority))
    new.rename(roots)
    if signal.sigwait(signals) == signal.SIGUSR1:
        relay.heal()
        relay.change("certificate", certificates.fetched)
        relay.change("authorization", certificates.asked)
        signal.sigwait({signal.SIGTERM})
    write_orders(relay, record)
    pebble.kill()


if __name__ == "__main__":
    main()
