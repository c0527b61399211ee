"""Proxies in front whose word counts, and clients that ask too often."""

import json

import pytest

TRUSTED = ["127.0.0.0/8", "10.0.0.0/8"]
SAID = [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "192.0.2.9, 10.0.0.3"), ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Host", "shop.example.org"), ("X-Request-ID", "trace-1"), ("Forwarded", "for=6.6.6.6"),
        ("X-Real-IP", "6.6.6.6"), ("X-Forwarded-Server", "evil")]


def logged(running):
    running.drain()
    running.child.wait()
    return running.access_entries()


def test_a_trusted_proxy_is_believed(edge, scripted):
    peer = scripted()
    running = edge({"app1": [peer.address]}, trusted=TRUSTED)
    assert running.request(headers=SAID).status == 200
    told = peer.requests[0].environ
    assert told["HTTP_X_FORWARDED_FOR"] == "6.6.6.6, 192.0.2.9, 10.0.0.3, 127.0.0.1"
    assert told["REMOTE_ADDR"] == "192.0.2.9"
    assert "REMOTE_PORT" not in told
    assert (told["HTTP_X_FORWARDED_PROTO"], told["UWSGI_SCHEME"], told["REQUEST_SCHEME"]) == ("http",) * 3
    assert "HTTPS" not in told
    assert (told["HTTP_X_FORWARDED_HOST"], told["HTTP_HOST"]) == ("shop.example.org", "app1.example.test")
    assert told["HTTP_X_REQUEST_ID"] == "trace-1"
    for name in ("HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_X_FORWARDED_SERVER"):
        assert name not in told
    entry, = logged(running)
    assert (entry["client"], entry["id"]) == ("192.0.2.9", "trace-1")


def test_an_application_over_http_is_told_the_same(edge, web):
    peer = web()
    running = edge({"app1": {"protocol": "http", "nodes": [peer.address]}}, trusted=TRUSTED)
    assert running.request(headers=SAID).status == 200
    told = {name.lower(): value for name, value in peer.requests[0].headers}
    assert told["x-forwarded-for"] == "6.6.6.6, 192.0.2.9, 10.0.0.3, 127.0.0.1"
    assert (told["x-forwarded-proto"], told["x-forwarded-host"]) == ("http", "shop.example.org")
    assert told["x-request-id"] == "trace-1"
    assert "forwarded" not in told and "x-forwarded-server" not in told


@pytest.mark.parametrize("name", [None, "app1.example.test"])
@pytest.mark.parametrize("trusted, statuses", [(TRUSTED, [200, 200, 404]), (["10.0.0.0/8"], [200, 421, 421])])
def test_a_trusted_proxy_has_all_hosts_answered_whatever_server_it_named(edge, scripted, name, trusted, statuses):
    running = edge({"app1": [scripted().address]}, trusted=trusted,
                   routes=[{"host": host, "upstream": "app1"} for host in ("app1.example.test", "shop.example.org")])
    with running.client(name) as client:
        assert [client.request(host=host).status
                for host in ("app1.example.test", "shop.example.org", "none.example.org")] == statuses


def test_a_list_of_addresses_may_have_empty_elements(edge, scripted):
    peer = scripted()
    running = edge({"app1": [peer.address]}, trusted=TRUSTED)
    assert running.request(headers=[("X-Forwarded-For", "192.0.2.9:51234, , 10.0.0.3,")]).status == 200
    told = peer.requests[0].environ
    assert (told["REMOTE_ADDR"], told["HTTP_X_FORWARDED_FOR"]) == ("192.0.2.9", "192.0.2.9:51234, 10.0.0.3, 127.0.0.1")


def test_what_a_trusted_proxy_does_not_say_is_ours(edge, scripted):
    peer = scripted()
    running = edge({"app1": [peer.address]}, trusted=TRUSTED)
    with running.client() as client:
        port = client.socket.getsockname()[1]
        assert client.request(headers=SAID).status == 200
        assert client.request().status == 200
    told = peer.requests[1].environ
    assert (told["REMOTE_ADDR"], told["REMOTE_PORT"]) == ("127.0.0.1", str(port))
    assert (told["HTTP_X_FORWARDED_FOR"], told["HTTP_X_FORWARDED_PROTO"]) == ("127.0.0.1", "https")
    assert (told["HTTP_X_FORWARDED_HOST"], told["HTTPS"]) == ("app1.example.test", "on")
    assert len(told["HTTP_X_REQUEST_ID"]) == 32
    assert [entry["client"] for entry in logged(running)] == ["192.0.2.9", "127.0.0.1"]


