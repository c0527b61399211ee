"""Discovery by uWSGI's subscription protocol, with real uWSGI and with datagrams made by hand."""

import json
import signal
import socket
import struct
import subprocess
import time

import pytest
from support.admin import status
from support.edge import check
from support.processes import eventually

APPS = {"apps": {"protocol": "uwsgi", "discover": "subscriptions"}}
ROUTES = [{"host": "*.example.test", "upstream": "apps"}]
KEY = "app1.example.test"


def table(running):
    """Addresses and states of each key."""
    return {
        key["key"]: {each["address"]: each for each in key["instances"]}
        for key in status(running)["subscriptions"]["keys"]}


def refused(running):
    return status(running)["subscriptions"]["refused"]


def port(running):
    return int(status(running)["subscriptions"]["listening"][0].rpartition(":")[2])


def datagram(pairs, command=0):
    block = b""
    for name, value in pairs.items():
        value = value if isinstance(value, bytes) else str(value).encode()
        block += struct.pack("<H", len(name)) + name.encode() + struct.pack("<H", len(value)) + value
    return struct.pack("<BHB", 224, len(block), command) + block


@pytest.fixture
def keys(directory):
    """A pair of keys: the private one, and a directory with the public one for KEY."""
    place = directory / "signing"
    place.mkdir()
    private = directory / "signing.pem"
    subprocess.run(["openssl", "genrsa", "-out", private, "2048"], check=True, capture_output=True)
    subprocess.run(["openssl", "rsa", "-in", private, "-pubout", "-out", place / f"{KEY}.pem"], check=True,
                   capture_output=True)
    return private, place


def signed(pairs, private, command=0, at=None):
    """As uWSGI signs: everything behind the header and before the signature."""
    whole = datagram({**pairs, "unix": int(at if at is not None else time.time())})
    done = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", str(private)], input=whole[4:], capture_output=True, check=True)
    block = whole[4:] + b"\x04\x00sign" + struct.pack("<H", len(done.stdout)) + done.stdout
    return struct.pack("<BHB", 224, len(block), command) + block


@pytest.fixture
def discovering(edge):
    """discovering(**subscriptions): an edge that is told of applications and knows none of itself."""

    def make(**subscriptions):
        return edge(APPS, routes=ROUTES, subscriptions={"listen": "127.0.0.1:0", **subscriptions})

    return make


