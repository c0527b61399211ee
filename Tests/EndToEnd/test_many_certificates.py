"""A thousand certificates, or as many as CERTIFICATES says: starting, reloading, renewing under load.

What is measured are the answers of the control thread, which also answers the watchdog of systemd, and those of
the workers to clients. EXACT=1 holds them to 200 ms, which takes a machine with nothing else to do.
"""

import os
import re
import signal
import ssl
import subprocess
import threading
import time

import pytest

from support import admin
from support.edge import check
from support.load import Load
from support.many import Many
from support.processes import eventually

COUNT = int(os.environ.get("CERTIFICATES", "1000"))
LONGEST = 0.2 if os.environ.get("EXACT") else 0.8  # seconds
# Decoding takes as long in a debug build, all else ten times.
START = 5 if os.environ.get("EXACT") else 5 + COUNT / 200
PATIENCE = 15 + COUNT / 50


class Pace:
    """Asks again and again in a thread of its own, and keeps how long the longest answer took."""

    def __init__(self, ask):
        self.ask, self.longest, self.failure, self.stopping = ask, 0, None, threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.stopping.wait(0.01):
            begun = time.monotonic()
            try:
                self.ask()
            except Exception as error:  # shown by the test
                self.failure = error
                return
            self.longest = max(self.longest, time.monotonic() - begun)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(30)


class Signs:
    """Reads what the service manager is told: the longest time between two signs of life."""

    def __init__(self, notifications):
        self.socket, self.longest, self.count, self.stopping = notifications.socket, 0, 0, threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        last = None
        self.socket.settimeout(0.1)
        while not self.stopping.is_set():
            try:
                text = self.socket.recv(4096)
            except TimeoutError:
                continue
            if b"WATCHDOG=1" in text:
                now = time.monotonic()
                self.longest = max(self.longest, now - last if last else 0)
                self.count += 1
                last = now

    __enter__, __exit__ = Pace.__enter__, Pace.__exit__


def serial(running, many, number):
    """What a client is shown under a name; None where the name is not served."""
    try:
        with running.client(many.name(number)) as client:
            return int(client.socket.getpeercert()["serialNumber"], 16)
    except ssl.SSLError:
        return None


def test_a_thousand_certificates_are_renewed_and_reloaded_while_everybody_is_served(
        edge, scripted, directory, authority):
    many = Many(authority, directory / "edge1/certificates")
    for number in range(COUNT):
        many.put(number)
    begun = time.monotonic()
    running = edge({"app1": [scripted().address]}, environment={"WATCHDOG_USEC": "200000"})
    took = {"start": time.monotonic() - begun}
    assert took["start"] < START
    assert running.request().status == 200
    last = COUNT - 1

    def visit(client, number):
        """A request; every second one on a connection of its own, with another certificate each."""
        if number % 2:
            return client.request()
        with running.client(many.name(number * 7 % COUNT)) as other:
            assert other.certificate
        return client.request()

    def measured(what, act, is_done):
        with Signs(running.notifications) as signs, Pace(lambda: admin.ask(running.admin, "/health")) as control:
            act()
            begun = time.monotonic()
            eventually(is_done, f"{what} is done", PATIENCE)
            took[what] = time.monotonic() - begun
            eventually(lambda: signs.count > 1, "signs of life")
        assert control.failure is None
        assert control.longest < LONGEST, f"{what}: the control thread took {control.longest:.3f} s"
        assert signs.longest < 1.1 + LONGEST, f"{what}: {signs.longest:.3f} s between two signs of life"
        took[what + ", control thread"] = control.longest

    with Load(running, visit, threads=2) as load, Pace(lambda: running.request()) as clients:
        load.wait_for(20)
        one = many.put(7)
        measured("one certificate", lambda: None, lambda: serial(running, many, 7) == one)
        lines = len(running.child.lines)
        measured("a reload of nothing new", lambda: running.child.signal(signal.SIGHUP),
                 lambda: any(re.search(r"\breloaded\b", line) for line in running.child.lines[lines:]))
        serials = []
        renew = lambda: serials.extend(many.put(number) for number in range(COUNT))
        measured("all certificates", renew, lambda: serial(running, many, last) == serials[last])
        load.wait_for(20)
    assert not load.failures
    assert clients.failure is None
    took["longest request"] = clients.longest
    assert clients.longest < LONGEST + 0.2, "a request on a connection of its own"
    memory = re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{running.child.pid}/status").read())[1]
    print({**{what: round(value, 3) for what, value in took.items()}, "kB of memory": int(memory)})
    begun = time.monotonic()
    status, text = check(running.file)
    assert status == 0, text
    print(f"--check-config: {time.monotonic() - begun:.2f} s")


