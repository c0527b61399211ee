"""The port is open exactly while this server can serve."""

import errno
import socket

from support.processes import eventually


def is_open(port):
    with socket.socket() as probe:
        code = probe.connect_ex(("127.0.0.1", port))
        assert code in (0, errno.ECONNREFUSED), errno.errorcode[code]
        return code == 0


def test_the_port_closes_while_nothing_can_be_served_and_opens_again(edge, scripted):
    peer = scripted()
    running = edge(
        {"app1": {"nodes": [peer.address], "hold": "100ms"}},
        listen={"close_when_unable": "always", "close_after": "200ms", "open_after": "200ms"})
    eventually(lambda: is_open(running.port), "the port opens")
    assert running.request().status == 200
    peer.stop()
    assert running.request().status == 503
    eventually(lambda: not is_open(running.port), "the port closes")
    with running.plain_client() as monitor:
        response = monitor.request(path="/healthz")
        assert (response.status, response.body.strip()) == (503, b"no-backend")
    peer.start()
    eventually(lambda: is_open(running.port), "the port opens again")
    assert running.request().status == 200


def test_a_lone_server_keeps_its_port_open_and_answers_503(edge, scripted):
    peer = scripted()
    peer.stop()
    running = edge({"app1": {"nodes": [peer.address], "hold": "50ms"}},
                   listen={"close_after": "50ms"})
    for _ in range(5):
        assert running.request().status == 503


def test_the_port_stays_closed_until_there_is_a_certificate(edge, scripted, authority):
    expired = authority.issue("*.example.test", begins=-3, ends=-1)
    running = edge({"app1": [scripted().address]}, issued={"expired": expired}, wait=False)
    eventually(lambda: is_open(running.http_port), "the plain port opens")
    with running.plain_client() as monitor:
        response = monitor.request(path="/healthz")
        assert (response.status, response.body.strip()) == (503, b"no-certificate")
    assert not is_open(running.port)
