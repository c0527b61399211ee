"""What servers answer for the zone of their fleet, as dig, a real resolver and single datagrams see it."""

import struct

import pytest

from support.admin import status
from support.names import (
    ALL, ELSEWHERE, PARENT, RESOLVER_PORT, ZONE, ask, exchange, question, resolve, server_address)
from support.processes import eventually

MANY = 100


@pytest.fixture
def many(named):
    """One server that knows a hundred, most of which are in a network that it has no way to."""
    servers = [[server_address(1)], *([f"203.0.113.{number}"] for number in range(1, MANY))]
    (server,) = fleet = named(
        1, alone=True, dns={"servers": servers, "rate_limit": "off"}, delegated=False, wait=False)
    fleet.server = server
    eventually(lambda: server.ask(ZONE, "NS", "+tcp"), "it answers")
    return fleet


def test_every_server_names_all_of_them_and_each_of_them_first(named):
    fleet = named()
    for server in fleet:
        firsts = set()
        for _ in range(30):
            answer = server.ask()
            assert (answer.status, set(answer.of("A"))) == ("NOERROR", fleet.addresses)
            assert {seconds for _, seconds, _, _ in answer.answers} == {1}
            firsts.add(answer.values[0])
        assert firsts == fleet.addresses


def test_clients_find_the_servers_by_their_resolver(named):
    fleet = named(dns={"ttl": "10s"})
    answer = resolve(f"www.{PARENT}")
    assert answer.status == "NOERROR" and answer.of("CNAME") == [f"{ALL}."]
    assert set(answer.of("A")) == fleet.addresses
    assert all(seconds <= 10 for _, seconds, kind, _ in answer.answers if kind == "A")
    # Nobody has to ask for IPv6 again and again.
    assert resolve(f"www.{PARENT}", "AAAA").of("AAAA") == []


def test_addresses_of_both_families_are_named_in_answers_of_their_own(named):
    fleet = named(2, families=(4, 6))
    six = {server_address(number, 6) for number in (1, 2)}
    for server in fleet:
        assert set(server.ask(kind="AAAA").of("AAAA")) == six
        # Over IPv6 itself, too.
        assert set(ask(server_address(server.number, 6), ALL).of("A")) == fleet.addresses
    assert set(resolve(f"www.{PARENT}", "AAAA").of("AAAA")) == six


def test_servers_have_names_and_numbers_that_all_agree_on_and_that_stay(named):
    fleet = named()
    names = fleet.name_servers()
    assert sorted(names) == [f"ns{number}.{ZONE}" for number in (1, 2, 3)]
    assert sorted(sum(names.values(), [])) == sorted(fleet.addresses)
    first = fleet[0]
    first.power_off()
    fleet.wait_until_named(*fleet[1:])
    # Those that resolvers ask are the same still, and what a resolver has kept of it is right.
    for server in fleet[1:]:
        assert fleet.name_servers(server) == names
    first.power_on()
    fleet.wait_until_named()
    assert fleet.name_servers(first) == names


@pytest.mark.parametrize("name,kind,options,status,answers", [
    (f"nobody.{ZONE}", "A", (), "NXDOMAIN", 0),
    (ALL, "MX", (), "NOERROR", 0),
    (ALL, "AAAA", (), "NOERROR", 0),
    (ZONE, "SOA", (), "NOERROR", 1),
    (ALL, "ANY", (), "NOERROR", 1),
    (PARENT, "A", (), "REFUSED", 0),
    (f"www.{PARENT}", "A", (), "REFUSED", 0),
    ("version.bind", "TXT", ("-c", "CH"), "REFUSED", 0),
    ("org", "NS", ("+recurse",), "REFUSED", 0),
    (ALL, "A", ("+opcode=NOTIFY",), "NOTIMP", 0),
    (ALL, "A", ("+edns=1", "+noednsnegotiation"), "BADVERS", 0),
])
def test_what_is_not_there_and_what_is_not_ours(named, name, kind, options, status, answers):
    fleet = named(1, alone=True, delegated=False)
    answer = fleet[0].ask(name, kind, *options)
    assert "ra" not in answer.flags
    if kind == "ANY":
        # RFC 8482: something, and not all there is.
        assert answer.status == status and len(answer.answers) >= 1
        assert len(answer.text) < 1500
        return
    assert (answer.status, len(answer.answers)) == (status, answers), answer.text
    if status in ("NOERROR", "NXDOMAIN"):
        assert "aa" in answer.flags
    if status in ("NOERROR", "NXDOMAIN") and not answers:
        ((name, seconds, kind, _),) = answer.authority
        assert (name, kind) == (ZONE, "SOA") and seconds <= 5


@pytest.mark.parametrize("kind", [251, 252])
def test_the_zone_is_not_handed_out(named, kind):
    fleet = named(1, alone=True, delegated=False)
    (answer,) = exchange(fleet[0].address, question(ZONE, kind))
    assert answer[3] & 15 == 5 and struct.unpack("!H", answer[6:8]) == (0,)


