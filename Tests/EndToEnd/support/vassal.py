"""Real uWSGI that announces itself, on a port that the system gives: another one with each reload."""

import os
import signal

from . import REPOSITORY
from .processes import Child
from .uwsgi import PLUGIN_COMMAND


class Vassal:
    """An instance of app1 with an ini file of its own. `journal` may be one for several instances."""

    def __init__(self, directory, edge_port, node, journal, processes=2, key="app1.example.test", socket="127.0.0.1:0",
                 options=()):
        directory.mkdir(parents=True, exist_ok=True)
        self.node, self.journal = node, journal
        self.file, self.touched = directory / f"{node}.ini", directory / f"{node}.touch"
        self.touched.touch()
        apps = REPOSITORY / "conf/apps"
        self.lines = [
            "[uwsgi]", f"chdir = {apps}", f"wsgi-file = {apps}/app1.py", "need-app = true", "strict = true",
            "master = true", f"processes = {processes}", "no-orphans = true", "disable-logging = true",
            f"socket = {socket}", f"subscribe-to = 127.0.0.1:{edge_port}:{key}",
            f"touch-reload = {self.touched}", f"env = EDGE_NODE={node}", f"env = JOURNAL={journal}", *options]
        self.file.write_text("\n".join(self.lines) + "\n")
        self.child = None

    def start(self):
        self.child = Child([PLUGIN_COMMAND or "uwsgi", "--ini", self.file], {**os.environ})
        self.child.wait_for_line(r"spawned uWSGI worker 1\b")
        return self

    def signal(self, number):
        """To the master alone, as an operator does."""
        self.child.signal(number)

    def to_all(self, number):
        os.killpg(self.child.pid, number)

    def after(self, action):
        """What `action` makes it do is over when it has started anew."""
        since = len(self.child.lines)
        action()
        self.child.wait_for_line(r"spawned uWSGI worker 1\b", since)

    def stop(self):
        self.child.signal(signal.SIGINT)
        self.child.wait()

    def end(self):
        if self.child:
            self.child.kill()
            self.child.end()


class Emperor:
    """Runs every vassal whose ini file is in `directory`."""

    def __init__(self, directory):
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.child = Child(
            [PLUGIN_COMMAND or "uwsgi", "--emperor", directory, "--emperor-freq=1"], {**os.environ})
        self.child.wait_for_line("Emperor")

    def end(self):
        self.child.kill()
        self.child.end()
