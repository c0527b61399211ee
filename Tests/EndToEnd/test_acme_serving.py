"""What a CA is to be shown lies in etcd, and every server of the fleet shows it."""

import subprocess

import pytest

from support.edge import binary
from support.etcd_edges import served
from support.processes import eventually

CHALLENGES, SEEN = "/edgeproxy/acme/challenges/", "/edgeproxy/acme/seen/"
THUMBPRINT = "A" * 43
PATH = "/.well-known/acme-challenge/"


@pytest.fixture
def keys(tmp_path):
    """A file of encryption keys, which servers need that order certificates."""
    file = tmp_path / "encryption.keys"
    made = subprocess.run([binary(), "cert", "new-key"], check=True, capture_output=True)
    file.write_bytes(made.stdout)
    file.chmod(0o600)
    return file


@pytest.fixture
def ordering(fleet, etcd, keys, authority):
    """Three edges with `acme:`, whose CA is nobody, and their etcd."""
    cluster = etcd()
    certificate = authority.issue("*.example.test")
    command = [binary(), "cert", "put", "main", "--chain", certificate.chain, "--key", certificate.key]
    edges = fleet(cluster, wait_for_ready=False, etcd_more={"encryption_keys": str(keys)}, acme={
        "terms_accepted": True, "contact": "ops@example.test", "ca": str(authority.pem),
        "issuers": [{"directory": "https://127.0.0.1:1/directory"}],
        "certificates": [{"names": ["app1.example.test"]}]})
    subprocess.run([*command, "--config", edges[0].file], check=True, capture_output=True)
    served(edges, certificate)
    return cluster, edges


def seen(cluster, edges):
    """Waits until every edge says that it shows what etcd has now."""
    revision = cluster.control_json("get", CHALLENGES, "--prefix")["header"]["revision"]
    nodes = [edge.configuration["node"] for edge in edges]

    def all_have():
        words = [cluster.get(SEEN + node).split() for node in nodes]
        return all(len(each) == 2 and int(each[1]) >= revision for each in words)

    # Another key of the range gives each server a reason to tell the newest revision.
    cluster.put(CHALLENGES + "alpn/other.test", f"1 {THUMBPRINT}".encode())
    eventually(all_have, f"{nodes} have seen revision {revision}")


def ask(edge, token, method="GET", name="app1.example.test", secure=False):
    with edge.client(name) if secure else edge.plain_client(name) as client:
        return client.request(method, PATH + token)


def handshake(edge, name, protocol="acme-tls/1"):
    """What `openssl s_client` makes of a handshake as a CA's."""
    return subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{edge.port}", "-servername", name, "-alpn", protocol,
         "-showcerts"], input=b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", capture_output=True, timeout=20)


def identifier(shown):
    """The critical extension of a certificate that s_client has shown, as openssl prints it."""
    return subprocess.run(
        ["openssl", "x509", "-noout", "-text"], input=shown, check=True, capture_output=True).stdout.decode()


def test_a_token_is_answered_by_every_server_on_both_ports_until_it_is_withdrawn(ordering):
    cluster, edges = ordering
    cluster.put(CHALLENGES + "http/tok-en_1", f"1 tok-en_1.{THUMBPRINT}".encode())
    seen(cluster, edges)
    for edge in edges:
        for secure in (False, True):
            answer = ask(edge, "tok-en_1?x=1", secure=secure)
            assert (answer.status, answer.body) == (200, f"tok-en_1.{THUMBPRINT}".encode())
            assert answer.get("Content-Type") == "application/octet-stream"
        assert ask(edge, "tok-en_1", "POST").status == 405
        assert ask(edge, "tok-en_2").status == 301
    cluster.delete(CHALLENGES + "http/tok-en_1")
    for edge in edges:
        eventually(lambda: ask(edge, "tok-en_1").status == 301, "the token is gone")


def test_what_is_no_key_authorization_is_never_said(ordering):
    cluster, edges = ordering
    cluster.put(CHALLENGES + "http/evil", b"1 <script>alert(1)</script>")
    seen(cluster, edges)
    assert [ask(edge, "evil").status for edge in edges] == [301] * 3


def test_the_certificate_of_a_challenge_is_shown_by_every_server_to_acme_tls_1_alone(ordering):
    cluster, edges = ordering
    cluster.put(CHALLENGES + "alpn/app1.example.test", f"1 {THUMBPRINT}".encode())
    seen(cluster, edges)
    for edge in edges:
        shown = handshake(edge, "app1.example.test")
        assert b"ALPN protocol: acme-tls/1" in shown.stdout
        assert b"HTTP/1.1" not in shown.stdout
        text = identifier(shown.stdout)
        assert "1.3.6.1.5.5.7.1.31: critical" in text and "DNS:app1.example.test" in text
        refused = handshake(edge, "app2.example.test")
        assert b"no application protocol" in refused.stderr and refused.returncode != 0
        # Everybody else has the certificate of the site.
        assert edge.request().status == 200
        edge.child.wait_for_line("a CA was shown the certificate of a challenge.*app1.example.test")
    cluster.delete(CHALLENGES + "alpn/app1.example.test")
    for edge in edges:
        eventually(lambda: handshake(edge, "app1.example.test").returncode != 0, "the challenge is gone")


def test_each_server_tells_its_name_where_a_ca_asks(ordering):
    _, edges = ordering
    for edge in edges:
        node = edge.configuration["node"]
        for secure in (False, True):
            assert ask(edge, f"edgeproxy-{node}", secure=secure).body == f"{node}\n".encode()
    assert ask(edges[0], "edgeproxy-" + edges[1].configuration["node"]).status == 301


def test_a_server_that_is_gone_is_not_waited_for(ordering):
    cluster, edges = ordering
    seen(cluster, edges)
    edges[2].child.kill()
    node = edges[2].configuration["node"]
    eventually(lambda: not cluster.get(SEEN + node), "its key goes with its lease", 30)
    seen(cluster, edges[:2])
