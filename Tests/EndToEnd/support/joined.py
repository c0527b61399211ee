"""Servers of a fleet that reach each other's instances through their edges.

All run on one machine here, so what only one of them can reach is a unix socket below its working directory:
`NODE` means another file for each.
"""

import os
import subprocess

from .edge import binary, reserve_port
from .processes import eventually
from .admin import status

NODE = "unix:/proc/self/cwd/app.sock"


def command(running, *words):
    """`edgeproxy node` with an edge's configuration."""
    done = subprocess.run(
        [str(binary()), "node", *words, "--config", str(running.file)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Joined(list):
    """Edges that have joined one fleet."""

    def place(self, number, address, name="app.sock"):
        """Puts a listening unix socket where edge `number` alone finds it as NODE."""
        os.symlink(address.removeprefix("unix:"), self[number].home / name)

    def wait(self):
        """Until each knows all others."""
        for running in self:
            eventually(lambda: len(status(running)["peers"]["servers"]) == len(self) - 1 and
                       status(running)["peers"]["joined"], f"the fleet; the log:\n{running.child.text}")
        return self


def last_tries(running, path):
    """The tries of the last request for a path."""

    def entry():
        found = [line for line in running.access_entries() if line.get("target") == path]
        return found[-1] if found else None

    return [(one["node"], one["outcome"]) for one in eventually(entry, f"the line of {path}")["tries"]]


def join(edge, cluster, directory, upstreams, count=2, **configuration):
    """Starts `count` edges with the same upstreams and lets them join."""
    keys = directory / "encryption-keys"
    keys.write_text(subprocess.run(
        [str(binary()), "cert", "new-key", "first"], capture_output=True, text=True, check=True).stdout)
    keys.chmod(0o600)
    joined = Joined()
    for number in range(1, count + 1):
        home = directory / f"home{number}"
        home.mkdir()
        holder = reserve_port()
        listen = {"peers": ["127.0.0.1:%d" % holder.getsockname()[1]], "close_when_unable": "never",
                  **configuration.get("listen", {})}
        running = edge(upstreams, home=home, **{
            "node": f"edge{number}", "etcd": cluster.settings(encryption_keys=str(keys)), **configuration,
            "listen": listen})
        running.holders.append(holder)
        joined.append(running)
        if number == 1:
            command(running, "init")
        command(running, "join")
    return joined.wait()