def test_the_letters_of_a_question_come_back_as_they_were_asked(named):
    fleet = named(1, alone=True, delegated=False)
    mixed = question("aLl.FlEeT.eXaMpLe.TeSt", number=0xBEEF)
    (answer,) = exchange(fleet[0].address, mixed)
    assert answer[:2] == b"\xbe\xef" and answer[12:len(mixed)] == mixed[12:]
    assert struct.unpack("!H", answer[6:8]) == (1,)


def test_a_resolver_that_asks_strictly_finds_everything(named):
    """RFC 9156: name by name from the top, in letters of any case; and nothing is believed below a name that is not."""
    fleet = named(delegated=False)
    fleet.delegate(options=["qname-minimisation-strict: yes", "harden-below-nxdomain: yes", "use-caps-for-id: yes"])
    for name in fleet.name_servers():
        assert resolve(name).status == "NOERROR"
    for number in range(20):
        answer = resolve(f"a{number}.{PARENT}")
        assert answer.status == "NOERROR" and set(answer.of("A")) == fleet.addresses, answer.text


def test_an_answer_that_is_too_long_for_a_datagram_leads_to_tcp(many):
    server = many.server
    for options in (("+noedns",), ("+bufsize=1232",), ("+bufsize=4096",)):
        short = server.ask(ZONE, "NS", "+ignore", *options)
        assert "tc" in short.flags and len(short.answers) < MANY
        assert len(server.ask(ZONE, "NS", *options).of("NS")) == MANY
    assert len(server.ask(ZONE, "NS", "+tcp").of("NS")) == MANY


def test_of_many_addresses_an_answer_has_sixteen_and_each_gets_its_turn(many):
    seen = set()

    def look():
        answer = many.server.ask(ALL, "A", "+noedns")
        assert "tc" not in answer.flags and 0 < len(answer.answers) <= 16
        seen.update(answer.of("A"))
        return len(seen)

    eventually(lambda: look() == MANY, "all are named at some time")


def test_a_resolver_follows_a_long_answer_to_tcp(many):
    many.delegate(servers={f"ns1.{ZONE}": [server_address(1)]})
    assert len(ask("127.0.0.1", ZONE, "NS", "+recurse", "+tcp", port=RESOLVER_PORT).of("NS")) == MANY


def test_many_questions_over_one_connection_are_all_answered(named):
    fleet = named(1, alone=True, delegated=False)
    done = fleet[0].ask(ALL, "A", "+tcp", "+keepopen", ALL, "A", f"nobody.{ZONE}", "A")
    assert done.text.count("status: NOERROR") == 2 and done.text.count("status: NXDOMAIN") == 1


def test_a_flood_from_one_network_is_answered_little_and_leaves_others_and_tcp_alone(named):
    fleet = named(1, alone=True, dns={"rate_limit": 20}, delegated=False)
    (server,) = fleet
    flood = exchange(server.address, question(ALL), count=2000)
    whole = [answer for answer in flood if struct.unpack("!H", answer[6:8])[0]]
    short = [answer for answer in flood if answer[2] & 2 and not struct.unpack("!H", answer[6:8])[0]]
    assert len(whole) + len(short) == len(flood)
    # A second's worth, and what was earned while it went on.
    assert 10 <= len(whole) <= 200
    # Every second of the others is led to TCP by an answer no longer than its question; the rest is dropped.
    limited = status(server.edge)["name_service"]["limited"]
    assert len(short) == limited["shortened"] > 10 and abs(limited["dropped"] - limited["shortened"]) <= 1
    assert max(map(len, short)) <= len(question(ALL))
    assert set(server.ask(ALL, "A", "+tcp").of("A")) == fleet.addresses
    # The wire is one: whoever is asked by another network is answered whole.
    (other,) = exchange(server.address, question(ALL), source=ELSEWHERE)
    assert struct.unpack("!H", other[6:8]) == (1,)


def test_another_lifetime_and_zone_are_in_force_after_a_reload(named):
    fleet = named(1, alone=True, delegated=False)
    (server,) = fleet
    configuration = dict(server.edge.configuration)
    configuration["dns"] = {**configuration["dns"], "zone": f"other.{PARENT}", "ttl": "7s"}
    server.edge.reload(configuration)
    answer = eventually(lambda: (found := server.ask(f"all.other.{PARENT}")).answers and found, "the other zone")
    assert [seconds for _, seconds, _, _ in answer.answers] == [7]
    assert server.ask().status == "REFUSED"
    # And port 53 goes with the section.
    server.edge.reload({key: value for key, value in configuration.items() if key not in ("dns", "public")})
    eventually(lambda: ask(server.address, ALL, "A", "+tcp") is None, "the port is closed")


def test_answers_go_on_while_a_server_finishes_what_is_under_way(named):
    fleet = named()
    leaves = fleet[0]
    with leaves.client("app1.example.test", leaves.edge.authority) as client:
        client.send("POST / HTTP/1.1\r\nHost: app1.example.test\r\nContent-Length: 2\r\n\r\n1")
        leaves.edge.drain()
        # It says so itself: nobody has to find out.
        fleet.wait_until_named(*fleet[1:], by=list(fleet), seconds=2)
        assert leaves.edge.child.running
        client.send("2")
        assert client.read_response().status == 200
    assert leaves.edge.child.wait() == 0
