"""curl in a loop: a new process, a new connection and a new look into DNS for each request."""

import argparse
import pathlib
import re
import signal
import subprocess
import tempfile
import time

from mix import Mix
from record import Record

# curl(1), "EXIT CODES"
CLASSES = {6: "no address in DNS", 7: "no server", 28: "silence", 35: "TLS", 52: "closed without an answer",
           55: "closed without an answer", 56: "closed without an answer", 18: "cut", 60: "certificate",
           92: "cut", 22: "status"}
BEGUN = {18, 92}
SECONDS_MAX = 30  # of which curl gives one address that does not answer a SYN about half
SLOW_CONNECT_SECONDS = 0.5
FORM = "%{http_code} %{remote_ip} %{time_connect} %header{x-node} %header{x-checksum}"


def ask(request, authority, place):
    """What became of the request: (failure, values for the record)."""
    (place / "body").write_text(request.text)
    post = ["--data-binary", f"@{place / 'body'}"] if request.method == "POST" else []
    done = subprocess.run(
        ["curl", "-sSv", "-f", "-o", place / "answer", "-m", str(SECONDS_MAX), "--cacert", authority, *post,
         "-w", FORM, f"https://{request.host}{request.path}"], capture_output=True, text=True, errors="replace",
        start_new_session=True)
    status, address, connected, node, checksum = (done.stdout.split(" ") + [""] * 5)[:5]
    waited = float(connected or 0)
    values = {"tried": re.findall(r"^\* +Trying ([0-9.]+):443", done.stderr, re.M), "address": address or None,
              "node": node or None, "begun": done.returncode in BEGUN,
              "waited": waited if waited > SLOW_CONNECT_SECONDS else 0}
    if done.returncode == 28 and not address:
        return "no server: silent to SYN", values
    if done.returncode == 22:
        return f"status {status}", values
    if done.returncode:
        return CLASSES.get(done.returncode, f"exit {done.returncode}"), values
    flaw = request.flaw((place / "answer").read_bytes(), checksum.strip())
    return flaw, {**values, "begun": flaw is not None}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", required=True)
    parser.add_argument("--authority", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pause", type=float, default=0.3)
    options = parser.parse_args()
    going = [True]
    signal.signal(signal.SIGTERM, lambda *_: going.clear())
    record, mix = Record(options.record), Mix("curl", options.seed)
    with tempfile.TemporaryDirectory() as place:
        while going:
            request, began = mix.next(), time.monotonic()
            failure, values = ask(request, options.authority, pathlib.Path(place))
            record.request("curl", began, failure, **request.described, **values)
            time.sleep(options.pause)


main()
