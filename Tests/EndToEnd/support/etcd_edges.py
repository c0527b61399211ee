"""What edges make of the certificates that etcd has."""

import re
import time

from .client import Client
from .load import Load
from .processes import PATIENCE, eventually

NAME = "app1.example.test"


def serial(edge, name=NAME):
    """Of the certificate that a new connection is shown; None where there is no connection."""
    try:
        with Client(edge.port, name, edge.authority) as client:
            return int(client.socket.getpeercert()["serialNumber"], 16)
    except OSError:
        return None


def served(edges, issued, since=None, seconds=PATIENCE, name=NAME):
    """Waits until every edge shows the certificate; the seconds that it took since `since`."""
    since = time.monotonic() if since is None else since
    for edge in edges:
        eventually(lambda: serial(edge, name) == issued.serial,
                   f"serial {issued.serial:X} is served; the log:\n{edge.child.text}", seconds)
    return time.monotonic() - since


def refused(edge, key, reason, since=0):
    """Waits for the line that names a refused key and why."""
    return edge.child.wait_for_line(rf'certificate refused reason=.*(?:{reason}).*source="?{re.escape(key)}', since)


class BothLoads:
    """Kept connections, and new ones for each request, on every edge: no failure, nothing dropped."""

    def __init__(self, edges):
        self.edges = edges
        self.kept = [Load(edge, lambda client, _: client.request(), threads=2) for edge in edges]
        self.fresh = [
            Load(edge, lambda client, _: client.request(headers=[("Connection", "close")]), threads=1)
            for edge in edges]

    def __enter__(self):
        for load in self.kept + self.fresh:
            load.__enter__()
            load.wait_for(5)
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            for load in self.kept + self.fresh:
                load.wait_for(10)
        for load in self.kept + self.fresh:
            load.__exit__()
        if kind is None:
            for load in self.kept + self.fresh:
                assert not load.failures, load.failures

    @property
    def answered(self):
        return sum(load.answered for load in self.kept + self.fresh)