def test_connection_cannot_take_away_what_a_trusted_proxy_says(edge, scripted):
    peer = scripted()
    running = edge({"app1": [peer.address]}, trusted=TRUSTED)
    running.request(headers=[("Connection", "X-Forwarded-For"), ("X-Forwarded-For", "192.0.2.9")])
    told = peer.requests[0].environ
    assert (told["REMOTE_ADDR"], told["HTTP_X_FORWARDED_FOR"]) == ("192.0.2.9", "192.0.2.9, 127.0.0.1")


def test_nobody_is_trusted_for_being_near(edge, scripted):
    peer = scripted()
    running = edge({"app1": [peer.address]}, trusted=["192.0.2.0/24", "::/0"])
    running.request(headers=SAID)
    told = peer.requests[0].environ
    assert (told["REMOTE_ADDR"], told["HTTP_X_FORWARDED_FOR"]) == ("127.0.0.1", "127.0.0.1")
    assert told["HTTP_X_REQUEST_ID"] != "trace-1"


LIMITS = {"requests_per_address": {"rate": 1, "burst": 3}}


def test_a_client_that_asks_too_often_is_told_when_to_come_again(edge, scripted):
    peer = scripted()
    running = edge({"app1": [peer.address]}, limits=LIMITS)
    answers = [running.request(headers=[("Accept", "application/json")]) for _ in range(10)]
    # One connection each, so that the workers share them.
    statuses = [answer.status for answer in answers]
    assert statuses[:3] == [200] * 3 and 429 in statuses[3:5], statuses
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.get("Retry-After") == "1"
    assert json.loads(refused.body)["reason"] == "rate-limit"
    assert len(peer.requests) == statuses.count(200) < 10
    # Monitors are not clients.
    assert running.request(path="/healthz").status == 200
    causes = [entry.get("cause") for entry in logged(running) if entry["status"] == 429]
    assert set(causes) == {"rate-limit"}


def test_a_refused_client_recovers(edge, scripted):
    running = edge({"app1": [scripted().address]},
                   limits={"requests_per_address": {"rate": 100, "burst": 1}}, workers=1)
    with running.client() as client:
        statuses = []
        while len(statuses) < 2000 and (429 not in statuses or statuses[-1] != 200):
            statuses.append(client.request().status)
        assert statuses[-1] == 200 and 429 in statuses
        # A refused upload ends the connection, an ordinary request does not.
        assert set(statuses) == {200, 429}


def test_the_clients_of_a_trusted_proxy_are_counted_each_for_itself(edge, scripted):
    running = edge({"app1": [scripted().address]}, limits=LIMITS, trusted=TRUSTED)

    def ask(address):
        return running.request(headers=[("X-Forwarded-For", address)]).status

    assert 429 in [ask("192.0.2.1") for _ in range(8)]
    assert ask("192.0.2.2") == 200
    assert 429 in [ask(f"2001:db8::{number}") for number in range(8)]
    assert ask("2001:db8:0:1::") == 200
    # Networks that are trusted have no limit.
    assert {running.request().status for _ in range(8)} == {200}
    assert {ask("10.1.1.1") for _ in range(8)} == {200}


def test_a_route_has_a_rate_of_its_own(edge, scripted):
    peer = scripted()
    routes = [{"host": "app1.example.test", "upstream": "app1"},
              {"host": "app1.example.test", "path": "/login", "upstream": "app1", **LIMITS}]
    running = edge({"app1": [peer.address]}, routes=routes)
    assert 429 in [running.request(path="/login").status for _ in range(8)]
    assert {running.request().status for _ in range(8)} == {200}
    assert "route-rate-limit" in [entry.get("cause") for entry in logged(running)]


def test_connections_of_trusted_networks_are_not_counted(edge, scripted):
    running = edge({"app1": [scripted().address]}, trusted=TRUSTED, limits={"connections_per_address": 1}, workers=1)
    with running.client() as first, running.client() as second:
        assert first.request().status == second.request().status == 200


@pytest.mark.parametrize("value, message", [
    (["10.0.0.1/8"], "did you mean '10.0.0.0/8'?"), (["lots"], "a network such as"), ("10.0.0.0/8", "a list of networks"),
])
def test_a_network_that_is_none_is_a_mistake(edge, scripted, value, message):
    running = edge({"app1": [scripted().address]})
    running.write({**running.configuration, "trusted": value})
    from support.edge import check
    status, output = check(running.file)
    assert status == 1 and message in output
