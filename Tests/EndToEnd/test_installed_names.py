"""The installed package answers for the names of its fleet: port 53 under its unit, hooks in its sandbox, its state."""

import re

import pytest

from support.installed import Installed
from support.machine import needs_a_machine
from support.processes import eventually

PUBLIC, MORE = "203.0.113.1", "203.0.113.9"
ZONE, NEXT = "fleet.example.test", "names.example.test"
STATE = "/var/lib/edgeproxy"
RECORD = f"*.example.test A {PUBLIC}"

ORDINARY = {
    "node": "edge-1", "public": [PUBLIC],
    "dns": {"zone": ZONE, "servers": [PUBLIC], "names": ["*.example.test"]},
    "routes": [{"host": "*.example.test", "respond": {"status": 200, "body": "here"}}],
}
WITH_ETCD = {**ORDINARY, "dns": {"zone": ZONE}, "etcd": {"endpoints": ["http://127.0.0.1:2379"]}}
RECORDS = {
    **ORDINARY,
    "records": {"provider": "exec", "zone": "example.test", "names": ["*"],
                "command": "/usr/share/edgeproxy/hooks/lexicon", "environment_file": "/etc/edgeproxy/dns.env"},
}
# It says what lexicon says, and leaves how it was called, by whom and in what sandbox.
LEXICON = f"""#!/bin/sh
set -eu
{{ id -un; grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status; }} > {STATE}/ran
printf '%s ' "$@" >> {STATE}/calls
printf '%s\\n' "$LEXICON_STUB_TOKEN" >> {STATE}/calls
echo true
"""
KEYS = "LEXICON_PROVIDER=stub\nLEXICON_STUB_TOKEN=s3cret-token\n"
ETCD = """[Service]
Type=notify
ExecStart=/usr/bin/etcd --name m --data-dir /var/lib/etcd-here --logger zap
KillSignal=SIGKILL
"""


@pytest.fixture(scope="module")
def machine(package, wildcard, tmp_path_factory):
    directory = tmp_path_factory.mktemp("machine")
    (directory / "lexicon").write_text(LEXICON)
    (directory / "dns.env").write_text(KEYS)
    booted = Installed(directory, package, wildcard, ORDINARY, f"""
ip addr add {PUBLIC}/32 dev lo
install -m 755 {directory}/lexicon /usr/local/bin/lexicon
install -m 0640 -g edgeproxy {directory}/dns.env /etc/edgeproxy/dns.env
""", {"etcd.service": ETCD})
    try:
        yield booted
    finally:
        booted.end()


def asked(machine, name, kind="A", *words, server=PUBLIC):
    """The code of an answer and what it says, sorted; nothing where none comes."""
    done, text = machine.result("dig", f"@{server}", name, kind, "+norecurse", "+tries=1", "+time=2", *words)
    if done != 0:
        return None
    code = re.search(r"status: (\w+)", text).group(1)
    section = re.search(r";; ANSWER SECTION:\n((?:[^;\n].*\n)+)", text)
    return code, sorted(line.split()[4] for line in section.group(1).splitlines()) if section else []


def state(machine, place):
    return machine.run("stat", "--format", "%U:%G %a", f"{STATE}/{place}", check=False).strip()


@needs_a_machine
def test_the_unit_answers_port_53_of_its_public_address_over_udp_and_tcp_and_leaves_others_alone(machine):
    machine.serve(ORDINARY)
    for words in ([], ["+tcp"]):
        assert asked(machine, f"all.{ZONE}", "A", *words) == ("NOERROR", [PUBLIC])
        assert asked(machine, "www.example.test", "A", *words) == ("REFUSED", [])
    assert asked(machine, f"all.{ZONE}", server="127.0.0.1") is None
    status = machine.status
    assert [each["open"] for each in status["name_service"]["listeners"]] == [True, True]
    assert machine.run("edgeproxy", "--check-config") == "ok\n"


@needs_a_machine
def test_a_reload_moves_the_zone_and_the_address_that_is_listened_on(machine):
    machine.serve(ORDINARY)
    before = machine.told("edgeproxy.service", "MainPID")
    machine.run("ip", "addr", "add", f"{MORE}/32", "dev", "lo")
    try:
        machine.write({**ORDINARY, "public": [MORE], "dns": {"zone": NEXT, "servers": [MORE]}})
        machine.run("systemctl", "reload", "edgeproxy")
        eventually(lambda: asked(machine, f"all.{NEXT}", server=MORE) == ("NOERROR", [MORE]), machine.said[-2000:])
        assert asked(machine, f"all.{ZONE}", server=MORE) == ("REFUSED", [])
        eventually(lambda: asked(machine, f"all.{NEXT}") is None, "the old address is silent")
        machine.write(ORDINARY)
        machine.run("systemctl", "reload", "edgeproxy")
        eventually(lambda: asked(machine, f"all.{ZONE}") == ("NOERROR", [PUBLIC]), machine.said[-2000:])
    finally:
        machine.run("ip", "addr", "del", f"{MORE}/32", "dev", "lo")
    assert machine.told("edgeproxy.service", "MainPID") == before


