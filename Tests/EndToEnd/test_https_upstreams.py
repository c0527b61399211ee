"""Applications behind TLS: a node is believed only with a certificate of the right authority and name."""

import pytest

from support.authority import Authority
from support.edge import check
from support.http import server_context
from support.uwsgi import answer


@pytest.fixture
def secure(web, authority):
    """secure(*names): an HTTPS server with a certificate for these names."""
    def make(*names, script=None, **options):
        return web(script, context=server_context(authority.issue(*(names or ("app.internal",)))), **options)
    return make


def https(*servers, **settings):
    return {"protocol": "https", "nodes": [server.address for server in servers], "hold": "0s", **settings}


def test_a_node_is_asked_over_tls_and_its_connection_is_kept(edge, secure, authority):
    server = secure()
    running = edge({"app1": https(server, tls={"ca": str(authority.pem), "name": "app.internal"})}, workers=1)
    for _ in range(5):
        assert running.request().body == b"good"
        assert running.request("POST", body=b"x").body == b"good"
    assert server.connections == 1


def test_large_bodies_go_both_ways_over_tls(edge, secure, authority):
    large = bytes(range(256)) * 12_000

    def script(connection, request):
        connection.sendall(answer(request.body))
        return True

    server = secure(script=script)
    running = edge({"app1": https(server, tls={"ca": str(authority.pem), "name": "app.internal"})}, workers=1)
    for _ in range(2):
        assert running.request("POST", body=large).body == large
    assert server.connections == 1


def test_tls_over_a_unix_socket(edge, secure, authority, directory):
    server = secure(directory=directory)
    running = edge({"app1": https(server, tls={"ca": str(authority.pem), "name": "app.internal"})}, workers=1)
    assert running.request().body == b"good"


@pytest.mark.parametrize("tls, reason", [
    ({"name": "other.internal"}, "hostname mismatch"),
    ({}, "IP address mismatch"),
], ids=["another name", "the address"])
def test_a_certificate_for_another_name_is_refused(edge, secure, authority, tls, reason):
    server = secure()
    running = edge({"app1": https(server, tls={"ca": str(authority.pem), **tls})}, workers=1)
    assert running.request().status == 503
    assert running.request("POST", body=b"x").status == 503
    assert server.requests == []
    line = running.child.wait_for_line("node is down")
    assert "cause=tls" in line and reason in line
    assert running.child.text.count("node is down") == 1


def test_a_certificate_of_another_authority_is_refused(edge, secure, tmp_path):
    server, stranger = secure(), Authority(tmp_path)
    running = edge({"app1": https(server, tls={"ca": str(stranger.pem), "name": "app.internal"})}, workers=1)
    assert running.request().status == 503
    assert server.requests == []
    assert running.child.wait_for_line("the server's certificate is not accepted")


def test_the_system_does_not_know_the_authority(edge, secure):
    server = secure()
    running = edge({"app1": https(server, tls={"name": "app.internal"})}, workers=1)
    assert running.request().status == 503
    assert server.requests == []


def test_without_verification_any_certificate_will_do(edge, secure):
    running = edge({"app1": https(secure(), tls={"verify": False})}, workers=1)
    assert running.request().body == b"good"


def test_a_node_that_is_believed_is_asked_instead(edge, secure, authority):
    wrong, right = secure("other.internal"), secure()
    settings = {"tls": {"ca": str(authority.pem), "name": "app.internal"}, "hold": "5s"}
    running = edge({"app1": https(wrong, right, **settings)}, workers=1)
    for _ in range(10):
        assert running.request("POST", body=b"x").body == b"good"
    assert wrong.requests == []


def test_a_node_without_tls_gets_no_request(edge, web, authority):
    plain = web()
    running = edge({"app1": https(plain, tls={"ca": str(authority.pem), "name": "app.internal"},
                                  timeouts={"connect": "500ms"})}, workers=1)
    assert running.request().status == 503
    assert plain.requests == []


def test_a_cut_without_goodbye_is_no_end_of_an_answer(edge, secure, authority):
    """Without close_notify anybody on the way could have ended the connection."""
    def script(connection, request):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        return False

    running = edge({"app1": https(secure(script=script), tls={"ca": str(authority.pem), "name": "app.internal"})})
    with running.client() as client:
        client.send_request()
        assert client.read_head().status == 200
        assert client.read_chunk() == b"half"
        assert not client.more()


def test_a_file_of_authorities_that_is_none_is_found_by_the_check(directory, edge, secure):
    file = directory / "ca.pem"
    file.write_text("nothing")
    running = edge({"app1": https(secure(), tls={"ca": str(file), "name": "app.internal"})}, workers=1)
    assert running.request().status == 503
    status, said = check(running.file)
    assert status != 0 and f"'{file}' has no usable certificate" in said
