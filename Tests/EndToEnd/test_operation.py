"""What operators do: rotate logs, change the configuration, renew certificates, start twice, stop."""

import json
import os
import shutil
import signal
import threading

from support.edge import binary, configure, install
from support.load import Load, get
from support.processes import Child, eventually
from support.uwsgi import answer


def test_a_renamed_log_is_left_and_a_new_one_begun(edge, scripted):
    running = edge({"app1": [scripted().address]})
    old = running.access_log.with_suffix(".1")
    assert running.request(path="/old").status == 200
    running.access_log.rename(old)
    running.child.signal(signal.SIGUSR1)
    eventually(running.access_log.exists, "a new log is there")
    assert running.request(path="/new").status == 200
    eventually(lambda: "/new" in running.access_log.read_text(), "the new request is in the new log")
    assert "/old" in old.read_text() and "/new" not in old.read_text()


def test_no_line_is_lost_while_logs_rotate_under_load(edge, scripted):
    running = edge({"app1": [scripted().address]})
    logs = [running.access_log.with_suffix(f".{number}") for number in range(5)]
    with Load(running, get()) as load:
        for log in logs:
            load.wait_for(100)
            running.access_log.rename(log)
            running.child.signal(signal.SIGUSR1)
            eventually(running.access_log.exists, "a new log is there")
    running.drain()
    assert running.child.wait() == 0
    entries = [json.loads(line) for log in (*logs, running.access_log) for line in log.read_text().splitlines()]
    assert not load.failures
    assert len(entries) == load.answered


def test_a_broken_reload_names_every_mistake_and_changes_nothing(edge, scripted):
    running = edge({"app1": [scripted().address]})
    broken = {**running.configuration, "timeouts": {"head": "soon"}, "limits": {"fields": 5}, "colour": "red",
              "routes": [{"host": "app1.example.test", "upstream": "nobody"}]}
    lines = len(running.child.lines)
    running.file.write_text(json.dumps(broken))
    running.child.signal(signal.SIGHUP)
    running.child.wait_for_line("old configuration goes on", since=lines)
    told = "\n".join(running.child.lines[lines:])
    for word in ("soon", "fields", "colour", "nobody"):
        assert word in told, told
    assert running.request().status == 200
    for text in ("", "{", "\0", "routes: [\n"):
        lines = len(running.child.lines)
        running.file.write_text(text)
        running.child.signal(signal.SIGHUP)
        running.child.wait_for_line("old configuration goes on", since=lines)
    running.file.unlink()
    lines = len(running.child.lines)
    running.child.signal(signal.SIGHUP)
    running.child.wait_for_line("old configuration goes on", since=lines)
    assert running.request().status == 200


def test_a_reload_adds_a_listener_and_a_route_and_takes_them_away_again(edge, scripted):
    first, second = scripted(), scripted(lambda connection, request: connection.sendall(answer(b"second")))
    running = edge({"app1": [first.address]})
    assert running.request(name="app2.example.test").status == 404
    listen = running.configuration["listen"]
    more = {"https": [*listen["https"], "127.0.0.2:%d" % running.port]}
    with running.client() as old:
        assert old.request().status == 200
        running.reload({**configure({"app1": [first.address], "app2": [second.address]}), "listen": more})
        assert old.request().status == 200
        with running.client("app2.example.test", address="127.0.0.2") as client:
            assert client.request().body == b"second"
            running.reload(configure({"app1": [first.address]}))
            assert client.request(path="/open").status == 404
        assert old.request().status == 200

    def refused():
        try:
            running.client(address="127.0.0.2").close()
        except OSError:
            return True

    eventually(refused, "the listener is closed")
    assert running.request().status == 200


def test_bad_half_and_good_pairs_under_load_drop_nothing(edge, scripted, authority):
    running = edge({"app1": [scripted().address]},
                   issued={"app1": authority.issue("app1.example.test", "old.example.test")})
    place = running.certificates / "app1"
    new = authority.issue("app1.example.test", "new.example.test")

    def fresh(client, number):
        """One request on a connection of its own for every second one."""
        if number % 2:
            return client.request()
        return running.request()

    def served():
        with running.client() as client:
            return client.certificate

    with Load(running, fresh, threads=4) as load:
        load.wait_for(50)
        lines = len(running.child.lines)
        (place / "fullchain.pem").write_bytes(new.chain.read_bytes())
        running.child.wait_for_line("refused.*app1", since=lines)
        load.wait_for(50)
        (place / "privkey.pem").write_bytes(new.key.read_bytes()[:40])
        (place / "fullchain.pem").write_bytes(b"")
        load.wait_for(50)
        assert "old.example.test" in served()
        install(new, place)
        eventually(lambda: "new.example.test" in served(), "the new certificate is served")
        shutil.rmtree(place)
        load.wait_for(50)
    assert not load.failures


def test_a_second_proxy_on_the_same_ports_does_not_start_and_says_why(edge, scripted):
    running = edge({"app1": [scripted().address]})
    second = Child([binary(), "--config", running.file, "--workers", 1], {**os.environ, "NOTIFY_SOCKET": ""})
    try:
        assert second.wait() != 0
        assert f"127.0.0.1:{running.http_port}" in second.text and "in use" in second.text, second.text
    finally:
        second.end()
    assert [running.request().status for _ in range(10)] == [200] * 10


def test_a_start_on_an_https_port_that_somebody_else_has_ends_with_its_name(directory, edge, scripted):
    running = edge({"app1": [scripted().address]})
    listen = {**running.configuration["listen"], "http": []}
    (directory / "second.yaml").write_text(json.dumps({**running.configuration, "listen": listen}))
    second = Child([binary(), "--config", directory / "second.yaml", "--workers", 1],
                   {**os.environ, "NOTIFY_SOCKET": ""})
    try:
        assert second.wait() == 1
        assert f"cannot listen on 127.0.0.1:{running.port}" in second.text
    finally:
        second.end()
    assert [running.request().status for _ in range(10)] == [200] * 10


def test_a_drain_finishes_a_slow_answer_and_closes_what_is_idle(edge, scripted):
    go_on = threading.Event()

    def script(connection, request):
        if request.environ["PATH_INFO"] != "/slow":
            return connection.sendall(answer())
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nfirst")
        assert go_on.wait(20)
        connection.sendall(b"x" * 2**20)

    running = edge({"app1": [scripted(script).address]})
    with running.client() as idle, running.client() as client:
        assert idle.request().status == 200
        client.send_request(path="/slow")
        client.read_head()
        assert client.read_chunk() == b"first"
        running.drain()
        running.notifications.wait_for("STOPPING=1", running.child)
        assert idle.at_end()
        go_on.set()
        assert sum(len(part) for part in iter(client.read_chunk, b"")) == 2**20
        assert client.at_end()
    assert running.child.wait() == 0


def test_a_drain_that_takes_too_long_cuts_what_is_left_and_ends_well(edge, scripted):
    over = threading.Event()
    peer = scripted(lambda connection, request: over.wait(20))
    running = edge({"app1": [peer.address]}, timeouts={"drain": "200ms"})
    with running.client() as client:
        client.send_request()
        peer.wait_for(1)
        running.drain()
        assert client.at_end()
    assert running.child.wait() == 0
    assert "cut" in running.child.text
    over.set()
