"""What administrators have a fleet do that answers for a zone: forget a server, have a provider check addresses, and tell
what it knows; by the commands and by the admin socket."""

import json

import pytest

from support.acme_edges import killed, metric
from support.admin import ask, command
from support.cloudns import Cloudns
from support.processes import eventually

PARENT = "example.test"
ZONE = f"fleet.{PARENT}"
LEASE_SECONDS = 15


def address(number):
    return f"127.0.0.{number}"


@pytest.fixture
def start(network, edge, scripted, etcd):
    """start(number, ...): a server at its address; they share `start.cluster` unless `alone`.

    `dns` is more of that section.
    """
    backend = scripted()

    def make(number, alone=False, dns=None, listen=None, **configuration):
        if not alone and not make.cluster:
            make.cluster = etcd()
        shared = {} if alone else {"etcd": make.cluster.settings()}
        return edge({"app1": [backend.address]}, workers=1, **{
            "node": f"s{number}", "public": [address(number)],
            "listen": {"https": [f"{address(number)}:443"], "http": [f"{address(number)}:80"], **(listen or {})},
            "dns": {"zone": ZONE, "names": [f"*.{PARENT}"], "ttl": "1s", "return_after": "0s", **(dns or {})},
            **shared, **configuration})

    make.cluster = None
    return make


def told(edge):
    """What `dns status` tells: the exit status, and the servers by their names."""
    code, out, _ = command(edge, "dns", "status", "--json")
    return code, {each["node"]: each for each in json.loads(out)["servers"]} if out else {}


def knows(edge, *nodes):
    """Whether it knows these servers and no other, all with numbers and well."""
    code, servers = told(edge)
    return code == 0 and sorted(servers) == sorted(nodes) and all(each["number"] for each in servers.values())


def wait_until_all_know_all(edges):
    nodes = [each.configuration["node"] for each in edges]
    for each in edges:
        eventually(lambda each=each: knows(each, *nodes), f"it knows {nodes}, not {told(each)}; {each.child.text}")


@pytest.fixture
def fleet(start):
    """fleet(count=3, ...): servers that know one another."""

    def make(count=3, **more):
        edges = [start(number, **more) for number in range(1, count + 1)]
        wait_until_all_know_all(edges)
        return edges

    return make


def code_of(edge, name, at):
    """What the name server at an address says of a name, in the word of `dns query`."""
    _, out, _ = command(edge, "dns", "query", f"{name}.{ZONE}", "--server", address(at))
    return out.splitlines()[0].split(": ", 1)[1].split(",")[0] if out else None


def test_a_server_that_runs_is_not_forgotten_and_one_that_is_gone_is_everywhere_with_its_number(fleet, start):
    edges = fleet()
    first, second, gone = edges
    numbers = {node: each["number"] for node, each in told(first)[1].items()}
    assert sorted(numbers.values()) == [1, 2, 3], numbers
    for node in ("s1", "s3"):
        code, out, problem = command(first, "dns", "forget", node)
        assert code == 1 and f"'{node}' is running: stop it first" in problem, out + problem
    code, out, problem = command(first, "dns", "forget", "s9")
    assert code == 1 and "no server of the fleet is called 's9'" in problem, out + problem
    gone.child.kill()
    # As long as etcd keeps its word it may be running.
    eventually(lambda: command(second, "dns", "forget", "s3")[0] == 0, "it can be forgotten", 2 * LEASE_SECONDS)
    name = f"ns{numbers['s3']}"
    for number, each in enumerate((first, second), 1):
        eventually(lambda each=each: knows(each, "s1", "s2"), f"s3 is forgotten: {told(each)}")
        eventually(lambda number=number: code_of(first, name, number) == "NXDOMAIN", f"{name} is no name")
        assert code_of(first, "all", number) == "NOERROR"
    code, out, problem = command(first, "dns", "forget", "s3")
    assert code == 1 and "no server of the fleet is called 's3'" in problem, out + problem
    # Its number is free for the next one, and it gets another when it comes back.
    new = start(4)
    wait_until_all_know_all([first, second, new])
    assert told(first)[1]["s4"]["number"] == numbers["s3"]
    killed(gone)
    wait_until_all_know_all([first, second, new, gone])
    assert told(second)[1]["s3"]["number"] == 4
    assert told(second)[1]["s1"]["number"] == numbers["s1"]