@needs_a_machine
def test_an_address_that_no_interface_has_is_told_once_and_answered_as_soon_as_one_has(machine):
    machine.serve({**ORDINARY, "public": [PUBLIC, MORE], "dns": {"zone": ZONE, "servers": [[PUBLIC, MORE]]}})
    both = ("NOERROR", [PUBLIC, MORE])
    assert asked(machine, f"all.{ZONE}") == both
    (warning, _) = [each for each in machine.status["warnings"] if f"{MORE}:53" in each]
    assert "no interface has this address" in warning
    assert machine.run("edgeproxy", "--check-config", "--live").count(f"the address of '{MORE}:53'") == 1
    before = len(machine.said)
    machine.run("ip", "addr", "add", f"{MORE}/32", "dev", "lo")
    try:
        eventually(lambda: asked(machine, f"all.{ZONE}", "A", "+tcp", server=MORE) == both, machine.said[-2000:])
        eventually(lambda: not any(f"{MORE}:53" in each for each in machine.status["warnings"]), "no warning is left")
        assert machine.said[before:].count("cannot answer names") == 0
    finally:
        machine.run("ip", "addr", "del", f"{MORE}/32", "dev", "lo")


@needs_a_machine
def test_the_hook_of_the_package_adds_a_record_within_the_sandbox_and_a_restart_adds_it_no_second_time(machine):
    machine.serve(RECORDS)
    assert machine.run("edgeproxy", "--check-config") == "ok\n"
    calls = machine.path(f"{STATE}/calls")
    eventually(lambda: calls.exists() and calls.read_text().count("\n") == 1, f"a call\n{machine.said[-3000:]}")
    assert calls.read_text().split() == [
        "--delegated", "example.test", "stub", "create", "example.test", "A", "--name=*.example.test",
        f"--content={PUBLIC}", "--ttl=60", "--output", "JSON", "s3cret-token"]
    assert machine.path(f"{STATE}/ran").read_text().split() == ["edgeproxy", "NoNewPrivs:", "1", "Seccomp:", "2"]

    def is_there():
        return [each["state"] for each in machine.status["records"]["records"]] == ["there"]

    eventually(is_there, "the record is there")
    assert state(machine, "records") == "edgeproxy:edgeproxy 700"
    assert state(machine, "records/state") == "edgeproxy:edgeproxy 600"
    machine.run("systemctl", "restart", "edgeproxy")
    eventually(is_there, "the record is known after a restart")
    assert calls.read_text().count("\n") == 1
    assert "s3cret-token" not in machine.said


@needs_a_machine
def test_the_servers_of_the_fleet_are_kept_on_disk_and_answered_after_a_restart_without_etcd(machine):
    machine.run("systemctl", "start", "etcd")
    other = "203.0.113.2"
    machine.run("etcdctl", "put", "/edgeproxy/dns/servers/edge-2", f"1 number=2 port=443 address={other}")
    machine.run("etcdctl", "put", "/edgeproxy/dns/numbers/2", "edge-2")
    machine.serve(WITH_ETCD)
    servers = [f"ns1.{ZONE}.", f"ns2.{ZONE}."]
    eventually(lambda: asked(machine, ZONE, "NS") == ("NOERROR", servers), f"two servers\n{machine.said[-3000:]}")
    eventually(lambda: state(machine, "dns/servers") == "edgeproxy:edgeproxy 600", "the copy on disk")
    assert machine.status["etcd"]["synced"] is True
    assert state(machine, "dns") == "edgeproxy:edgeproxy 700"
    machine.run("systemctl", "stop", "edgeproxy", "etcd")
    machine.run("systemctl", "start", "edgeproxy")
    eventually(lambda: asked(machine, ZONE, "NS") == ("NOERROR", servers), f"two servers\n{machine.said[-3000:]}")
    assert machine.status["etcd"]["synced"] is False
    assert any("etcd tells nothing" in each for each in machine.status["warnings"]), machine.status["warnings"]
    assert asked(machine, f"all.{ZONE}") == ("NOERROR", [PUBLIC, other])
