"""The Debian package, and a machine on which it is installed and runs under its own unit."""

import json
import os
import pathlib
import shutil
import subprocess

from . import REPOSITORY
from .client import Client
from .edge import binary
from .machine import Machine

CONFIGURATION = "/etc/edgeproxy/edgeproxy.yaml"
# What an administrator copies by hand, for the service's group to read.
FOR_THE_SERVICE = ("install", "-D", "-o", "root", "-g", "edgeproxy", "-m", "0640")


def build_package(directory):
    """The package of the binary under test; EDGEPROXY_PACKAGE where it was built before."""
    if given := os.environ.get("EDGEPROXY_PACKAGE"):
        return pathlib.Path(given)
    done = subprocess.run([REPOSITORY / "scripts/package", directory], capture_output=True, text=True,
                          env={**os.environ, "EDGEPROXY": str(binary())})
    assert done.returncode == 0, done.stderr
    return pathlib.Path(done.stdout.strip())


def renumbered(package, directory, version):
    """The same package with another version."""
    root = directory / f"root-{version}"
    subprocess.run(["dpkg-deb", "--raw-extract", package, root], check=True)
    control = root / "DEBIAN" / "control"
    lines = [f"Version: {version}" if line.startswith("Version: ") else line
             for line in control.read_text().splitlines()]
    control.write_text("\n".join(lines) + "\n")
    made = directory / f"edgeproxy_{version}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", "-Zgzip", "-z1", root, made], check=True,
                   stdout=subprocess.DEVNULL)
    shutil.rmtree(root)
    return made


class Installed(Machine):
    """`issued` is the certificate that it serves with. `prepare` is shell that runs behind the installation."""

    def __init__(self, directory, package, issued, configuration, prepare="", units=None):
        (directory / "edgeproxy.yaml").write_text(json.dumps(configuration, indent=2))
        put = " ".join(FOR_THE_SERVICE)
        place = "/etc/edgeproxy/certificates/example.test"
        super().__init__(directory, f"""
dpkg --install --force-unsafe-io {package}
cat {directory}/edgeproxy.yaml > {CONFIGURATION}
{put} {issued.chain} {place}/fullchain.pem
{put} {issued.key} {place}/privkey.pem
{prepare}
""", units or {})
        self.wait_for_unit("edgeproxy.service")

    def write(self, configuration):
        self.path(CONFIGURATION).write_text(json.dumps(configuration, indent=2))

    def serve(self, configuration):
        """Starts it anew with another configuration."""
        self.write(configuration)
        self.run("systemctl", "restart", "edgeproxy")

    def put(self, source, place):
        """A file that the service reads, as the documents say."""
        self.run(*FOR_THE_SERVICE, source, place)

    def drop_in(self, name, text):
        """What `systemctl edit` makes; in force at the next start."""
        place = self.path(f"/etc/systemd/system/edgeproxy.service.d/{name}.conf")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        self.run("systemctl", "daemon-reload")

    def take_back(self, name):
        self.path(f"/etc/systemd/system/edgeproxy.service.d/{name}.conf").unlink()
        self.run("systemctl", "daemon-reload")

    def ask(self, authority, name, path="/up", port=443, **request):
        with self.network(), Client(port, name, authority) as client:
            return client.request(path=path, **request)

    def ask_plainly(self, path, name="localhost", port=80):
        with self.network(), Client(port, name) as client:
            return client.request(path=path)

    @property
    def status(self):
        return json.loads(self.run("edgeproxy", "status", "--json", check=False))
