"""Directories, files and addresses that are not what they should be neither stop nor hang a running proxy."""

import json
import os
import resource
import signal
import socket
import threading

import pytest

from support.edge import configure, install
from support.load import Load, get
from support.processes import eventually


def test_a_burst_of_reloads_and_rotations_under_load_costs_no_request(edge, scripted):
    running = edge({"app1": [scripted().address]})
    with Load(running, get("/")) as load:
        for _ in range(30):
            running.child.signal(signal.SIGHUP)
            running.child.signal(signal.SIGUSR1)
            load.wait_for(10)
    assert not load.failures


def test_a_reload_and_a_second_stop_do_not_disturb_a_drain(edge, scripted):
    go_on = threading.Event()

    def script(connection, request):
        assert go_on.wait(20)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nok")

    peer = scripted(script)
    running = edge({"app1": [peer.address]})
    with running.client() as client:
        client.send_request()
        peer.wait_for(1)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM, signal.SIGINT):
            running.child.signal(number)
        running.notifications.wait_for("STOPPING=1", running.child)
        go_on.set()
        assert client.read_response().body == b"ok"
    assert running.child.wait() == 0


@pytest.mark.parametrize("make", [
    lambda place: os.mkfifo(place / "pipe.pem"),
    lambda place: (place / "large.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\n" + b"A" * 50 * 2**20),
    lambda place: (place / "loop.pem").symlink_to("loop.pem"),
    lambda place: (place / "loop").symlink_to(place),
    lambda place: (place / "endless.pem").symlink_to("/dev/zero"),
    lambda place: (place / "dangling").symlink_to("nowhere"),
    lambda place: (place / "folder.pem").mkdir(),
    lambda place: (place / "odd\n\x1b[31m.pem").write_bytes(b"\0\xff" * 100),
    lambda place: [(place / f"empty{number}").mkdir() for number in range(300)],
], ids=["a pipe", "50 MiB", "a loop", "itself", "without end", "dangling", "a folder", "odd name", "300 folders"])
def test_strange_things_among_certificates_are_passed_over(edge, scripted, authority, make):
    running = edge({"app1": [scripted().address]})
    make(running.certificates)
    install(authority.issue("app1.example.test", "late.example.test"), running.certificates / "late")

    def served():
        with running.client() as client:
            return "late.example.test" in client.certificate

    eventually(served, "a certificate that came after it is served")
    running.reload()
    assert running.request().status == 200
    assert all("\x1b" not in line for line in running.child.lines)


def test_certificates_that_cannot_be_opened_for_now_stay_in_service(edge, scripted, authority):
    issued = {"app1": authority.issue("app1.example.test"), "app2": authority.issue("app2.example.test")}
    running = edge({"app1": [scripted().address]}, issued=issued, workers=1)
    names = running.child.descriptors
    inside = running.client()
    assert inside.request(path="/healthz").status == 200
    resource.prlimit(running.child.pid, resource.RLIMIT_NOFILE, (max(map(int, names)) + 1, 4096))
    waiting = [socket.create_connection(("127.0.0.1", running.port), 20) for _ in range(20)]
    running.child.wait_for_line("accepting")
    lines = len(running.child.lines)
    install(authority.issue("app1.example.test", "new.example.test"), running.certificates / "app1")
    install(issued["app2"], running.certificates / "app2")
    running.child.signal(signal.SIGHUP)
    running.child.wait_for_line("reload|refused|certificate", since=lines)
    assert inside.request(path="/healthz").status == 200
    resource.prlimit(running.child.pid, resource.RLIMIT_NOFILE, (4096, 4096))
    for connection in waiting:
        connection.close()

    def served(name):
        with running.client(name) as client:
            return client.certificate

    assert served("app2.example.test") == {"app2.example.test"}
    eventually(lambda: "new.example.test" in served("app1.example.test"), "the new certificate is served")
    inside.close()


@pytest.mark.parametrize("path", ["/nowhere/access.log", "/", "{directory}/pipe"])
def test_a_reload_to_a_log_that_cannot_be_opened_says_so_and_the_old_log_goes_on(edge, scripted, directory, path):
    os.mkfifo(directory / "pipe")
    running = edge({"app1": [scripted().address]})
    lines = len(running.child.lines)
    configuration = {**running.configuration, "log": {"access": path.format(directory=directory)}}
    running.file.write_text(json.dumps(configuration))
    running.child.signal(signal.SIGHUP)
    assert "log" in running.child.wait_for_line("open|log", since=lines)
    assert [running.request(path="/later").status for _ in range(10)] == [200] * 10
    eventually(lambda: running.access_log.read_text().count("/later") == 10, "the old log holds the requests")


def test_a_reload_to_an_address_that_is_taken_changes_nothing(edge, scripted):
    first, second = scripted(), scripted()
    running = edge({"app1": [first.address]})
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = "127.0.0.1:%d" % other.getsockname()[1]
        listen = {"https": [*running.configuration["listen"]["https"], taken]}
        lines = len(running.child.lines)
        running.write({**configure({"app1": [second.address]}), "listen": listen})
        running.child.signal(signal.SIGHUP)
        running.child.wait_for_line("old configuration goes on.*" + taken, since=lines)
        assert [running.request().status for _ in range(5)] == [200] * 5
    assert (len(first.requests), len(second.requests)) == (5, 0)
