"""Thousands of certificates. The openssl command would take a minute for a thousand of them."""

import datetime
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


class Many:
    """Certificates of `authority` for hN.example.org, all with one key, as pairs in folders of `place`."""

    def __init__(self, authority, place):
        self.place = place
        self.issuer = x509.load_pem_x509_certificate(authority.pem.read_bytes())
        self.issuer_key = serialization.load_pem_private_key(authority.key.read_bytes(), None)
        self.above = authority.pem.read_bytes()
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.key_text = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self.serial = 0x100000

    @staticmethod
    def name(number):
        return f"h{number}.example.org"

    def issue(self, number):
        """The chain as text, and its serial number."""
        self.serial += 1
        now = datetime.datetime.utcnow()
        name = self.name(number)
        leaf = (x509.CertificateBuilder()
                .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
                .issuer_name(self.issuer.subject).public_key(self.key.public_key()).serial_number(self.serial)
                .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=30))
                .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
                .add_extension(x509.BasicConstraints(False, None), True)
                .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
                .sign(self.issuer_key, hashes.SHA256()))
        return leaf.public_bytes(serialization.Encoding.PEM) + self.above, self.serial

    def put(self, number):
        """Puts a new certificate into the place of the one before, whole; its serial number."""
        folder = self.place / self.name(number)
        chain, serial = self.issue(number)
        if not folder.exists():
            folder.mkdir(parents=True)
            (folder / "privkey.pem").write_bytes(self.key_text)
            (folder / "privkey.pem").chmod(0o600)
        (folder / ".new").write_bytes(chain)
        os.rename(folder / ".new", folder / "fullchain.pem")
        return serial
