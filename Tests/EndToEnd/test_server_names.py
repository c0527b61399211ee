"""Which certificate a client gets, and what the name it asked for then allows."""

import ssl

import pytest


@pytest.fixture
def names(edge, scripted, authority):
    """app1 has a certificate of its own, app2 the wildcard's; one more is for another domain."""
    nodes = [scripted().address]
    return edge(
        {"app1": nodes, "app2": nodes},
        issued={
            "exact": authority.issue("app1.example.test"),
            "wildcard": authority.issue("*.example.test", "example.test"),
            "other": authority.issue("www.other.test"),
        },
        certificates={"default": "example.test"},
    )


@pytest.mark.parametrize(("asked", "given"), [
    ("app1.example.test", {"app1.example.test"}),
    ("app2.example.test", {"*.example.test", "example.test"}),
    ("APP1.Example.TEST", {"app1.example.test"}),
    ("www.other.test", {"www.other.test"}),
])
def test_the_certificate_is_chosen_by_server_name_exact_before_wildcard(names, asked, given):
    with names.client(asked) as client:
        assert client.certificate == given


def test_a_client_without_server_name_gets_the_default_certificate(names):
    with names.client(None) as client:
        assert client.certificate == {"*.example.test", "example.test"}


@pytest.mark.parametrize("name", ["unknown.test", "two.labels.example.test"])
def test_an_unknown_server_name_is_refused_by_alert(names, name):
    with pytest.raises(ssl.SSLError, match="(?i)unrecognized[_ ]name"):
        names.client(name)


def test_a_host_that_the_certificate_does_not_cover_is_misdirected(names):
    with names.client("app1.example.test") as client:
        assert client.request(host="app2.example.test").status == 421


def test_a_host_under_the_same_wildcard_is_served(names):
    with names.client("app2.example.test") as client:
        assert client.request(host="APP2.example.test:443").status == 200


def test_a_covered_host_without_a_route_is_not_found(names):
    with names.client("app2.example.test") as client:
        assert client.request(host="nobody.example.test").status == 404


def test_http_1_1_is_agreed_on_by_alpn(names):
    with names.client() as client:
        assert client.socket.selected_alpn_protocol() == "http/1.1"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_tls_versions_are_served(names, version):
    with names.client(version=version) as client:
        assert client.request().status == 200


def test_rsa_and_ecdsa_certificates_of_one_name_serve_side_by_side(edge, scripted, authority):
    running = edge(
        {"app1": [scripted().address]},
        issued={
            "ecdsa": authority.issue("app1.example.test"),
            "rsa": authority.issue("app1.example.test", kind="rsa"),
        })
    for suite, kind in (("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDSA"), ("ECDHE-RSA-AES128-GCM-SHA256", "RSA")):
        context = ssl.create_default_context(cafile=authority.pem)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(suite)
        with running.client(context=context) as client:
            assert client.socket.cipher()[0] == suite, kind
            assert client.request().status == 200