def test_without_etcd_nobody_is_forgotten_by_a_command(start):
    edges = [start(number, alone=True, dns={"servers": [[address(1)], [address(2)]]}) for number in (1, 2)]
    code, out, problem = command(edges[0], "dns", "forget", "s2")
    assert code == 1 and "those of 'dns.servers'" in problem, out + problem
    eventually(lambda: told(edges[0])[0] == 0, "both live")


def test_probes_of_one_another_are_no_failed_handshakes(fleet):
    edges = fleet()
    accepted = [metric(each, "connections_total")[""] for each in edges]
    for each, before in zip(edges, accepted):
        eventually(lambda each=each, before=before: metric(each, "connections_total")[""] >= before + 4, "it is probed")
        assert metric(each, "handshakes_failed_total") == {"": 0}, each.child.text
        assert "handshake" not in each.child.text


# Checks of the provider

@pytest.fixture
def provider(network, authority, ending):
    made = Cloudns(authority, PARENT)
    ending.append(made)
    return made


def test_a_provider_that_can_is_made_to_check_each_address_and_only_asked_for_what_it_has_in_a_dry_run(
        fleet, provider, directory, authority):
    edges = fleet(records=provider.section(directory, authority))
    addresses = {address(number) for number in (1, 2, 3)}
    provider.wait_for(addresses)
    provider.put("AAAA", "*", "2001:db8::9")
    provider.put("A", "www", "192.0.2.9")
    lines = [f"*.{PARENT} {each}: " for each in sorted(addresses)]

    code, out, problem = command(edges[1], "dns", "checks", "--dry-run")
    assert code == 0 and out.splitlines() == [f"{line}a check would be set" for line in lines], out + problem
    assert provider.count("failover-activate") == 0

    provider.refuse("failover-activate", "Not in your plan.")
    code, out, problem = command(edges[1], "dns", "checks")
    assert code == 1 and "Not in your plan." in problem and all(each in problem for each in addresses), out + problem
    assert provider.count("failover-activate") == 3
    provider.allow()

    code, out, problem = command(edges[1], "dns", "checks")
    assert code == 0 and out.splitlines() == [f"{line}a check is set" for line in lines], out + problem
    checks = {each.value: each.check for each in provider.records.values() if each.check}
    assert set(checks) == addresses
    assert all((check["main_ip"], check["port"]) == (each, "443") for each, check in checks.items()), checks

    code, out, problem = command(edges[2], "dns", "checks")
    assert code == 0 and out.splitlines() == [f"{line}has a check already" for line in lines], out + problem
    assert provider.count("failover-activate") == 6
    assert provider.values() == addresses


def test_while_records_are_not_touched_checks_are_not_either(start, provider, directory, authority):
    provider.put("A", "*", address(1))
    edge = start(1, alone=True, records=provider.section(directory, authority, dry_run=True))
    code, out, problem = command(edge, "dns", "checks")
    assert code == 0 and out == f"*.{PARENT} {address(1)}: a check would be set\n", out + problem
    assert provider.count("failover-activate") == 0


def test_an_account_that_is_refused_is_told_and_its_password_is_not(start, provider, directory, authority):
    records = provider.section(directory, authority)
    edge = start(1, alone=True, records=records)
    provider.wait_for({address(1)})
    provider.password = "another-one"
    code, out, problem = command(edge, "dns", "checks")
    assert code == 1 and "Invalid authentication" in problem, out + problem
    assert "pass&word" not in out + problem + edge.child.text
    # The check of a configuration tells it too, as something that may be over soon.
    code, out, problem = command(edge, "--check-config", "--live")
    assert "does not list its records" in out + problem and "Invalid authentication" in out + problem, out + problem
    provider.password = "pass&word"
    code, out, problem = command(edge, "--check-config", "--live")
    assert "does not list its records" not in out + problem, out + problem


def test_without_a_provider_that_has_checks_none_are_set(start):
    edge = start(1, alone=True)
    code, out, problem = command(edge, "dns", "checks")
    assert code == 1 and "has no 'records'" in problem, out + problem
    hook = {"provider": "exec", "command": "/bin/true", "zone": PARENT, "names": ["*"]}
    edge.reload({**edge.configuration, "records": hook})
    code, out, problem = command(edge, "dns", "checks", "--dry-run")
    assert code == 1 and "only the provider 'cloudns' has checks" in problem, out + problem


