"""curl in a loop: a new process, a new connection and a new look into DNS for each request."""

import argparse
import signal
import subprocess
import time

from record import Record

# curl(1), "EXIT CODES"
CLASSES = {6: "no address in DNS", 7: "no server", 28: "timeout", 35: "TLS", 52: "closed without an answer",
           55: "closed without an answer", 56: "closed without an answer", 18: "cut", 60: "certificate",
           92: "cut", 22: "status"}
BEGUN = {18, 92}
SECONDS_MAX = 30


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", required=True)
    parser.add_argument("--authority", required=True)
    parser.add_argument("--pause", type=float, default=0.3)
    options = parser.parse_args()
    going = [True]
    signal.signal(signal.SIGTERM, lambda *_: going.clear())
    record = Record(options.record)
    form = "%{http_code} %{remote_ip} %{time_connect} %header{x-node}"
    while going:
        began = time.monotonic()
        done = subprocess.run(
            ["curl", "-sS", "-f", "-o", "/dev/null", "-m", str(SECONDS_MAX), "--cacert", options.authority,
             "-w", form, "https://app1.example.test/fast"], capture_output=True, text=True,
            start_new_session=True)
        status, address, connected, node = (done.stdout.split(" ") + ["", "", "", ""])[:4]
        failure = None if done.returncode == 0 else CLASSES.get(done.returncode, f"exit {done.returncode}")
        failure = f"status {status}" if failure == "status" else failure
        waited = float(connected or 0)
        record.request("curl", began, failure, method="GET", path="/fast", host="app1.example.test",
                       address=address or None, node=node or None, begun=done.returncode in BEGUN,
                       waited=waited if waited > 0.5 else 0)
        time.sleep(options.pause)


main()