def test_a_renewal_behind_links_is_noticed_without_a_reload(edge, scripted, authority):
    running = edge({"app1": [scripted().address]})
    archive = running.directory / "archive"
    archive.mkdir()
    many = Many(authority, archive)
    many.put(1)
    (archive / many.name(1)).rename(archive / "real")
    live = running.certificates / "linked"
    live.mkdir()
    for name in ("fullchain.pem", "privkey.pem"):
        (live / name).symlink_to(archive / "real" / name)
    eventually(lambda: many.name(1) in running.child.text, "it is served")
    chain, new = many.issue(1)
    # The target is rewritten where it lies: nothing happens in the directory that is watched.
    (archive / "real/fullchain.pem").write_bytes(chain)
    eventually(lambda: serial(running, many, 1) == new, "the renewed certificate is served")


def without_notifications():
    """The words that start a program for which the kernel has no notifications left; they need privileges or
    user namespaces."""
    words = ["unshare", "--user", "--map-root-user", "sh", "-c",
             'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"', "sh"]
    done = subprocess.run([*words, "true"], capture_output=True)
    if done.returncode != 0:
        pytest.skip("there are no user namespaces here")
    return words


def test_without_notifications_a_change_is_noticed_and_the_log_and_the_status_say_why_it_takes_seconds(
        edge, scripted, authority):
    running = edge({"app1": [scripted().address]}, words=without_notifications())
    running.child.wait_for_line("noticed within seconds.*inotify_init1.*Too many open files")
    said = "changes in the certificate directory are noticed within seconds, and not at once"
    assert any(said in warning for warning in admin.status(running)["warnings"])
    many = Many(authority, running.certificates)
    new = many.put(1)
    eventually(lambda: serial(running, many, 1) == new, "a pair that came is served")
    new = many.put(1)
    eventually(lambda: serial(running, many, 1) == new, "a pair that was replaced is served")
    assert running.child.text.count(said) == 1


def test_a_pair_that_is_half_written_for_long_is_a_warning_with_advice_and_the_old_one_goes_on(
        edge, scripted, authority):
    running = edge({"app1": [scripted().address]}, issued={"app1": authority.issue("app1.example.test")})
    place = running.certificates / "app1"
    new = authority.issue("app1.example.test")
    lines = len(running.child.lines)
    (place / "fullchain.pem").write_bytes(new.chain.read_bytes())
    eventually(lambda: admin.status(running)["certificates"]["refused"], "the status has it at once")
    assert not any("refused" in line for line in running.child.lines[lines:]), "the log waits for the other half"
    line = running.child.wait_for_line("certificate refused", since=lines)
    assert "the private key does not fit" in line and "the pair from before goes on" in line
    assert "error" not in line.lower().split("certificate refused")[0]
    assert running.request().status == 200
    lines = len(running.child.lines)
    (place / "privkey.pem").write_bytes(new.key.read_bytes())
    running.child.wait_for_line(rf"certificate served.*{new.serial:X}", since=lines)
    assert admin.status(running)["certificates"]["refused"] == []
