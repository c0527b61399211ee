"""Who an edge is to etcd, whom it takes for etcd, and what it says when that fails."""

import subprocess

import pytest

from support.admin import command, status
from support.authority import Authority
from support.edge import binary
from support.etcd_cluster import Identity
from support.etcd_edges import served
from support.processes import eventually

PASSWORD = "open sesame 7"


@pytest.fixture
def house(tmp_path):
    """The authority that etcd and its clients know each other by."""
    return Authority(tmp_path / "house")


@pytest.fixture
def secured(etcd, house):
    """secured(names...): a cluster with TLS that asks for client certificates; its own has only serverAuth."""

    def make(*names, count=1):
        return etcd(
            count=count, server=house.issue(*(names or ("127.0.0.1",))), clients=house.pem,
            administrator=Identity(house.pem, house.issue("root", usage="clientAuth")))

    return make


def why_not(running):
    """What the log says of etcd, once it has said that it is not heard."""
    return running.child.wait_for_line("etcd does not tell of changes")


def test_tls_with_a_member_certificate_that_is_only_for_servers(fleet, secured, house, authority):
    cluster = secured(count=3)
    issued = [authority.issue("*.example.test") for _ in range(2)]
    cluster.publish("main", issued[0])
    identity = Identity(house.pem, house.issue("edge", usage="clientAuth"))
    edges = fleet(cluster, identity=identity)
    served(edges, issued[0])
    cluster.publish("main", issued[1])
    served(edges, issued[1])


def test_another_authority_is_refused_by_reason(fleet, secured, house, authority, wildcard):
    cluster = secured()
    cluster.publish("main", wildcard)
    wrong = Identity(authority.pem, house.issue("edge", usage="clientAuth"))
    (running,) = fleet(cluster, 1, identity=wrong, wait_for_ready=False)
    assert "certificate" in why_not(running)
    assert status(running)["health"] == "no-certificate"


def test_another_name_is_refused_by_reason(fleet, etcd, house, wildcard):
    cluster = etcd(server=house.issue("10.9.8.7", "etcd.elsewhere.test"),
                   administrator=Identity(house.pem, insecure=True))
    cluster.publish("main", wildcard)
    (running,) = fleet(cluster, 1, identity=Identity(house.pem), wait_for_ready=False)
    line = why_not(running)
    assert "127.0.0.1" in line or "name" in line or "mismatch" in line.lower(), line


def test_a_client_without_a_certificate_is_told_so(fleet, secured, house, wildcard):
    cluster = secured()
    cluster.publish("main", wildcard)
    (running,) = fleet(cluster, 1, identity=Identity(house.pem), wait_for_ready=False)
    assert "certificate" in why_not(running)


def test_a_user_with_a_password(fleet, etcd, authority):
    cluster = etcd(count=3)
    cluster.enable_users(PASSWORD, edge="/edgeproxy/")
    issued = [authority.issue("*.example.test") for _ in range(4)]
    cluster.publish("main", issued[0])
    edges = fleet(cluster, identity=Identity(user="edge", password=PASSWORD),
                  environment={"ETCD_PASSWORD": PASSWORD})
    served(edges, issued[0])
    cluster.publish("main", issued[1])
    served(edges, issued[1])
    # Members forget their tokens when they restart.
    cluster.kill()
    cluster.start()
    cluster.publish("main", issued[2])
    served(edges, issued[2])
    for edge in edges:
        assert PASSWORD not in edge.child.text and PASSWORD not in str(status(edge))


def test_a_user_added_to_etcd_ends_a_signed_token_and_the_edge_logs_in_again(fleet, etcd, tmp_path, authority):
    key, public = tmp_path / "jwt.key", tmp_path / "jwt.pub"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    subprocess.run(["openssl", "rsa", "-in", key, "-pubout", "-out", public], check=True, capture_output=True)
    words = f"jwt,pub-key={public},priv-key={key},sign-method=RS256,ttl=1h"
    cluster = etcd(options=["--auth-token", words])
    cluster.enable_users(PASSWORD, edge="/edgeproxy/")
    issued = [authority.issue("*.example.test") for _ in range(2)]
    cluster.publish("main", issued[0])
    edges = fleet(cluster, 1, identity=Identity(user="edge", password=PASSWORD),
                  environment={"ETCD_PASSWORD": PASSWORD})
    served(edges, issued[0])
    cluster.control("user", "add", f"other:{PASSWORD}")
    cluster.kill()
    cluster.start()
    cluster.publish("main", issued[1])
    served(edges, issued[1])


def test_a_user_that_is_the_common_name_of_a_certificate(fleet, secured, house, authority):
    cluster = secured(count=3)
    cluster.enable_users(PASSWORD, edge="/edgeproxy/")
    issued = [authority.issue("*.example.test") for _ in range(2)]
    cluster.publish("main", issued[0])
    edges = fleet(cluster, identity=Identity(house.pem, house.issue("edge", usage="clientAuth")))
    served(edges, issued[0])
    cluster.publish("main", issued[1])
    served(edges, issued[1])


@pytest.mark.parametrize("user, password, reason", [
    ("edge", "wrong", "invalid user ID or password"),
    ("nobody", PASSWORD, "invalid user ID or password"),
    ("other", PASSWORD, "permission denied"),
    (None, None, "user name is empty"),
])
def test_a_user_who_may_not_is_told_why_and_served_once_he_may(
        fleet, etcd, wildcard, user, password, reason):
    cluster = etcd()
    cluster.enable_users(PASSWORD, edge="/edgeproxy/", other="/other/")
    cluster.publish("main", wildcard)
    (running,) = fleet(cluster, 1, identity=Identity(user=user, password=password),
                       environment={"ETCD_PASSWORD": password or ""}, wait_for_ready=False)
    assert reason in why_not(running)
    assert reason in status(running)["etcd"]["failure"]
    if user == "other":
        cluster.control("role", "grant-permission", "--prefix=true", "other", "read", "/edgeproxy/")
        served([running], wildcard, seconds=30)


