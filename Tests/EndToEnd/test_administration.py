"""What administrators see and do over the admin socket, and what others cannot."""

import errno
import json
import os
import signal
import socket
import stat
import subprocess
import threading
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.admin import ask, command, connect, receive, status
from support.client import Cut
from support.edge import configure, reserve_port
from support.freezer import FrozenThread
from support.processes import PATIENCE, eventually
from support.uwsgi import answer


@pytest.fixture
def port():
    """A loopback port that is ours."""
    holder = reserve_port()
    yield holder.getsockname()[1]
    holder.close()


def samples(edge):
    """The metrics: name and labels to value."""
    response = ask(edge.admin, "/metrics")
    assert response.get("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    families = list(text_string_to_metric_families(response.body.decode()))
    assert all(family.documentation and family.type in ("counter", "gauge", "histogram") for family in families)
    found = {(each.name, *sorted(each.labels.items())): each.value for family in families for each in family.samples}
    assert len(found) == sum(len(family.samples) for family in families)
    return found


def node(edge, address):
    nodes = [each for upstream in status(edge)["upstreams"] for each in upstream["nodes"]]
    return next(each for each in nodes if each["address"] == address)


# What is told.


def test_the_status_of_a_server_that_serves(edge, scripted):
    peer = scripted()
    running = edge({"app1": [peer.address]})
    assert running.request().status == 200
    told = status(running)
    assert told["serving"] is True and told["health"] == "ok"
    assert told["server"]["node"] == "edge-test" and told["server"]["pid"] == running.child.pid
    assert told["server"]["last_reload"] is None
    assert told["port"]["https"] == "open" and told["port"]["addresses"] == [f"127.0.0.1:{running.port}"]
    eventually(lambda: sum(worker["requests"] for worker in status(running)["workers"]) == 1, "it is counted")
    assert [each["name"] for each in told["upstreams"]] == ["app1"]
    assert node(running, peer.address)["state"] == "up"
    (served,) = told["certificates"]["served"]
    assert served["names"] == ["*.example.test", "example.test"] and served["key"] in ("ecdsa", "rsa")
    assert served["not_before"] < told["server"]["started"] < served["not_after"] and served["days_left"] >= 0
    code, text, _ = command(running, "status")
    assert code == 0
    for word in ("serving", "edge-test", "open on", peer.address, "*.example.test"):
        assert word in text, text
    code, text, _ = command(running, "status", "--json")
    assert code == 0 and json.loads(text)["health"] == "ok"


def test_health_is_told_in_a_word(edge, scripted):
    running = edge({"app1": [scripted().address]})
    response = ask(running.admin, "/health")
    assert (response.status, response.body) == (200, b"ok\n")
    head = ask(running.admin, "/health", "HEAD")
    assert (head.status, head.body, head.get("Content-Length")) == (200, b"", "3")


def test_a_killed_backend_is_out_and_the_server_serves(edge, uwsgi):
    first, second = uwsgi(node="a"), uwsgi(node="b")
    running = edge({"app1": {"nodes": [first.address, second.address], "balance": "round-robin"}})
    first.kill()

    def is_out():
        assert running.request().status == 200
        return node(running, first.address)["state"] in ("out", "trial")

    eventually(is_out, "the killed node is out")
    dead = node(running, first.address)
    assert sum(dead["failures"].values()) >= 3
    assert dead["out_until"] is not None and node(running, second.address)["out_until"] is None
    found = samples(running)
    assert found["edgeproxy_node_up", ("node", first.address), ("upstream", "app1")] == 0
    assert found["edgeproxy_node_up", ("node", second.address), ("upstream", "app1")] == 1
    assert found["edgeproxy_retries_total",] >= 3
    code, text, _ = command(running, "status")
    assert code == 0 and ("out until" in text or "trial" in text), text


def test_a_server_with_nobody_to_ask_is_not_serving(edge, scripted):
    peer = scripted()
    running = edge({"app1": {"nodes": [peer.address], "hold": "0s"}})
    peer.stop()
    assert running.request().status == 503
    eventually(lambda: status(running)["health"] == "no-backend", "the missing backend is noticed")
    response = ask(running.admin, "/health")
    assert (response.status, response.body) == (503, b"no-backend\n")
    code, text, _ = command(running, "status")
    assert code == 1 and "not serving: no-backend" in text
    code, text, _ = command(running, "status", "--json")
    assert code == 1 and json.loads(text)["serving"] is False


def test_a_closed_port_tells_why(edge, scripted):
    peer = scripted()
    running = edge({"app1": [peer.address]}, listen={"close_when_unable": "always", "close_after": "50ms"})
    peer.stop()
    eventually(lambda: status(running)["port"]["https"] == "closed", "the port is closed")
    assert status(running)["port"]["reason"] == "no-backend"
    assert samples(running)["edgeproxy_https_port_open",] == 0
    assert "closed since" in command(running, "status")[1]


def test_a_refused_certificate_is_told_with_its_reason(edge, scripted):
    running = edge({"app1": [scripted().address]})
    (running.certificates / "broken.pem").write_text("nothing of use\n")
    (refused,) = eventually(lambda: status(running)["certificates"]["refused"], "the refusal is told")
    assert refused["source"].endswith("/broken.pem") and "no certificate" in refused["reason"]
    assert samples(running)["edgeproxy_certificates_refused",] == 1
    code, text, _ = command(running, "status")
    assert code == 0 and "refused certificates" in text and "broken.pem" in text
    (running.certificates / "broken.pem").unlink()
    eventually(lambda: not status(running)["certificates"]["refused"], "the refusal is over")


def test_hostile_names_stay_names(edge, scripted, wildcard):
    hostile = 'a"} 1\nedgeproxy_fake 1\\\x1b[2J\u202e'
    running = edge({"app1": [scripted().address]})
    (running.certificates / f"{hostile}.pem").write_text("nothing of use\n")
    good = wildcard.chain.read_text() + wildcard.key.read_text()
    (running.certificates / f"0{hostile}.pem").write_text(good)
    eventually(lambda: status(running)["certificates"]["refused"], "the refusal is told")
    told = status(running)["certificates"]
    assert told["refused"][0]["source"].endswith(f"/{hostile}.pem")
    found = samples(running)
    assert not [key for key in found if "fake" in key[0]]
    sources = [value for key in found if key[0] == "edgeproxy_certificate_not_after_seconds" for value in key[1:]]
    assert any('a"} 1\nedgeproxy_fake 1\\\ufffd[2J' in value for _, value in sources), sources
    text = command(running, "status")[1]
    assert "\x1b" not in text and "\u202e" not in text and "\\u{1b}" in text


def test_metrics_count_what_happens(edge, scripted):
    running = edge({"app1": [scripted().address]}, timeouts={"keep_alive": "60s"})
    with running.client() as client:
        for _ in range(3):
            assert client.request("GET", "/").status == 200
        assert client.request("POST", "/", body=b"x" * 1000).status == 200
        found = samples(running)
        assert sum(value for key, value in found.items() if key[0] == "edgeproxy_connections") == 1
    assert running.request(name="nobody.example.test").status == 404
    # A request counts when it has ended, just after its answer is out.
    eventually(lambda: samples(running)["edgeproxy_requests_total", ("code", "4xx")] == 1, "the 404 is counted")
    found = samples(running)
    assert found["edgeproxy_requests_total", ("code", "2xx")] == 4
    assert found["edgeproxy_connections_total",] == 2
    assert found["edgeproxy_request_body_bytes_total",] == 1000
    assert found["edgeproxy_response_body_bytes_total",] > 0
    assert (found["edgeproxy_tries_total",], found["edgeproxy_retries_total",]) == (4, 0)
    assert found["edgeproxy_info", ("node", "edge-test"), ("version", found_version(running))] == 1
    ends = [value for key, value in found.items() if key[0] == "edgeproxy_certificate_not_after_seconds"]
    assert ends and min(ends) > time.time()
    lint = subprocess.run(["promtool", "check", "metrics"], input=ask(running.admin, "/metrics").body, capture_output=True)
    assert (lint.returncode, lint.stdout, lint.stderr) == (0, b"", b"")


def found_version(edge):
    return status(edge)["server"]["version"]


def test_what_a_limit_refuses_is_counted(edge, scripted):
    running = edge({"app1": [scripted().address]}, workers=1, limits={"connections": 2})
    with running.client(), running.client():
        refused = socket.create_connection(("127.0.0.1", running.port))
        assert refused.recv(1) == b""
        refused.close()
    assert samples(running)["edgeproxy_refused_total", ("limit", "connections")] == 1


def test_requests_that_wait_are_counted(edge, scripted):
    peer = scripted()
    running = edge({"app1": {"nodes": [peer.address], "hold": "30s"}})
    peer.stop()
    with running.client() as client:
        client.send_request("GET", "/")

        def held():
            return sum(worker["held"] for worker in status(running)["workers"]) == 1

        eventually(held, "the request is held")
        assert samples(running)["edgeproxy_held_total",] == 1


def test_the_status_comes_while_a_worker_is_frozen(edge, scripted, ending):
    running = edge({"app1": [scripted().address]}, workers=2)
    frozen = FrozenThread(running.child.pid, "worker-1")
    ending.append(frozen)

    def silence():
        return status(running)["workers"][1]["silent_seconds"] >= 4

    eventually(silence, "the silence is told")
    assert status(running)["workers"][0]["silent_seconds"] < 4
    assert "silent for" in command(running, "status")[1]
    assert samples(running)["edgeproxy_worker_silence_seconds", ("worker", "1")] >= 4
    frozen.end()
    eventually(lambda: status(running)["workers"][1]["silent_seconds"] < 2, "it turns again")


# Commands.


def test_a_reload_answers_with_the_mistakes_or_ok(edge, scripted):
    first, second = scripted(), scripted()
    running = edge({"app1": [first.address]})
    running.file.write_text(json.dumps({**running.configuration, "colour": "red", "timeouts": {"head": "soon"}}))
    code, text, _ = command(running, "reload")
    assert code == 1
    for word in (str(running.file), "colour", "soon", "2 errors", "old configuration goes on"):
        assert word in text, text
    told = status(running)["server"]["last_reload"]
    assert told["ok"] is False and any("colour" in line for line in told["messages"])
    assert samples(running)["edgeproxy_last_reload_successful",] == 0
    running.write(configure({"app1": [first.address], "app2": [second.address]}))
    code, text, _ = command(running, "reload")
    assert (code, text) == (0, "reloaded\n")
    assert running.request(name="app2.example.test").status == 200
    assert status(running)["server"]["last_reload"]["ok"] is True


def test_the_result_of_a_signalled_reload_is_kept(edge, scripted):
    running = edge({"app1": [scripted().address]})
    running.reload()
    assert status(running)["server"]["last_reload"]["ok"] is True


def refused(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


def test_a_drained_server_stays_until_it_is_put_back(edge, scripted):
    running = edge({"app1": [scripted().address]})
    assert running.request().status == 200
    code, text, _ = command(running, "drain")
    assert code == 0 and text.splitlines()[0] == "draining" and text.splitlines()[-1] == "drained"
    assert refused(running.port)
    with running.plain_client() as monitor:
        response = monitor.request(path="/healthz")
        assert (response.status, response.body) == (503, b"draining\n")
    assert ask(running.admin, "/drain").body == b"drained\n"
    # A reload changes nothing about it.
    assert command(running, "reload")[0] == 0
    assert refused(running.port) and status(running)["health"] == "draining"
    code, text, _ = command(running, "undrain")
    assert (code, text) == (0, "serving\n")
    eventually(lambda: not refused(running.port), "the port is open")
    assert running.request().status == 200 and status(running)["health"] == "ok"
    assert command(running, "undrain") == (1, "it was not taken out\n", "")


def test_a_drain_waits_for_what_is_under_way(edge, scripted):
    released = threading.Event()

    def wait(connection, request):
        released.wait(PATIENCE)
        connection.sendall(answer())

    gate = scripted(wait)
    running = edge({"app1": [gate.address]})
    with running.client() as client:
        client.send_request("POST", "/", body=b"x")
        gate.wait_for(1)
        assert command(running, "drain", "--no-wait") == (0, "draining\n", "")
        eventually(lambda: refused(running.port), "the port is closed")
        told = status(running)
        assert (told["health"], told["port"]["https"]) == ("draining", "closed")
        code, text, _ = command(running, "status")
        assert code == 1 and "not serving: draining" in text
        assert ask(running.admin, "/drain").body.startswith(b"draining, ")
        released.set()
        response = client.read_response()
        assert (response.status, response.get("Connection")) == (200, "close")
    eventually(lambda: ask(running.admin, "/drain").body == b"drained\n", "nothing is left")


def test_what_a_drain_leaves_is_cut_in_the_end(edge, scripted):
    gate = scripted(lambda connection, request: connection.recv(1))
    running = edge({"app1": [gate.address]}, timeouts={"drain": "300ms"})
    with running.client() as client:
        client.send_request("POST", "/", body=b"x")
        gate.wait_for(1)
        code, text, _ = command(running, "drain")
        assert code == 0 and text.endswith("drained\n")
        with pytest.raises(Cut):
            client.read_response()
    assert command(running, "undrain")[0] == 0
    eventually(lambda: not refused(running.port), "the port is open")


def test_a_drained_server_ends_when_it_is_told_to(edge, scripted):
    running = edge({"app1": [scripted().address]})
    assert command(running, "drain")[0] == 0
    running.drain()
    assert running.child.wait() == 0
    assert not running.admin.exists()


def test_nobody_there_is_told_with_the_address(edge, scripted):
    running = edge({"app1": [scripted().address]})
    running.drain()
    assert running.child.wait() == 0
    for word in ("status", "reload", "drain", "undrain"):
        code, _, error = command(running, word)
        assert code == 69 and str(running.admin) in error, error
    running.write({**configure({"app1": ["127.0.0.1:1"]}), "listen": {"admin": "off"}})
    code, _, error = command(running, "status")
    assert code == 69 and "'listen.admin' is off" in error


# Who may.


def test_the_socket_is_for_owner_and_group(edge, scripted):
    running = edge({"app1": [scripted().address]})
    assert stat.S_IMODE(os.stat(running.admin).st_mode) == 0o660
    if os.geteuid() == 0:
        assert not can_connect_as(running.admin, 65534)


def can_connect_as(path, user):
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
            connect(path)
            os._exit(0)
        except PermissionError:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_the_port_tells_programs_and_refuses_web_pages_and_commands(edge, scripted, port):
    running = edge({"app1": [scripted().address]}, listen={"admin": f"127.0.0.1:{port}"})
    here = ("127.0.0.1", port)
    good = ("Host", f"127.0.0.1:{port}")
    assert ask(here, "/status", fields=[good]).status == 200
    assert ask(here, "/status", fields=[("Host", "attacker.example")]).status == 403
    assert ask(here, "/status", fields=[good, ("Origin", "https://attacker.example")]).status == 403
    assert ask(here, "/status", fields=[good, ("origin", "null")]).status == 403
    for target in ("/drain", "/undrain", "/reload"):
        assert ask(here, target, "POST", [good]).status == 405
        code, text, _ = command(running, target[1:])
        assert code == 1 and "unix socket" in text
    assert command(running, "status")[0] == 0
    assert running.request().status == 200


# What may be in the way.


def test_a_socket_that_a_killed_server_left_is_replaced(edge, scripted):
    running = edge({"app1": [scripted().address]})
    running.child.kill()
    assert running.admin.exists()
    running.start()
    assert status(running)["server"]["pid"] == running.child.pid


def test_two_servers_with_one_socket_both_serve_and_the_second_takes_over(edge, scripted):
    first = edge({"app1": [scripted().address]})
    second = edge({"app1": [scripted().address]}, listen={"admin": f"unix:{first.admin}"})
    second.child.wait_for_line("no administration.*in use")
    assert second.request().status == 200
    assert status(first)["server"]["pid"] == first.child.pid
    first.drain()
    assert first.child.wait() == 0
    second.admin = first.admin
    eventually(lambda: second.admin.exists(), "the second has the socket")
    assert status(second)["server"]["pid"] == second.child.pid


def test_a_socket_that_cannot_be_made_is_a_warning(edge, scripted, directory):
    running = edge({"app1": [scripted().address]}, listen={"admin": f"unix:{directory}/no/such/admin.sock"})
    running.child.wait_for_line("warning no administration")
    assert running.request().status == 200


def test_a_reload_moves_the_socket(edge, scripted, directory):
    peer = scripted()
    running = edge({"app1": [peer.address]})
    old, running.admin = running.admin, directory / "other.sock"
    running.reload(configure({"app1": [peer.address]}))
    assert status(running)["serving"] is True
    assert not old.exists()
    with pytest.raises(OSError) as raised:
        connect(old)
    assert raised.value.errno == errno.ENOENT


# Clients that are slow or mad.

GARBAGE = [
    b"\x00" * 100 + b"\n", b"\x16\x03\x01\x02\x00\r\n", b"GET /status\r\n\r\n", b"GET /status HTTP/2.0\r\n\r\n",
    b"GET /status HTTP/1.1\r\n\r\n\r\n" * 3, b"GET /" + b"x" * 3000 + b" HTTP/1.1\r\n\r\n",
    b"GET /status HTTP/1.1\r\n" + b"X: y\r\n" * 100 + b"\r\n",
    b"GET /status HTTP/1.1\r\nX: " + b"y" * 9000 + b"\r\n\r\n",
    b"POST /drain HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", b"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n",
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_refused_and_nothing_else_happens(edge, scripted, garbage):
    running = edge({"app1": [scripted().address]}, workers=1)
    with connect(running.admin) as connection:
        connection.sendall(garbage)
        # Three requests at once are one and something behind it.
        expected = (200,) if garbage.endswith(b"\r\n\r\n\r\n") else (400, 404, 413, 431)
        assert receive(connection).status in expected
    assert status(running)["serving"] is True


def test_a_client_that_never_stops_sending_is_cut(edge, scripted):
    running = edge({"app1": [scripted().address]})
    connection = connect(running.admin)
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        connection.sendall(b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n" + b"y" * (16 << 20))
    connection.close()
    assert status(running)["serving"] is True


def test_a_client_that_takes_nothing_delays_nobody(edge, scripted):
    peers = {f"app{number}": [scripted().address] for number in range(1, 3)}
    running = edge(peers)
    greedy = [connect(running.admin) for _ in range(10)]
    for connection in greedy:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    running.child.signal(signal.SIGHUP)
    running.child.wait_for_line("reloaded")
    assert status(running)["serving"] is True
    for connection in greedy:
        connection.close()
