"""A real BIND with zones that take updates signed by a key, on a port of its own."""

import base64
import os
import shutil
import signal
import subprocess

from .edge import reserve_port
from .processes import Child

SERVER = shutil.which("named", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
KEY_NAME = "edgeproxy"
OPTIONS = """
options {
  directory "%(directory)s"; listen-on port %(port)d { 127.0.0.1; }; listen-on-v6 { none; };
  pid-file none; recursion no; dnssec-validation no; notify explicit; notify-delay 0; min-refresh-time 1;
  allow-transfer { 127.0.0.1; }; allow-new-zones no;
};
controls { };
"""
ZONE = """$TTL 60
@ IN SOA ns.%(zone)s. hostmaster.%(zone)s. 1 3600 600 86400 1
@ IN NS ns.%(zone)s.
ns IN A 127.0.0.1
%(records)s
"""


def key_text(secret=None, name=KEY_NAME, algorithm="hmac-sha256"):
    """As tsig-keygen writes it."""
    secret = secret or base64.b64encode(os.urandom(32)).decode()
    return f'key "{name}" {{\n\talgorithm {algorithm};\n\tsecret "{secret}";\n}};\n'


class Bind:
    """One server. `zones` are names, each with lines of a zone file; the key may change records of `types` there.

    With `primary`, another Bind, it is a secondary of that one's zones, which tells it of each change.
    """

    def __init__(self, directory, zones=None, primary=None, key=None, types="TXT"):
        self.directory, self.primary, self.types = directory, primary, types
        self.zones = dict(zones or (primary.zones if primary else {}))
        directory.mkdir()
        self.key_file = directory / "tsig.key"
        self.key_file.write_text(key or (primary.key_file.read_text() if primary else key_text()))
        self.key_file.chmod(0o600)
        self.holder = reserve_port()
        self.port = self.holder.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        # It binds UDP and TCP without SO_REUSEPORT.
        self.holder.close()
        for zone, records in self.zones.items():
            if not primary:
                (directory / f"{zone}.zone").write_text(ZONE % {"zone": zone, "records": records})
        self.start()

    def start(self, secondaries=()):
        """Secondaries are told of changes; a server that is to tell them is started again with them."""
        also = "".join(f"127.0.0.1 port {port}; " for port in secondaries)
        text = OPTIONS % {"directory": self.directory, "port": self.port} + self.key_file.read_text()
        for zone in self.zones:
            if self.primary:
                text += (f'zone "{zone}" {{ type secondary; file "{zone}.copy"; '
                         f"primaries port {self.primary.port} {{ 127.0.0.1; }}; }};\n")
            else:
                text += (f'zone "{zone}" {{ type primary; file "{zone}.zone"; also-notify {{ {also}}}; '
                         f"update-policy {{ grant {KEY_NAME} zonesub {self.types}; }}; }};\n")
        (self.directory / "named.conf").write_text(text)
        self.child = Child([SERVER, "-g", "-n", "1", "-c", self.directory / "named.conf", "-p", str(self.port)],
                           directory=self.directory)
        self.child.wait_for_line(r"\brunning$")
        for zone in self.zones:
            if self.primary:
                self.child.wait_for_line(rf"transfer of '{zone}/IN' .*Transfer status: success")

    def texts(self, name):
        """The values of a name's TXT records, in order."""
        answer = subprocess.run(
            ["dig", "@127.0.0.1", "-p", str(self.port), "+short", "+norecurse", "+tries=1", name, "TXT"],
            check=True, capture_output=True, text=True).stdout
        return sorted(line.strip('"') for line in answer.splitlines())

    def freeze(self):
        self.child.signal(signal.SIGSTOP)

    def thaw(self):
        self.child.signal(signal.SIGCONT)

    def end(self):
        self.child.kill()