@pytest.fixture
def speaker():
    """Sends datagrams from 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as each:
        each.bind(("127.0.0.1", 0))
        yield each


def test_an_instance_that_subscribes_is_served_at_once_and_one_that_says_goodbye_is_gone(discovering, uwsgi):
    running = discovering()
    to = f"--subscribe-to=127.0.0.1:{port(running)}:{KEY}"
    first = uwsgi("app1", "a", tcp=True, options=[to])
    eventually(lambda: first.address in table(running).get(KEY, {}), "the instance in the table")
    assert running.request(name=KEY).status == 200
    second = uwsgi("app1", "b", tcp=True, options=[to])
    eventually(lambda: second.address in table(running)[KEY], "the second one")
    first.child.signal(signal.SIGINT)
    first.child.wait()
    eventually(lambda: list(table(running)[KEY]) == [second.address], "the end of the first one")
    assert running.request(name=KEY).status == 200


def test_requests_wait_for_a_lone_instance_that_reloads(discovering, uwsgi):
    running = discovering()
    instance = uwsgi("app1", "a", tcp=True, processes=1, options=[f"--subscribe-to=127.0.0.1:{port(running)}:{KEY}"])
    eventually(lambda: instance.address in table(running).get(KEY, {}), "the instance in the table")
    # A signal while Python starts up can leave uWSGI hanging.
    assert running.request(name=KEY).status == 200
    instance.child.signal(signal.SIGINT)
    instance.child.wait()
    eventually(lambda: table(running)[KEY] == {}, "a key without instance")
    instance.start()
    assert running.request(name=KEY).status == 200


def test_an_instance_that_is_killed_is_left_for_the_other(discovering, uwsgi):
    running = discovering()
    to = f"--subscribe-to=127.0.0.1:{port(running)}:{KEY}"
    both = [uwsgi("app1", name, tcp=True, options=[to]) for name in "ab"]
    eventually(lambda: len(table(running).get(KEY, {})) == 2, "two instances")
    both[0].kill()
    assert [running.request(name=KEY).status for _ in range(20)] == [200] * 20


def test_a_signed_subscription_of_real_uwsgi_is_believed_and_one_by_another_key_is_not(
        discovering, uwsgi, keys, directory):
    private, place = keys
    running = discovering(signing_keys=str(place))
    forger = directory / "forger.pem"
    subprocess.run(["openssl", "genrsa", "-out", forger, "2048"], check=True, capture_output=True)
    to = f"127.0.0.1:{port(running)}:{KEY},0,SHA256"
    uwsgi("app1", "forger", tcp=True, options=[f"--subscribe-to={to}:{forger}"])
    eventually(lambda: refused(running).get("bad-signature"), "a refused signature")
    assert table(running) == {}
    instance = uwsgi("app1", "a", tcp=True, options=[f"--subscribe-to={to}:{private}"])
    eventually(lambda: instance.address in table(running).get(KEY, {}), "the instance in the table")
    assert running.request(name=KEY).status == 200
    instance.child.signal(signal.SIGINT)
    instance.child.wait()
    eventually(lambda: table(running)[KEY] == {}, "its end")


def test_subscribe2_brings_weight_and_modifiers_and_is_acknowledged(discovering, uwsgi, directory):
    running = discovering()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ears:
        ears.bind(str(directory / "ack"))
        ears.settimeout(10)
        server = f"server=127.0.0.1:{port(running)},key=APP1.example.test.,weight=7"
        instance = uwsgi("app1", "a", tcp=True, options=[
            f"--subscribe2={server}", f"--subscription-notify-socket={directory / 'ack'}"])
        eventually(lambda: instance.address in table(running).get(KEY, {}), "the instance in the table")
        found = table(running)[KEY][instance.address]
        assert (found["weight"], found["cores"], found["local"], found["state"]) == (7, 2, True, "fresh")
        assert ears.recv(4096).decode() == f"[subscription ack] {KEY} => new node: {instance.address}"


def test_a_restart_knows_what_was_known(edge, scripted, speaker):
    running = edge(APPS, routes=ROUTES, subscriptions={"listen": "127.0.0.1:0"})
    peer = scripted()
    speaker.sendto(datagram({"key": KEY, "address": peer.address}), ("127.0.0.1", port(running)))
    eventually(lambda: peer.address in table(running).get(KEY, {}), "the instance in the table")
    running.drain()
    assert running.child.wait() == 0
    running.start()
    assert running.request(name=KEY).body == b"scripted\n"
    assert table(running)[KEY][peer.address]["source"] == "from disk, 127.0.0.1"


def test_what_is_not_believed_changes_nothing(discovering, keys, speaker):
    private, place = keys
    running = discovering(
        signing_keys=str(place), allow=[{"from": "127.0.0.0/8", "keys": ["*.example.test"]}])
    to = ("127.0.0.1", port(running))
    good = {"key": KEY, "address": "127.0.0.1:4001"}
    other = {**good, "key": "app2.example.test"}
    sent = signed(good, private)
    speaker.sendto(sent, to)
    eventually(lambda: table(running), "the good one")
    before = table(running)
    cases = {
        "replayed": [sent, sent[:3] + b"\x01" + sent[4:]],
        "bad-signature": [sent.replace(b"127.0.0.1:4001", b"127.0.0.1:4002")],
        "wrong-time": [signed(good, private, at=time.time() + 90), signed(good, private, at=time.time() - 90)],
        "unsigned": [datagram(good), datagram(good, 1)],
        "unlisted-key": [datagram({**other, "key": "app.example.org"})],
        "foreign-address": [datagram({**other, "address": "192.0.2.1:80"})],
        "bad-address": [datagram({**other, "address": "127.0.0.1:0"}), datagram({**other, "address": "host:80"})],
        "bad-key": [datagram({**other, "key": "a b"})],
        "names-certificate": [datagram({**other, "sni_key": "/k", "sni_crt": "/c"})],
        "dangerous-modifier": [datagram({**other, "modifier1": 22})],
        "too-long": [datagram({**other, "x": b"y" * 4096})],
        "malformed": [b"hello", datagram(other)[:-1], datagram(other) + b"x"],
    }
    for reason, datagrams in cases.items():
        for each in datagrams:
            speaker.sendto(each, to)
    wanted = {reason: len(datagrams) for reason, datagrams in cases.items()}
    eventually(lambda: refused(running) == wanted, f"{wanted}, found {refused(running)}")
    after = table(running)
    assert after.keys() == before.keys() and after[KEY].keys() == before[KEY].keys()
    assert after[KEY]["127.0.0.1:4001"]["state"] == "fresh"


@pytest.mark.parametrize("subscriptions, complaint", [
    (None, "needs 'subscriptions' with 'listen'"),
    ({"listen": "0.0.0.0:7000"}, "'allow' or 'signing_keys' must say"),
    ({"listen": "localhost:7000"}, "did you mean '127.0.0.1:7000'?"),
    ({"listen": "127.0.0.1:7000", "allow": [{"from": "10.0.0.1/8", "keys": ["*.example.test"]}]},
     "did you mean '10.0.0.0/8'?"),
    ({"listen": "127.0.0.1:7000", "alow": []}, "did you mean 'allow'?"),
    ({"listen": "127.0.0.1:7000", "signing_keys": "/nowhere/keys"}, "directory '/nowhere/keys' cannot be used"),
])
def test_mistakes_in_the_configuration_are_named(edge, subscriptions, complaint):
    running = edge(APPS, routes=ROUTES, subscriptions={"listen": "127.0.0.1:0"})
    configuration = json.loads(running.file.read_text())
    configuration.pop("subscriptions")
    if subscriptions:
        configuration["subscriptions"] = subscriptions
    other = running.directory / "other.yaml"
    other.write_text(json.dumps(configuration, indent=2))
    code, text = check(other)
    assert code == 1 and complaint in text, text


def test_new_instances_that_do_not_answer_do_not_keep_the_port_open(edge, scripted, speaker):
    running = edge(APPS, routes=ROUTES, subscriptions={"listen": "127.0.0.1:0"},
                   listen={"close_when_unable": "always", "close_after": "1s"})
    peer, to, ports = scripted(), ("127.0.0.1", port(running)), iter(range(1, 65536))

    def state():
        return status(running)["port"]["https"] == "open"

    speaker.sendto(datagram({"key": KEY, "address": peer.address}), to)
    eventually(state, "the port opens")
    peer.stop()

    last = 0.0

    def closed():
        """Until then another announces itself three times in each second of `close_after`, where nobody listens."""
        nonlocal last
        if time.monotonic() - last > 0.3:
            last = time.monotonic()
            speaker.sendto(datagram({"key": KEY, "address": f"127.0.0.2:{next(ports)}"}), to)
        return not state()

    eventually(closed, "the port closes")


@pytest.mark.parametrize("kind", ["unix", "ipv6"])
def test_subscriptions_are_taken_at_other_kinds_of_addresses(edge, uwsgi, directory, scripted, kind):
    listen = f"unix:{directory / 'subscriptions'}" if kind == "unix" else "[::1]:0"
    running = edge(APPS, routes=ROUTES, subscriptions={"listen": listen})
    if kind == "unix":
        instance = uwsgi("app1", "a", tcp=True, options=[f"--subscribe-to={directory / 'subscriptions'}:{KEY}"])
        address = instance.address
    else:
        # uWSGI itself knows no address of this kind.
        address = scripted().address
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as speaker:
            speaker.sendto(datagram({"key": KEY, "address": address}), ("::1", port(running)))
    eventually(lambda: address in table(running).get(KEY, {}), "the instance in the table")
    assert running.request(name=KEY).status == 200


def test_instances_are_forgotten_when_subscriptions_are_dropped(edge, scripted, speaker):
    taking = {"listen": "127.0.0.1:0"}
    running = edge(APPS, routes=ROUTES, subscriptions=taking)
    before = running.configuration
    peer = scripted()
    speaker.sendto(datagram({"key": KEY, "address": peer.address}), ("127.0.0.1", port(running)))
    eventually(lambda: peer.address in table(running).get(KEY, {}), "the instance in the table")
    assert running.request(name=KEY).status == 200
    without = {key: value for key, value in before.items() if key != "subscriptions"}
    running.reload({**without, "upstreams": {"apps": {"nodes": [scripted().address]}}})
    assert running.request(name=KEY).status == 200
    # Rules that do not let it in: nothing of what was known before may be served.
    running.reload({**before, "upstreams": {"apps": {"discover": "subscriptions", "hold": "100ms"}}, "subscriptions": {
        **taking, "allow": [{"from": "192.0.2.0/24", "keys": ["other.example.test"]}]}})
    assert running.request(name=KEY).status == 503
    assert len(peer.requests) == 1


def test_a_reload_that_changes_who_is_allowed_takes_away_what_is_not(edge, scripted, speaker):
    running = edge({"apps": {"discover": "subscriptions", "hold": "100ms"}}, routes=ROUTES,
                   subscriptions={"listen": "127.0.0.1:0"})
    other, peer = "app2.example.test", scripted()
    for key in (KEY, other):
        speaker.sendto(datagram({"key": key, "address": peer.address}), ("127.0.0.1", port(running)))
    eventually(lambda: set(table(running)) == {KEY, other}, "both keys")
    running.reload({**running.configuration, "subscriptions": {
        "listen": "127.0.0.1:0", "allow": [{"from": "127.0.0.0/8", "keys": [other]}]}})
    assert table(running)[KEY] == {}
    assert running.request(name=KEY).status == 503
    assert running.request(name=other).status == 200
