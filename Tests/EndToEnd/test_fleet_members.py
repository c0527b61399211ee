"""`edgeproxy node`: who belongs to a fleet, and what etcd and the disk have of it."""

import os
import stat
import subprocess

import pytest

from support.admin import status
from support.edge import binary, check, reserve_port
from support.processes import eventually


def node(running, *words):
    done = subprocess.run([binary(), "node", *words, "--config", running.file], capture_output=True, text=True,
                          timeout=60)
    return done.returncode, done.stdout, done.stderr


def new_keys(path):
    path.write_text(subprocess.run(
        [binary(), "cert", "new-key", "first"], capture_output=True, text=True, check=True).stdout)
    path.chmod(0o600)
    return str(path)


@pytest.fixture
def member(edge, etcd, directory, scripted):
    """member(name, ...): a server that could join; `cluster` is its etcd."""
    cluster = etcd()
    keys = new_keys(directory / "encryption-keys")

    def make(name, encryption=keys, **more):
        holder = reserve_port()
        settings = {"encryption_keys": encryption} if encryption else {}
        running = edge({"app1": [scripted().address]}, node=name, etcd=cluster.settings(**settings),
                       listen={"peers": ["127.0.0.1:%d" % holder.getsockname()[1]], "close_when_unable": "never"},
                       **more)
        running.holders.append(holder)
        return running

    make.cluster = cluster
    return make


def names(running):
    return [each["name"] for each in status(running)["peers"]["servers"]]


def test_servers_join_are_listed_and_removed(member):
    first, second = member("edge1"), member("edge2")
    code, text, _ = node(first, "init")
    assert code == 0 and "stored" in text
    for running in (first, second):
        code, text, _ = node(running, "join")
        assert code == 0 and running.configuration["listen"]["peers"][0] in text
    eventually(lambda: names(first) == ["edge2"] and names(second) == ["edge1"], "they know each other")
    eventually(lambda: status(first)["peers"]["joined"], "it has its certificate")
    code, text, _ = node(first, "list")
    assert code == 0 and [line.split()[0] for line in text.splitlines()] == ["edge1", "edge2"]
    assert node(first, "remove", "edge2")[:2] == (0, "edge2  removed\n")
    eventually(lambda: names(first) == [], "it is gone")
    code, _, error = node(first, "remove", "edge2")
    assert code == 1 and "there is no server 'edge2'" in error
    second.child.wait_for_line("the others do not know this server's certificate")


def test_no_secret_is_readable(member):
    running = member("edge1")
    node(running, "init")
    node(running, "join")
    stored = member.cluster.control("get", "/edgeproxy/", "--prefix", "--print-value-only")
    assert b"BEGIN CERTIFICATE" in stored and b"PRIVATE KEY" not in stored
    place = running.directory / "state" / "peers"
    assert stat.S_IMODE(os.stat(place).st_mode) == 0o700
    for name in ("key.pem", "certificate.pem", "authority.pem"):
        assert stat.S_IMODE(os.stat(place / name).st_mode) == 0o600
    assert "PRIVATE KEY" in (place / "key.pem").read_text()
    assert "PRIVATE" not in (place / "authority.pem").read_text()
    verified = subprocess.run(
        ["openssl", "verify", "-purpose", "sslserver", "-CAfile", place / "authority.pem",
         place / "certificate.pem"], capture_output=True, text=True)
    assert verified.returncode == 0, verified.stderr
    assert "PRIVATE" not in running.child.text


def test_an_authority_is_made_once(member):
    running = member("edge1")
    code, _, error = node(running, "join")
    assert code == 1 and "'edgeproxy node init'" in error
    assert node(running, "init")[0] == 0
    code, _, error = node(running, "init")
    assert code == 1 and "'--replace'" in error
    assert node(running, "join")[0] == 0
    assert node(running, "init", "--replace")[0] == 0


def test_without_the_right_key_nobody_joins(member, directory):
    running = member("edge1")
    node(running, "init")
    stranger = member("edge2", encryption=new_keys(directory / "other-keys"))
    code, _, error = node(stranger, "join")
    assert code == 1 and "does not open" in error
    plain = member("edge3", encryption=None)
    for word in ("init", "join"):
        code, _, error = node(plain, word)
        assert code == 1 and "'etcd.encryption_keys' is needed" in error


def test_an_address_that_others_cannot_use_has_to_be_said(member):
    running = member("edge1")
    node(running, "init")
    running.write({**running.configuration, "listen": {**running.configuration["listen"], "peers": ["0.0.0.0:7443"]}})
    code, _, error = node(running, "join")
    assert code == 1 and "'--address'" in error
    code, _, error = node(running, "join", "--address", "edge1:7443")
    assert code == 1 and "must be an IP address" in error
    assert node(running, "join", "--address", "10.9.8.7:7443")[0] == 0
    assert "10.9.8.7:7443" in node(running, "list")[1]


def test_the_check_tells_whether_a_server_has_joined(member):
    running = member("edge1")
    code, text = check(running.file)
    assert code == 0 and "has not joined its fleet yet" in text
    node(running, "init")
    node(running, "join")
    assert "joined" not in check(running.file)[1]
    place = running.directory / "state" / "peers"
    os.chmod(place / "key.pem", 0o644)
    code, text = check(running.file)
    assert code == 1 and "can be read by others" in text
    os.chmod(place / "key.pem", 0o600)
    running.write({**running.configuration, "node": "other"})
    code, text = check(running.file)
    assert code == 1 and "has joined its fleet as 'edge1'" in text
    (place / "certificate.pem").write_text("nonsense")
    assert "is no usable certificate" in check(running.file)[1]


def test_who_belongs_to_the_fleet_is_known_without_etcd(member):
    first, second = member("edge1"), member("edge2")
    node(first, "init")
    for running in (first, second):
        node(running, "join")
    eventually(lambda: names(first) == ["edge2"], "it knows the other")
    member.cluster.members[0].kill()
    first.drain()
    assert first.child.wait() == 0
    first.notifications.drain()
    first.start()
    assert names(first) == ["edge2"] and status(first)["peers"]["joined"]
