"""A certificate authority made with the openssl command."""

import datetime
import ipaddress
import pathlib
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass


@dataclass
class Issued:
    chain: pathlib.Path
    key: pathlib.Path
    serial: int

    @property
    def bundle(self):
        return self.chain.read_bytes() + self.key.read_bytes()


def openssl(*words):
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, f"openssl {' '.join(map(str, words))}:\n{done.stderr}"
    return done.stdout


class Authority:
    """Issues certificates; `pem` is what a client trusts."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.pem, self.key = directory / "ca.pem", directory / "ca.key"
        self.issued = 0
        openssl("req", "-x509", *self._kind("ecdsa"), "-nodes", "-days", 30, "-subj", "/CN=Test authority",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", self.key, "-out", self.pem)

    @staticmethod
    def _kind(kind):
        return {
            "ecdsa": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
            "rsa": ["-newkey", "rsa:2048"],
            "weak": ["-newkey", "rsa:1024"],
        }[kind]

    def issue(self, *names, kind="ecdsa", begins=-1, ends=30, usage="serverAuth"):
        """A chain and a key for the names, of which the first is the CN; `begins` and `ends` are days from
        now and may be past."""
        self.issued += 1
        place = self.directory / f"{self.issued:03}"
        (place / "new").mkdir(parents=True)
        key, request = place / "privkey.pem", place / "request.pem"
        openssl("req", "-new", *self._kind(kind), "-nodes", "-subj", f"/CN={names[0]}", "-keyout", key,
                "-out", request)
        chain = self._sign(place, request, names, begins, ends, f"extendedKeyUsage = {usage}")
        return Issued(chain, key, self.issued + 0x1000)

    def sign(self, request, names, begins, ends):
        """The chain for a request in DER that somebody else has made; it names the authority's key."""
        self.issued += 1
        place = self.directory / f"{self.issued:03}"
        (place / "new").mkdir(parents=True)
        (place / "request.der").write_bytes(request)
        openssl("req", "-inform", "DER", "-in", place / "request.der", "-out", place / "request.pem")
        chain = self._sign(place, place / "request.pem", names, begins, ends, "authorityKeyIdentifier = keyid:always",
                           "-subj", f"/CN={names[0]}")
        return chain.read_bytes()

    def _sign(self, place, request, names, begins, ends, extension, *words):
        leaf, chain = place / "leaf.pem", place / "fullchain.pem"
        (place / "index").touch()
        (place / "serial").write_text(f"{self.issued + 0x1000:X}\n")
        alternatives = ",".join(f"{'IP' if self._is_address(name) else 'DNS'}:{name}" for name in names)
        (place / "ca.conf").write_text(f"""[ca]
default_ca = here
[here]
database = {place}/index
serial = {place}/serial
new_certs_dir = {place}/new
default_md = sha256
policy = any
x509_extensions = leaf
[any]
commonName = supplied
[leaf]
subjectAltName = {alternatives}
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature,keyEncipherment
{extension}
""")
        openssl("ca", "-batch", "-notext", "-config", place / "ca.conf", "-cert", self.pem, "-keyfile", self.key,
                "-startdate", self._date(begins), "-enddate", self._date(ends), "-in", request, "-out", leaf, *words)
        chain.write_bytes(leaf.read_bytes() + self.pem.read_bytes())
        return chain

    def issue_many(self, names):
        """One bundle of bytes for each name; all have the same key, which is quick."""
        shared = self.directory / "shared.key"
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", shared)
        tail = self.pem.read_bytes() + shared.read_bytes()

        def one(name):
            return openssl(
                "req", "-x509", "-key", shared, "-CA", self.pem, "-CAkey", self.key, "-days", 30, "-subj",
                f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-addext",
                "basicConstraints=critical,CA:FALSE").encode() + tail

        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(one, names))

    @staticmethod
    def _is_address(name):
        try:
            return bool(ipaddress.ip_address(name))
        except ValueError:
            return False

    @staticmethod
    def _date(days):
        moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
        return moment.strftime("%Y%m%d%H%M%SZ")
