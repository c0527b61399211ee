"""A process kept alive as systemd does it: Type=notify, Restart=always, WatchdogSec.

The file of the real unit says how long edgeproxy may be silent and how soon it is started again.
"""

import os
import re
import signal
import socket
import subprocess
import threading
import time

READY_MAX = 30.0


def unit_seconds(file, key, default):
    """`RestartSec=200ms` and the like from a unit."""
    match = re.search(rf"^{key}=(\d+)(ms|s)$", file.read_text(), re.M)
    return int(match[1]) / (1000 if match[2] == "ms" else 1) if match else default


class Service:
    """`watchdog` seconds without a WATCHDOG=1 are the end of the process; None for no watchdog."""

    def __init__(self, name, command, directory, environment=None, restart=1.0, watchdog=None, announce=None,
                 stop_signal=signal.SIGTERM, stop_seconds=45):
        self.name, self.command, self.directory = name, [str(word) for word in command], directory
        self.environment = environment or {}
        self.restart, self.watchdog = restart, watchdog
        self.stop_signal, self.stop_seconds = stop_signal, stop_seconds
        self.announce = announce or (lambda *_, **__: None)
        self.process, self.wanted, self.starts = None, False, 0
        self.ready, self.change = threading.Event(), threading.Condition()
        self.heard = time.monotonic()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.path = str(directory / f"{name}.notify")
        self.socket.bind(self.path)
        os.chmod(self.path, 0o777)
        self.socket.settimeout(0.1)
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._keep, daemon=True).start()

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    @property
    def log(self):
        return self.directory / f"{self.name}.log"

    def start(self, wait=False):
        with self.change:
            self.wanted = True
            self.change.notify_all()
        if wait and not self.ready.wait(READY_MAX):
            raise RuntimeError(f"{self.log.parent.name}/{self.name} did not become ready; its log:\n"
                               + self.log.read_text(errors="replace")[-2000:])

    def stop(self):
        """As `systemctl stop`: the polite signal, then the hard one; returns when it has ended."""
        with self.change:
            self.wanted = False
            self.ready.clear()
        process = self.process
        if process and process.poll() is None:
            self._signal(process, signal.SIGCONT)
            process.send_signal(self.stop_signal)
            try:
                process.wait(self.stop_seconds)
            except subprocess.TimeoutExpired:
                self.announce("was killed, its stop took too long", service=self.name)
            self._signal(process, signal.SIGKILL)
            process.wait()

    def pull_the_plug(self):
        """Nobody starts it again until `start`."""
        with self.change:
            self.wanted = False
            self.ready.clear()
        self.signal(signal.SIGKILL)
        if self.process:
            self.process.wait()

    def signal(self, number, whole_group=True):
        """To the process and its children, or to the process alone."""
        process = self.process
        if process and process.poll() is None:
            self._signal(process, number) if whole_group else process.send_signal(number)

    def kill_child(self):
        """One process that it has forked, if it has any."""
        if self.running:
            with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as children:
                for pid in children.read().split()[:1]:
                    os.kill(int(pid), signal.SIGKILL)

    @staticmethod
    def _signal(process, number):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass

    def _keep(self):
        while True:
            with self.change:
                self.change.wait_for(lambda: self.wanted)
                self._launch()
            status = self.process.wait()
            self.ready.clear()
            self._signal(self.process, signal.SIGKILL)  # KillMode: nothing of it stays
            if self.wanted:
                self.announce("ended", service=self.name, status=status)
                time.sleep(self.restart)

    def _launch(self):
        environment = {**os.environ, **self.environment, "NOTIFY_SOCKET": self.path}
        if self.watchdog:
            environment["WATCHDOG_USEC"] = str(int(self.watchdog * 1e6))
        self.heard = time.monotonic()
        self.starts += 1
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, env=environment, cwd=self.directory, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True)

    def _listen(self):
        while True:
            try:
                words = self.socket.recv(4096).decode(errors="replace").split("\n")
                if "WATCHDOG=1" in words or "READY=1" in words:
                    self.heard = time.monotonic()
                if "READY=1" in words:
                    self.ready.set()
            except TimeoutError:
                pass
            except OSError:
                return
            overdue = self.watchdog and self.ready.is_set() and time.monotonic() - self.heard > self.watchdog
            if overdue and self.running:
                self.announce("watchdog", service=self.name)
                self.ready.clear()
                self.signal(signal.SIGKILL)
