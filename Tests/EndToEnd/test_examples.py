"""The files in conf/ are good ones: `--check-config` takes each, on a server that has what it names."""

import shutil
import subprocess

import pytest

from support import REPOSITORY
from support.edge import binary, check, install

EXAMPLES = sorted((REPOSITORY / "conf").glob("*.yaml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_example_is_taken(directory, authority, example):
    text = example.read_text()
    for place in ("/etc/edgeproxy", "/var/lib/edgeproxy", "/var/log/edgeproxy", "/var/lib/acme"):
        (directory / place.strip("/")).mkdir(parents=True, exist_ok=True)
        text = text.replace(place, str(directory / place.strip("/")))
    if "\ncertificates:" not in text:  # the smallest one counts on the default directory
        text += f"\ncertificates: {{ directory: {directory}/etc/edgeproxy/certificates }}\n"
    if "\nstate:" not in text:  # nothing of the machine that the test runs on
        text += f"\nstate: {directory}/state\n"
    install(authority.issue("*.example.org", "example.org"), directory / "etc/edgeproxy/certificates/example.org")
    install_etcd_files(authority, directory / "etc/edgeproxy/etcd")
    (directory / "etc/edgeproxy/503.html").write_text("<p>Back soon.</p>\n")
    file = directory / example.name
    file.write_text(text)
    status, output = check(file, {"HOSTNAME": "edge-1"})
    assert (status, output.splitlines()[-1:]) == (0, ["ok"]), output


def install_etcd_files(authority, place):
    """What a server needs to be known to etcd, and the keys that secrets are sealed with."""
    place.mkdir(parents=True)
    node = authority.issue("edge-1")
    for name, source in (("ca.pem", node.chain), ("node.pem", node.chain), ("node.key", node.key)):
        shutil.copy(source, place / name)
    keys = place / "encryption.keys"
    keys.touch(0o600)
    keys.write_text(subprocess.check_output([binary(), "cert", "new-key"], text=True))


def test_there_is_a_minimal_example_and_a_reference():
    assert {"edgeproxy.minimal.yaml", "edgeproxy.reference.yaml"} <= {example.name for example in EXAMPLES}