def test_a_right_that_is_taken_away_leaves_what_is_served(fleet, etcd, authority):
    cluster = etcd()
    cluster.enable_users(PASSWORD, edge="/edgeproxy/")
    issued = [authority.issue("*.example.test") for _ in range(2)]
    cluster.publish("main", issued[0])
    (running,) = fleet(cluster, 1, identity=Identity(user="edge", password=PASSWORD),
                       environment={"ETCD_PASSWORD": PASSWORD})
    served([running], issued[0])
    cluster.control("role", "revoke-permission", "--prefix=true", "edge", "/edgeproxy/")
    cluster.kill()
    cluster.start()
    assert "permission denied" in why_not(running)
    served([running], issued[0])
    cluster.control("role", "grant-permission", "--prefix=true", "edge", "readwrite", "/edgeproxy/")
    cluster.publish("main", issued[1])
    served([running], issued[1], seconds=30)


def test_writes_that_etcd_refuses_are_told_until_the_right_is_there(fleet, etcd, wildcard):
    cluster = etcd()
    cluster.enable_users(PASSWORD, edge="/edgeproxy/certificates/")
    cluster.control("role", "grant-permission", "--prefix=true", "edge", "read", "/edgeproxy/")
    cluster.publish("main", wildcard)
    (running,) = fleet(cluster, 1, identity=Identity(user="edge", password=PASSWORD),
                       environment={"ETCD_PASSWORD": PASSWORD}, tls={"tickets": "etcd"},
                       listen={"close_when_unable": "fleet"})
    served([running], wildcard)

    def refused():
        return {each["key"] for each in status(running)["warning_details"]} & {
            "etcd write tickets", "etcd write port"}

    eventually(lambda: len(refused()) == 2, "both writes are told")
    lines = [line for line in running.child.text.splitlines() if "etcd refuses what" in line]
    assert len(lines) == len(set(lines)) and all("permission denied" in line for line in lines)
    code, text, _ = live(running)
    assert code == 1 and "permission denied" in text and "grant-permission" in text, text
    cluster.control("role", "grant-permission", "--prefix=true", "edge", "readwrite", "/edgeproxy/")
    eventually(lambda: not refused(), "they are done")
    assert "permission denied" not in live(running)[1]


def test_two_servers_with_one_name_are_told_of_each_other(fleet, etcd, wildcard):
    cluster = etcd()
    cluster.publish("main", wildcard)
    edges = fleet(cluster, 2, node="same")

    def warned(running):
        return "node name" in {each["key"] for each in status(running)["warning_details"]}

    eventually(lambda: all(warned(each) for each in edges), "both warn", 30)
    for each in edges:
        lines = [line for line in each.child.text.splitlines() if "another server has the same node name" in line]
        assert len(lines) == 1 and "same" in lines[0]
    code, text, _ = live(edges[0])
    assert code == 0 and "node name 'same'" in text, text
    edges[1].drain()
    assert edges[1].child.wait() == 0
    eventually(lambda: not warned(edges[0]), "the other is gone")
    assert "node name 'same'" not in live(edges[0])[1]


def live(running):
    """`--check-config --live` with what the server has in its environment."""
    done = subprocess.run(
        [binary(), "--check-config", "--live", "--config", str(running.file)], capture_output=True,
        text=True, timeout=60, env=running.environment)
    return done.returncode, done.stdout, done.stderr


def test_what_lies_elsewhere_is_not_read(fleet, etcd, wildcard):
    cluster = etcd()
    cluster.put("/edgeproxy/certificates", wildcard.bundle)
    cluster.put("/edgeproxy/certificatesX", wildcard.bundle)
    cluster.publish("main", wildcard)
    cluster.put("/elsewhere/main", wildcard.bundle)
    (running,) = fleet(cluster, 1, etcd_certificates={"prefix": "/elsewhere/"})
    served([running], wildcard)
    sources = [each["source"] for each in status(running)["certificates"]["served"]]
    assert sources == ["/elsewhere/main"]


def test_commands_say_why_etcd_is_of_no_use(fleet, etcd, commands, wildcard):
    cluster = etcd()
    cluster.publish("main", wildcard)
    (running,) = fleet(cluster, 1, identity=Identity(user="edge", password=PASSWORD),
                       environment={"ETCD_PASSWORD": PASSWORD})
    assert commands(running)("list")[0] == 0
    cluster.enable_users("another", edge="/edgeproxy/")
    code, _, problem = commands(running)("list")
    assert code == 1 and "invalid user ID or password" in problem
    cluster.kill()
    code, _, problem = commands(running)("put", "main", "--bundle", "/dev/null")
    assert code == 1 and problem
    code, _, problem = commands(running)("list")
    assert code == 1 and "refused" in problem


def test_live_checks_tell_whether_etcd_answers(fleet, etcd, wildcard):
    cluster = etcd()
    cluster.publish("main", wildcard)
    (running,) = fleet(cluster, 1)
    running.drain()
    assert running.child.wait() == 0
    code, text, _ = command(running, "--check-config", "--live")
    assert code == 0 and cluster.members[0].endpoint not in text, text
    cluster.kill()
    code, text, _ = command(running, "--check-config", "--live")
    assert code == 0 and "warning" in text and "etcd" in text, text
