"""Addresses that cannot be listened on: they are told, tried again, and leave the others alone."""

import json
import socket
import subprocess

import pytest

from support import REPOSITORY
from support.admin import ask as ask_admin, command, status
from support.edge import binary, check
from support.processes import eventually
from support.tcp import ScriptedTCP, ask, echo, reserve_port

SHIM = REPOSITORY / "Tests/EndToEnd/support/no_ipv6.c"


@pytest.fixture
def taken():
    """The address of a port at which another process listens; it lets go of it when it is closed."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other


@pytest.fixture(scope="session")
def without_ipv6(tmp_path_factory):
    """The environment of a program whose kernel has no IPv6."""
    library = tmp_path_factory.mktemp("ipv6") / "no_ipv6.so"
    subprocess.run(["gcc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", library, SHIM], check=True)
    return {"LD_PRELOAD": str(library)}


def address(other):
    return "127.0.0.1:%d" % other.getsockname()[1]


def faults(running):
    return [each["key"] for each in status(running)["warning_details"]]


def test_a_port_that_another_process_has_leaves_the_others_serving(edge, scripted, taken):
    wanted = address(taken)
    running = edge({"app1": [scripted().address]})
    running.drain()
    assert running.child.wait() == 0
    running.write({**running.configuration, "listen": {"http": [f"127.0.0.1:{running.http_port}", wanted]}})
    running.notifications.drain()
    running.start()
    assert running.request().status == 200
    assert running.plain_client().request("GET", "/healthz").status == 200
    told = status(running)
    (fault,) = told["warning_details"]
    assert fault["key"] == f"listen http {wanted}" and "Address already in use" in fault["text"]
    assert "ss -ltnp" in fault["advice"] and fault["since"].endswith("Z")
    assert any(wanted in warning for warning in told["warnings"])
    assert {each["address"]: each["open"] for each in told["port"]["listeners"]}[wanted] is False
    metrics = ask_admin(running.admin, "/metrics").body.decode()
    assert f'edgeproxy_listener_up{{protocol="http",address="{wanted}"}} 0' in metrics
    line = running.child.wait_for_line(" serving ")
    assert f"https 127.0.0.1:{running.port}" in line and wanted in line.partition("not_listening=")[2]
    # Nothing is told again and again.
    assert running.child.text.count(f"cannot listen on {wanted}") == 1
    taken.close()
    eventually(lambda: faults(running) == [], "the port is taken over")
    with socket.create_connection(("127.0.0.1", int(wanted.rpartition(":")[2]))) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 200")


def test_a_kernel_without_ipv6_serves_over_ipv4(edge, scripted, without_ipv6):
    ports = [reserve_port() for _ in range(2)]
    https, http = (holder.getsockname()[1] for holder in ports)
    for holder in ports:
        holder.close()
    running = edge({"app1": [scripted().address]}, environment=without_ipv6, listen={
        "https": [f"127.0.0.1:{https}", f"[::]:{https}"], "http": [f"127.0.0.1:{http}", f"[::]:{http}"]})
    running.port = https
    assert running.request().status == 200
    assert faults(running) == [f"listen http [::]:{http}", f"listen https [::]:{https}"]
    code, text = check(running.file, without_ipv6)
    assert code == 0 and f"warning: this kernel has no IPv6, so '[::]:{https}'" in text and text.endswith("ok\n")
    # A reload changes nothing about it, and is no failure.
    assert command(running, "reload")[0] == 0


def test_an_edge_may_pass_on_tcp_sessions_alone(edge, ending):
    database, holder = ScriptedTCP(echo), reserve_port()
    ending.append(database)
    port = holder.getsockname()[1]
    routes = [{"host": "app1.example.test", "respond": {}}]
    running = edge({"db": {"protocol": "tcp", "nodes": [database.address]}}, routes=routes, listen={
        "https": [], "http": [], "tcp": [{"address": f"127.0.0.1:{port}", "upstream": "db"}]})
    running.holders.append(holder)
    assert ask(port) == b"hello"
    code, text, _ = command(running, "status")
    assert code == 0 and "not serving" not in text
    line = running.child.wait_for_line(" serving ")
    assert f"tcp 127.0.0.1:{port}" in line and "https" not in line
    # Nothing has to be written down that is not there.
    document = {**running.configuration}
    del document["routes"], document["certificates"]
    running.file.write_text(json.dumps(document))
    code, text = check(running.file)
    assert code == 0, text
    assert command(running, "reload")[:2] == (0, "reloaded\n")
    assert status(running)["warnings"] == []


def test_the_log_does_not_say_that_https_is_served_without_a_certificate(edge, scripted):
    running = edge({"app1": [scripted().address]}, certificates={"directory": "/nonexistent"})
    line = running.child.wait_for_line(" serving ")
    assert "https_closed=no-certificate" in line and f"http 127.0.0.1:{running.http_port}" in line
    assert f"https 127.0.0.1:{running.port}" not in line


@pytest.mark.parametrize("mistake", ["unknown: 1", "etcd: {endpoints: ['http://127.0.0.1:1'], encryption_keys: /nowhere}"])
def test_a_mistake_that_no_restart_heals_has_an_exit_status_of_its_own(directory, mistake):
    file = directory / "edge.yaml"
    file.write_text(f"state: {directory}/state\nroutes: [{{host: a.example.test, respond: {{}}}}]\n{mistake}\n")
    done = subprocess.run([binary(), "--config", file], capture_output=True, text=True, timeout=20)
    assert done.returncode == 78, done.stderr
