"""The installed package with certificates of a CA: its hook in the sandbox of the unit, its state, and a reboot."""

import json
import types

import pytest

from support.client import Client
from support.installed import CONFIGURATION
from support.machine import Machine, needs_a_machine
from support.processes import eventually

PEBBLE, MANAGEMENT, NAMES = 14_000, 15_000, 8_055
STATE = "/var/lib/edgeproxy"
HOOK = "/usr/local/bin/dns-hook"

CONFIGURED = {
    "acme": {
        "terms_accepted": True, "issuers": [{"directory": f"https://127.0.0.1:{PEBBLE}/dir"}],
        "ca": "/etc/edgeproxy/ca.pem",
        "certificates": [{"names": ["*.example.test", "example.test"]}],
        "dns": {"hook": {"command": HOOK}},
    },
    "upstreams": {"app": {"nodes": ["unix:/run/app/app.sock"]}},
    "routes": [{"host": each, "respond": {"status": 200, "body": "here"}}
               for each in ("*.example.test", "example.test")],
}

# As the documents have it, with an interface over HTTP; it leaves who ran it, and in what sandbox.
PROGRAM = f"""#!/bin/sh
set -eu
{{ id -un; grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status; }} > {STATE}/ran
case $1 in
  present) curl --silent --fail --data "{{\\"host\\":\\"$2\\",\\"value\\":\\"$3\\"}}" http://127.0.0.1:{NAMES}/set-txt ;;
  cleanup) curl --silent --fail --data "{{\\"host\\":\\"$2\\"}}" http://127.0.0.1:{NAMES}/clear-txt ;;
esac
"""

UNITS = {
    "names.service": f"""[Service]
ExecStart=/usr/bin/pebble-challtestsrv -management 127.0.0.1:{NAMES} -dns01 127.0.0.1:8053 -http01 "" -https01 "" -tlsalpn01 ""
""",
    "pebble.service": """[Service]
Environment=PEBBLE_VA_NOSLEEP=1
ExecStart=/usr/bin/pebble -config /etc/pebble.json -dnsserver 127.0.0.1:8053
"""}


@pytest.fixture
def machine(directory, ending, package, authority):
    """The package as it comes, a CA that asks a DNS of its own, and a hook that writes to it."""
    issued = authority.issue("127.0.0.1")
    (directory / "pebble.json").write_text(json.dumps({"pebble": {
        "listenAddress": f"127.0.0.1:{PEBBLE}", "managementListenAddress": f"127.0.0.1:{MANAGEMENT}",
        "certificate": str(issued.chain), "privateKey": str(issued.key), "httpPort": 80, "tlsPort": 443}}))
    (directory / "dns-hook").write_text(PROGRAM)
    booted = Machine(directory, f"""
dpkg --install --force-unsafe-io {package}
install -m 644 {directory}/pebble.json /etc/pebble.json
install -m 755 {directory}/dns-hook {HOOK}
install -o root -g edgeproxy -m 0640 {authority.pem} /etc/edgeproxy/ca.pem
""", UNITS)
    ending.append(booted)
    booted.wait_for_unit("edgeproxy.service")
    return booted


def root(machine, authority, file):
    """What certificates of this CA descend from."""
    try:
        with machine.network(), Client(MANAGEMENT, "127.0.0.1", authority) as client:
            file.write_bytes(client.request(path="/roots/0").body)
    except OSError:
        return None
    return types.SimpleNamespace(pem=file)


def serial(machine, trusted):
    """The serial number of the certificate that is served, over which a request was answered."""
    try:
        with machine.network(), Client(443, "app.example.test", trusted) as client:
            assert client.request().body == b"here"
            return client.socket.getpeercert()["serialNumber"]
    except OSError:
        return None


def modes(machine, *places):
    return machine.run("stat", "--format", "%U:%G %a", *places).split("\n")[:-1]


@needs_a_machine
def test_an_installed_server_gets_a_wildcard_through_a_hook_and_keeps_all_over_a_reboot(
        machine, authority, directory):
    machine.run("systemctl", "start", "names", "pebble")
    trusted = eventually(lambda: root(machine, authority, directory / "root.pem"), "the CA answers")
    machine.path(CONFIGURATION).write_text(json.dumps(CONFIGURED))
    assert machine.run("edgeproxy", "--check-config").splitlines()[-1] == "ok"
    machine.run("systemctl", "reload", "edgeproxy")
    first = eventually(lambda: serial(machine, trusted), f"a certificate; {machine.said}")

    assert machine.path(f"{STATE}/ran").read_text().split() == ["edgeproxy", "NoNewPrivs:", "1", "Seccomp:", "2"]
    assert modes(machine, f"{STATE}/acme", f"{STATE}/acme/certificates") == ["edgeproxy:edgeproxy 700"] * 2
    kept = machine.run("find", f"{STATE}/acme", "-type", "f").split()
    assert set(modes(machine, *kept)) == {"edgeproxy:edgeproxy 600"}
    accounts = {each: machine.path(each).read_bytes() for each in kept if "accounts-" in each}
    assert len(accounts) == 1

    machine.power_off()
    machine.boot()
    # The CA is away now.
    machine.wait_for_unit("edgeproxy.service")
    assert eventually(lambda: serial(machine, trusted), "it serves after the reboot") == first
    assert {each: machine.path(each).read_bytes() for each in accounts} == accounts
    told = machine.run("edgeproxy", "acme", "status")
    assert "*.example.test" in told and "127.0.0.1" in told
