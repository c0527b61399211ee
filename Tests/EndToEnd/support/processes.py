"""Child processes whose output is awaited line by line."""

import os
import re
import signal
import subprocess
import threading
import time

import pytest

PATIENCE = 15  # seconds for what should take milliseconds; a loaded machine is no failure


class Timeout(AssertionError):
    pass


class Child:
    """A process in a session of its own. Its output, both streams, is kept and can be awaited."""

    def __init__(self, command, environment=None, directory=None):
        self.command = [str(word) for word in command]
        self.lines = []
        self.changed = threading.Condition()
        self.process = subprocess.Popen(
            self.command, env=environment, cwd=directory, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.decode(errors="replace").rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.lines.append("(end of output)")
            self.changed.notify_all()

    @property
    def pid(self):
        return self.process.pid

    @property
    def descriptors(self):
        """The numbers of what it has open, as texts. edgeproxy keeps keys, and lets nobody look but root."""
        try:
            return os.listdir(f"/proc/{self.pid}/fd")
        except PermissionError:
            pytest.skip("only root may look into a process that keeps keys")

    @property
    def text(self):
        with self.changed:
            return "\n".join(self.lines)

    @property
    def running(self):
        return self.process.poll() is None

    def wait_for_line(self, pattern, since=0, seconds=PATIENCE):
        """The first line from number `since` on that the pattern is found in."""
        expression = re.compile(pattern)

        def found():
            return next((line for line in self.lines[since:] if expression.search(line)), None)

        with self.changed:
            self.changed.wait_for(lambda: found() or not self.running, seconds)
            line = found()
        if line is None:
            raise Timeout(f"no line like {pattern!r} from {self.command[0]}; its output:\n{self.text}")
        return line

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=PATIENCE):
        """The exit status; negative for a signal."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Timeout(f"{self.command[0]} did not end; its output:\n{self.text}") from None
        self.reader.join(seconds)
        return status

    def kill(self):
        """With -9, the whole session: what pulling the plug does."""
        if self.running:
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()

    def end(self, seconds=PATIENCE):
        if self.running:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        self.reader.join(seconds)
        self.process.stdout.close()


def eventually(condition, what, seconds=PATIENCE):
    """For what announces itself to nobody: asks again until the condition holds, and returns what it gave."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Timeout(f"not within {seconds} s: {what}")
        pause.wait(0.01)
