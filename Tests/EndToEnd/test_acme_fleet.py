"""A fleet orders its certificates as one: each once, whichever server does it, and every server answers and serves."""

import time

from support.acme_fleet import ACME, NAME, new_keys, report, row
from support.acme_relay import Answer
from support.admin import command
from support.etcd_edges import served
from support.processes import eventually

HOOK = """#!/usr/bin/python3
import json, sys, urllib.request
what, name, value = sys.argv[1:]
path = "set-txt" if what == "present" else "clear-txt"
content = {{"host": name, "value": value}} if what == "present" else {{"host": name}}
urllib.request.urlopen("http://127.0.0.1:{port}/" + path, json.dumps(content).encode()).read()
"""


def test_five_servers_that_start_at_once_order_each_certificate_once_and_all_serve_it(ordering, directory):
    hook = directory / "dns-hook"
    made = ordering(
        NAME, ["*.wild.example.test", "wild.example.test"], count=5, dns={"hook": {"command": str(hook)}})
    hook.write_text(HOOK.format(port=made.ca.names.management))
    hook.chmod(0o755)
    began = time.monotonic()
    made.issued()
    made.issued("any.wild.example.test")
    assert time.monotonic() - began < 5
    assert (made.relay.count("newAccount"), made.relay.count("newOrder")) == (1, 2)
    assert made.relay.count("finalize") == 2
    # What lies in etcd is of no use to who reads it.
    account = made.relay.of("newOrder")[0].protected["kid"]
    everything = made.cluster.control("get", "/edgeproxy/", "--prefix")
    for secret in (b"PRIVATE KEY", account.encode(), b'"key"'):
        assert secret not in everything
    assert made.cluster.control("get", ACME + "accounts/", "--prefix", "--keys-only").strip()
    # Every server knows who orders, and that nothing is left to be done.
    holder = made.holder.configuration["node"]
    for edge in made.edges:
        eventually(lambda: [each["state"] for each in report(edge)[1]["certificates"]] == ["served"] * 2, "all is done")
        assert (report(edge)[0], report(edge)[1]["holder"]) == (0, holder)


def test_any_server_takes_a_command_and_the_one_that_orders_does_it(ordering):
    names = ["app1.example.test", "app2.example.test", "app3.example.test"]
    made = ordering(*names)
    # These certificates are not pebble's own: it does not know them.
    made.relay.answer("revokeCert", lambda asked: Answer(200, [], b""))
    first = {name: made.issued(name) for name in names}
    (other,) = made.others
    eventually(lambda: all(row(other, name)["state"] == "served" for name in names), "it knows of all")
    for name, words in zip(names, (["renew"], ["issue"], ["revoke", "--reason", "superseded"])):
        code, text, problem = command(other, "acme", words[0], name, *words[1:])
        assert code == 0, text + problem
        made.issued(name, but=first[name])
    assert made.relay.count("revokeCert") == 1
    code, text, problem = command(other, "acme", "account", "--rotate")
    assert code == 0 and "another key" in text, text + problem
    assert made.relay.count("keyChange") == 1
    code, text, _ = command(other, "acme", "status")
    assert code == 0 and f"{made.holder.configuration['node']} orders certificates" in text


def test_records_go_on_with_other_encryption_keys(ordering, directory):
    made = ordering(NAME)
    first = made.issued()
    old = made.keys.read_text()
    new = new_keys(directory / "new.keys", "second").read_text()
    made.keys.write_text(new + old)
    for edge in made.edges:
        edge.reload()
    # The servers seal anew what they have; nobody has to ask for it.
    sealed = [ACME + "accounts/", ACME + "orders/"]
    eventually(lambda: all(
        b"first" not in made.cluster.control("get", place, "--prefix", "--print-value-only") and
        b"second" in made.cluster.control("get", place, "--prefix", "--print-value-only")
        for place in sealed), "records are sealed with the new key", 20)
    code, text, problem = command(made.edges[0], "cert", "rekey")
    assert code == 0, text + problem
    made.keys.write_text(new)
    for edge in made.edges:
        edge.reload()
        eventually(lambda: report(edge)[1]["holder"], "somebody orders")
        assert report(edge)[1]["refused_records"] == []
    code, text, problem = command(made.edges[0], "acme", "renew", NAME)
    assert code == 0, text + problem
    made.issued(but=first)
    assert len({each.protected["kid"] for each in made.relay.of("newOrder")}) == 1


def test_what_an_operator_stores_meanwhile_stays(ordering, authority):
    made = ordering(NAME, prepare=lambda relay, _: relay.hold("certificate"))
    made.prepared.wait()
    operators = authority.issue(NAME)
    made.put(operators)
    served(made.edges, operators)
    holder = made.holder
    made.prepared.release()
    holder.child.wait_for_line("another program has stored")
    # It is judged as any other is: it is good, so nothing is left to be done.
    for edge in made.edges:
        eventually(lambda: (row(edge)["state"], report(edge)[0]) == ("served", 0), "nothing is to be done")
    served(made.edges, operators)
    assert made.relay.count("newOrder") == 1


def test_an_order_goes_on_while_its_server_takes_another_way_to_etcd(ordering, directory):
    made = ordering(NAME, prepare=lambda relay, _: relay.hold("finalize"))
    made.prepared.wait()
    holder = made.wait_for_holder()
    new = new_keys(directory / "new.keys", "second").read_text()
    made.keys.write_text(new + made.keys.read_text())
    holder.reload()
    made.relay.heal()
    made.issued()
    assert made.relay.count("newOrder") == 1
    for edge in made.edges:
        eventually(lambda: row(edge)["state"] == "served", "nothing is to be done")


def test_a_server_that_is_stopped_lets_another_order_at_once(ordering):
    made = ordering(NAME)
    made.issued()
    first = made.wait_for_holder()
    held = made.relay.hold("finalize")
    made.want(NAME, "late.example.test")
    held.wait()
    with first.client() as client:
        # A request that keeps the server from ending.
        client.send(f"POST / HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 2\r\n\r\n1")
        first.drain()
        # The lease lasts for 15 s: this is less.
        other = made.wait_for_holder(first, seconds=5)
        assert first.child.running
        client.send("2")
        assert client.read_response().status == 200
    made.ca.lead_to(other)
    made.relay.heal()
    made.issued("late.example.test", edges=[other])
    assert made.relay.count("newOrder") == 2
    assert first.child.wait() == 0
