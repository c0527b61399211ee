"""What `edgeproxy dns` says before any server runs, with real name servers in the place of a provider and of the fleet."""

import json
import os
import subprocess
import types

import pytest
from support import nameservers
from support.admin import command
from support.processes import Child

PARENT = "example.test"
ZONE = f"fleet.{PARENT}"
SERVERS = [["192.0.2.1"], ["192.0.2.2", "2001:db8::2"]]
ADDRESSES = [address for addresses in SERVERS for address in addresses]
PROVIDER = "192.0.2.251"
ELSEWHERE = "192.0.2.99"
RESOLVER = ("--resolver", "127.0.0.1")
CONFIGURATION = {
    "node": "s1",
    "listen": {"https": ["127.0.0.1:8443"], "admin": "off"},
    "public": SERVERS[0],
    "dns": {"zone": ZONE, "names": [f"*.{PARENT}", PARENT], "servers": SERVERS},
    "upstreams": {"app": {"protocol": "uwsgi", "nodes": ["127.0.0.1:1"]}},
    "routes": [{"host": f"app.{PARENT}", "upstream": "app"}],
}


def write(directory, configuration):
    """As an edge that does not run: what `command` needs of one."""
    (directory / "certificates").mkdir(exist_ok=True)
    file = directory / "edgeproxy.yaml"
    file.write_text(json.dumps({
        "state": str(directory / "state"), "certificates": {"directory": str(directory / "certificates")},
        **configuration}))
    return types.SimpleNamespace(file=file)


@pytest.fixture
def world(network, directory, ending):
    """world(records): the provider's zone with these lines, a resolver, and a name server at each server's address."""
    lines = [f"address add {address}/{128 if ':' in address else 32} dev lo nodad"
             for address in (*ADDRESSES, PROVIDER, ELSEWHERE)]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True)

    def start(words, ready):
        child = Child(words, {**os.environ})
        ending.append(child)
        child.wait_for_line(ready)
        return child

    def make(records, addresses=ADDRESSES):
        start(nameservers.provider(directory / "provider", PARENT, [PROVIDER], [f"ns A {PROVIDER}", *records]),
              nameservers.NSD_READY)
        edges = nameservers.provider(directory / "edges", ZONE, addresses, [
            "@ NS ns1", "@ NS ns2", "ns1 A 192.0.2.1", "ns2 A 192.0.2.2", "ns2 AAAA 2001:db8::2",
            "all A 192.0.2.1", "all AAAA 2001:db8::2"])
        # No fleet has the 'ns' that zones of providers have here.
        zone = directory / "edges" / f"{ZONE}.zone"
        zone.write_text(zone.read_text().replace("@ NS ns\n", ""))
        start(edges, nameservers.NSD_READY)
        start(nameservers.resolver(directory / "resolver", "127.0.0.1", 53, PARENT, PROVIDER), nameservers.UNBOUND_READY)

    return make


def printed(edge):
    """What is to be entered, as lines of a zone file, in the order in which it is printed."""
    done, out, problem = command(edge, "dns", "setup", "--no-check", "--json")
    assert done == 0, out + problem
    return [f"{each['name']}. {each['ttl']} IN {each['type']} {each['value']}" for each in json.loads(out)["records"]]


def test_what_is_printed_is_what_a_provider_takes_and_all_that_is_needed(directory, world):
    edge = write(directory, CONFIGURATION)
    lines = printed(edge)
    done, out, problem = command(edge, "dns", "setup", "--no-check")
    assert done == 0 and not problem, out + problem
    shown = [" ".join(line.split()) for line in out.splitlines()]
    assert all(line in shown for line in lines), out
    assert "as the configuration says" in out and "cannot have a CNAME" in out
    world(lines)
    done, out, problem = command(edge, "dns", "setup", *RESOLVER)
    assert done == 0 and "wrong" not in out, out + problem
    for address in ADDRESSES:
        assert f"{address} (" in out, out
    assert out.count("\nok ") == 1 + len(ADDRESSES) + 3, out
    done, out, problem = command(edge, "dns", "query", "all", "--tcp")
    assert done == 0 and out.count("NOERROR, authoritative") == 3, out + problem
    assert out.count(f"all.{ZONE}. 3600 IN A 192.0.2.1") == 3, out
    done, out, problem = command(edge, "dns", "query", "@", "ns", "--server", "2001:db8::2")
    assert done == 0 and f"{ZONE}. 3600 IN NS ns2.{ZONE}." in out, out + problem


