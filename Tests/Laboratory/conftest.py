"""Records of a run, written by hand: what the laboratory's verdict is made of."""

import json
import pathlib
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts/lab.d"))

import report  # noqa: E402
import verdict  # noqa: E402

FILES = verdict.CLIENTS


class Run:
    """A run of five servers and a minute, in which nothing happens but what a test writes down."""

    def __init__(self, directory):
        self.records, self.journals = directory / "records", directory / "journals"
        self.records.mkdir()
        self.journals.mkdir()
        self.said = []
        self.dns = "monitor"

    def _write(self, file, **values):
        with open(self.records / file, "a") as lines:
            lines.write(json.dumps(values) + "\n")

    def fault(self, key, server="s2", began=10.0, ended=20.0, breaks=(), settle=4.0, complete=None):
        """`complete` is when all of it had been done, if not at once."""
        self._write("events", at=ended, what="fault", fault=key, title=key, server=server, began=began, ended=ended,
                    complete=complete or began, breaks=list(breaks), settle=settle)

    def certificate(self, serial, began, at):
        self._write("events", what="certificate", serial=serial, began=began, at=at)

    def crash(self, status):
        self._write("events", at=5.0, what="ended", service="edge", server="s1", status=status)

    def seen(self, server, at, state="open", serial=1):
        self._write("watcher", at=at, began=at, server=server, state=state, serial=serial)

    def stall(self, began, seconds):
        """The machine did not let the watcher run."""
        self._write("watcher", at=began + seconds, began=began, server=None, state="stall", serial=None,
                    seconds=seconds)

    def order_certificate(self, at, server="s1", name="shop.example.test", status=201):
        """A server asked the CA for one."""
        self._write("certificate_authority", what="order", at=at, client=f"10.77.0.{10 + int(server[1:])}",
                    status=status, replaces=None, names=[name])

    def issue(self, at, serial=1, name="shop.example.test"):
        """The CA issued what was ordered."""
        self._write("certificate_authority", what="issued", at=at, serial=serial, names=[name])

    def refuse(self, at, name="shop.example.test"):
        """The CA did not find its answer."""
        self._write("certificate_authority", what="refused", at=at, names=[name], problems=["connection refused"])

    def distrust(self, at, server="s3", name="shop.example.test"):
        self._write("watcher", at=at, began=at, server=server, state="distrusted", serial=None, ordered=name)

    def request(self, failure=None, client="browser", began=12.0, ended=12.1, method="GET", path="/fast",
                address="10.77.0.12", **values):
        self._write(FILES[client], client=client, began=began, ended=ended, failure=failure, method=method, path=path,
                    host="app1.example.test", address=address, **values)

    def order(self, identity, *passages, server="s1", **values):
        """A POST, and each time that an instance executed it, with the edge's id of the request."""
        self.request(method="POST", path="/order", id=identity, **values)
        with open(self.journals / f"{server}-app1", "a") as journal:
            journal.writelines(f"{identity} {passage}\n" for passage in passages)

    def named(self, by, at, *servers):
        """What this server's DNS answers from now on; nothing at all for None."""
        addresses = None if servers == (None,) else [f"10.77.0.{10 + number}" for number in servers]
        self._write("answers", at=at, by=by, addresses=addresses)

    @property
    def trial(self):
        return verdict.Trial(self.records, self.journals, 5, self.dns)

    @property
    def status(self):
        """The exit status of `scripts/lab chaos`."""
        self.said.clear()
        return report.write(self.trial, self.said.append)

    @property
    def held(self):
        return self.status == report.HELD

    @property
    def text(self):
        return "\n".join(self.said)


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)
