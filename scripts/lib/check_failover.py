"""Requests the demo applications through the proxy, kills one instance under load, counts failures.

Exit status 0: every request was answered by the right application, before and after the kill.
"""

import argparse
import http.client
import json
import os
import signal
import socket
import ssl
import sys
import threading
import time
from collections import Counter

THREADS = 8
REQUESTS_BEFORE = 400  # of all threads together, before the kill
REQUESTS_AFTER = 1200
SECONDS_MAX = 60


class Connection(http.client.HTTPSConnection):
    """Connects to loopback whatever the name, which is used for SNI and Host."""

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        self.sock = self._context.wrap_socket(plain, server_hostname=self.host)


def ask(connection, expected):
    """The node that answered; raises unless the answer is the application's own, whole and 200."""
    connection.request("GET", "/")
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise ValueError(f"status {response.status}")
    answer = json.loads(body)
    if answer["app"] != expected:
        raise ValueError(f"answered by {answer['app']}")
    return answer["node"]


class Load:
    def __init__(self, arguments, context):
        self.arguments, self.context = arguments, context
        self.lock = threading.Condition()
        self.answered = 0
        self.nodes_before, self.nodes_after = Counter(), Counter()
        self.failures = Counter()
        self.killed = self.stopped = False

    def connect(self, name):
        return Connection(name, self.arguments.port, context=self.context, timeout=15)

    def run(self, name):
        connection, expected = self.connect(name), name.split(".")[0]
        while not self.stopped:
            killed = self.killed
            try:
                node = ask(connection, expected)
            except Exception as error:  # each kind of failure is counted by its text
                connection.close()
                connection = self.connect(name)
                with self.lock:
                    self.failures[f"{name}: {type(error).__name__}: {error}"] += 1
                    self.lock.notify_all()
                continue
            with self.lock:
                self.answered += 1
                counts = self.nodes_after if killed else self.nodes_before
                counts[f"{expected} {node}"] += 1
                self.lock.notify_all()
        connection.close()

    def wait_for(self, answered, deadline):
        """Whether so many were answered in all before the deadline, and none failed more than it should."""
        with self.lock:
            left = max(0.0, deadline - time.monotonic())
            enough = lambda: self.answered >= answered or sum(self.failures.values()) > 1000
            return self.lock.wait_for(enough, left)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ca", required=True)
    parser.add_argument("--victim", type=int, required=True, help="the uWSGI process to kill")
    parser.add_argument("--names", nargs="+", required=True)
    arguments = parser.parse_args()
    load = Load(arguments, ssl.create_default_context(cafile=arguments.ca))

    for name in arguments.names:
        connection = load.connect(name)
        print(f"https://{name}/ answered by node {ask(connection, name.split('.')[0])}")
        connection.close()

    names = [arguments.names[index % len(arguments.names)] for index in range(THREADS)]
    threads = [threading.Thread(target=load.run, args=(name,), daemon=True) for name in names]
    deadline = time.monotonic() + SECONDS_MAX
    for thread in threads:
        thread.start()
    enough = load.wait_for(REQUESTS_BEFORE, deadline)
    os.kill(arguments.victim, signal.SIGKILL)
    load.killed = True
    print(f"killed uWSGI process {arguments.victim} with -9 after {load.answered} requests")
    enough = load.wait_for(load.answered + REQUESTS_AFTER, deadline) and enough
    load.stopped = True
    for thread in threads:
        thread.join(20)

    print("before:", ", ".join(f"{node}: {n}" for node, n in sorted(load.nodes_before.items())))
    print("after: ", ", ".join(f"{node}: {n}" for node, n in sorted(load.nodes_after.items())))
    failed = sum(load.failures.values())
    print(f"{load.answered} requests answered, {failed} failed")
    for text, count in load.failures.most_common(10):
        print(f"  {count} × {text}")
    if not enough:
        print(f"too few requests were answered within {SECONDS_MAX} s")
    return 0 if enough and failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