# What is told

def entered(edge):
    code, out, problem = command(edge, "dns", "setup", "--no-check", "--json")
    assert code == 0, out + problem
    document = json.loads(out)
    return document["source"], document["remarks"], [
        (each["name"], each["type"], each["value"]) for each in document["records"]]


def test_what_has_to_be_entered_is_the_same_from_every_server_whether_it_runs_or_not(fleet, start):
    edges = fleet()
    source, remarks, records = entered(edges[0])
    assert source == "running" and not remarks
    numbers = {each["number"]: each["addresses"][0]["address"] for each in told(edges[0])[1].values()}
    for number, each in numbers.items():
        assert (ZONE, "NS", f"ns{number}.{ZONE}.") in records or (ZONE, "NS", f"ns{number}.{ZONE}") in records, records
        assert (f"ns{number}.{ZONE}", "A", each) in records, records
    assert [entered(each) for each in edges[1:]] == [("running", [], records)] * 2
    edges[2].drain()
    assert edges[2].child.wait() == 0
    assert entered(edges[2]) == ("etcd", [], records)
    # A server that runs needs no etcd for it.
    start.cluster.kill()
    assert entered(edges[0]) == ("running", [], records)
    code, _ = told(edges[2])
    assert code == 69


def test_a_zone_at_another_port_is_asked_there(start):
    edge = start(1, alone=True, dns={"listen": [f"{address(1)}:5353"]})
    code, out, problem = command(edge, "dns", "query", "all")
    assert code == 0 and f"all.{ZONE}. 1 IN A {address(1)}" in out, out + problem
    assert out.startswith(f"{address(1)}:5353 ("), out
    # The world asks at port 53.
    code, out, problem = command(edge, "dns", "setup", "--resolver", address(9))
    assert code == 1 and "nothing listens on port 53" in out, out + problem


# The admin socket

REQUESTS = [
    ("GET", "/dns", 200), ("HEAD", "/dns", 200), ("POST", "/dns", 405), ("GET", "/dns/", 404), ("GET", "/dns/x", 404),
    ("GET", "/dns/forget?node=s1", 405), ("GET", "/dns/checks", 405), ("POST", "/dns/other", 404),
    ("POST", "/dns/forget", 422), ("POST", "/dns/forget?node=", 422), ("POST", "/dns/forget?node=a&node=b", 422),
    ("POST", "/dns/forget?node=a%20b", 422), ("POST", "/dns/forget?node=%ff", 422), ("POST", "/dns/forget?name=a", 422),
    ("POST", "/dns/forget?node=s1", 409), ("POST", "/dns/checks", 409), ("POST", "/dns/checks?dry_run=0", 409),
    ("POST", "/dns/checks?dry_run=true", 422), ("POST", "/dns/checks?dryrun=1", 422),
]


def test_the_admin_socket_tells_and_takes_what_is_written_as_it_should_be(start):
    edge = start(1, alone=True)
    answers = [(method, target, ask(edge.admin, target, method).status) for method, target, _ in REQUESTS]
    assert answers == REQUESTS
    document = json.loads(ask(edge.admin, "/dns").body)
    assert document["zone"] == ZONE and document["living"] == [address(1)]
    # Without names there is nothing to tell or to change.
    names = ("dns", "public")
    edge.reload({key: value for key, value in edge.configuration.items() if key not in names})
    assert ask(edge.admin, "/dns").status == 404
    assert ask(edge.admin, "/dns/forget?node=s1", "POST").status == 409
    assert ask(edge.admin, "/dns/checks", "POST").status == 409


def test_over_tcp_names_are_told_and_not_changed(start):
    place = (address(1), 9900)
    edge = start(1, alone=True, listen={"admin": f"{place[0]}:{place[1]}"})
    assert ask(place, "/dns").status == 200
    assert ask(place, "/dns/forget?node=s1", "POST").status == 405
    code, out, problem = command(edge, "dns", "forget", "s1")
    assert code == 1 and "unix socket only" in problem, out + problem
    assert told(edge)[0] == 0