@pytest.mark.parametrize(("gone", "added", "said"), [
    (f"{ZONE}. ", (), f"'{ZONE}' is not delegated in '{PARENT}'"),
    (f"ns2.{ZONE}. 3600 IN AAAA", (), f"enter the glue 'ns2.{ZONE}' AAAA 2001:db8::2, which is missing"),
    (f"{ZONE}. 3600 IN NS ns2", (), f"enter the NS record '{ZONE}' to 'ns2.{ZONE}', which is missing"),
    ("no such line", (f"ns2.{ZONE}. 3600 IN A {ELSEWHERE}",), f"remove the glue 'ns2.{ZONE}' {ELSEWHERE}"),
    (f"*.{PARENT}. ", (), f"'*.{PARENT}' is missing: enter '*.{PARENT}' CNAME 'all.{ZONE}'"),
    (f"*.{PARENT}. ", (f"*.{PARENT}. A {ELSEWHERE}",), f"'*.{PARENT}' has records of its own"),
    (f"{PARENT}. 3600 IN A ", (), f"'{PARENT}' has no address"),
    ("no such line", (f"{PARENT}. 3600 IN A {ELSEWHERE}",), f"addresses of no server of the fleet: {ELSEWHERE}"),
])
def test_each_thing_that_is_not_entered_or_wrong_is_told(directory, world, gone, added, said):
    edge = write(directory, {**CONFIGURATION, "dns": {**CONFIGURATION["dns"], "servers": SERVERS}})
    # The apex has IPv4 alone, so that a line less is an address less.
    lines = [line for line in printed(edge) if not line.startswith((gone, f"{PARENT}. 3600 IN AAAA"))
             and not (line.startswith(f"{PARENT}. 3600 IN A 192.0.2.2"))]
    if gone == f"{ZONE}. ":
        lines = [line for line in lines if not line.startswith(("ns1.", "ns2."))]
    world([*lines, *added])
    done, out, problem = command(edge, "dns", "setup", *RESOLVER)
    assert done == 1, out + problem
    wrong = [line for line in out.splitlines() if line.startswith("wrong ")]
    assert len(wrong) == 1 and said in wrong[0], out


def test_a_server_whose_port_is_another_s_or_nobody_s_is_told(directory, world):
    edge = write(directory, CONFIGURATION)
    world(printed(edge), addresses=["192.0.2.1", "2001:db8::2"])
    done, out, problem = command(edge, "dns", "setup", *RESOLVER)
    assert done == 1, out + problem
    wrong = [line for line in out.splitlines() if line.startswith("wrong ")]
    assert ["192.0.2.2 (ns2)" in line and "nothing listens on port 53" in line for line in wrong] == [True, True], out
    done, out, problem = command(edge, "dns", "query", "all")
    assert done == 1 and "Connection refused" in out, out + problem


def test_no_resolver_is_told(directory, network):
    edge = write(directory, CONFIGURATION)
    done, out, problem = command(edge, "dns", "setup", *RESOLVER)
    assert done == 1 and "no resolver says which servers have the zone above" in out, out + problem


def test_servers_are_found_in_etcd_before_this_one_runs(directory, etcd):
    cluster = etcd()
    dns = {"zone": ZONE, "names": [f"*.{PARENT}"]}
    edge = write(directory, {**CONFIGURATION, "dns": dns, "etcd": cluster.settings()})
    done, out, problem = command(edge, "dns", "setup", "--no-check")
    assert done == 0 and "note: only this server is known" in out, out + problem
    cluster.put("/edgeproxy/dns/servers/s7", b"1 number=1 port=443 address=192.0.2.7")
    cluster.put("/edgeproxy/dns/numbers/1", b"s7")
    cluster.put("/edgeproxy/dns/servers/broken", b"2 what=else")
    done, out, problem = command(edge, "dns", "setup", "--no-check")
    assert done == 0 and "as etcd says" in out, out + problem
    assert f"ns1.{ZONE}." in out and "192.0.2.7" in out and "it becomes ns2" in out, out
    cluster.kill()
    done, out, problem = command(edge, "dns", "setup", "--no-check")
    assert done == 0 and "note: only this server is known" in out and "note: etcd: " in out, out + problem


def test_commands_about_names_need_them_in_the_configuration(directory):
    edge = write(directory, {key: value for key, value in CONFIGURATION.items() if key not in ("dns", "public")})
    done, out, problem = command(edge, "dns", "setup")
    assert done == 1 and "has no 'dns'" in problem, out + problem
