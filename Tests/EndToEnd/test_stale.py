"""The last good answer in the place of an error, as visitors of a site see it whose application is down."""

import json
import re
import subprocess

import pytest

from support import REPOSITORY, http2
from support.admin import ask, command, status
from support.authority import Authority
from support.client import Client, client_context
from support.pages import blocks
from support.processes import eventually
from support.uwsgi import answer

PAGE = b"".join(b"<li>Number %d of a long list</li>\n" % number for number in range(300))
# A member of Cache-Status as we write it, in the grammar of RFC 8941: a token and its parameters.
CACHE_STATUS = re.compile(r"EdgeProxy; hit; ttl=-?\d{1,15}; detail=[a-z*][a-z0-9-]*")


@pytest.fixture
def site(edge, scripted):
    """site(script, **configuration): an edge whose routes keep answers, and the one application."""

    def make(script=None, route=None, hosts=("app1.example.test",), upstream=None, **configuration):
        peer = scripted(script or (lambda connection, request: connection.sendall(answer(PAGE))))
        routes = [{"host": host, "upstream": "app1", "stale_if_error": "1h", **(route or {})} for host in hosts]
        upstreams = {"app1": {"nodes": [peer.address], "hold": "0s", **(upstream or {})}}
        return edge(upstreams, routes=routes, **configuration), peer

    return make


def counted(running, name):
    text = ask(running.admin, "/metrics").body.decode()
    return int(re.search(rf"^edgeproxy_{name} (\d+)$", text, re.MULTILINE)[1])


def is_stale(response):
    told = response.get("Cache-Status")
    assert told is None or CACHE_STATUS.fullmatch(told), told
    return told is not None


def test_the_page_stays_when_the_application_is_killed(edge, uwsgi):
    instance = uwsgi()
    running = edge({"app1": {"nodes": [instance.address], "hold": "200ms"}}, routes=[
        {"host": "app1.example.test", "upstream": "app1", "stale_if_error": "1h"}])
    fresh = running.request(path="/")
    assert fresh.status == 200 and not is_stale(fresh) and fresh.get("Age") is None
    instance.kill()
    for _ in range(10):
        stale = running.request(path="/")
        assert (stale.status, stale.body) == (200, fresh.body)
        assert is_stale(stale) and int(stale.get("Age")) >= 0
        assert stale.get("Content-Type") == fresh.get("Content-Type")
    assert running.request(path="/never-asked-for").status == 503
    assert running.request("POST", path="/", body=b"x").status == 503
    # What is logged has the tries that came to nothing.
    entry = next(entry for entry in running.access_entries() if entry.get("cause") == "stale")
    assert entry["status"] == 200 and entry["tries"][0]["outcome"] != "ok"
    instance.start()
    again = eventually(lambda: not is_stale(found := running.request(path="/")) and found, "the application is back")
    assert again.status == 200


def test_the_request_waits_for_an_instance_before_the_old_page_is_given(site):
    running, peer = site(upstream={"hold": "10s"})
    assert running.request().status == 200
    peer.stop()
    with running.client() as client:
        client.send_request()
        eventually(lambda: status(running)["workers"][0]["held"] + status(running)["workers"][1]["held"], "it is held")
        peer.start()
        response = client.read_response()
    assert response.status == 200 and not is_stale(response)


def test_http_2_and_head_and_conditions_have_it_too(site):
    running, peer = site(lambda connection, request: connection.sendall(answer(PAGE, headers=['ETag: "v1"'])))
    assert running.request().status == 200
    peer.stop()
    with http2.Peer(running.port, running.authority) as client:
        got = client.request()
        assert (got.status, bytes(got.body)) == (200, PAGE) and CACHE_STATUS.fullmatch(got.get("cache-status"))
        assert got.get("age") is not None
        got = client.request(extra=[("if-none-match", '"v1"')])
        assert got.status == 304 and not got.body
        got = client.request("HEAD")
        assert got.status == 200 and got.get("content-length") == str(len(PAGE)) and not got.body
    with running.client() as client:
        assert client.request(headers=[("If-None-Match", 'W/"v1"')]).status == 304
        assert client.request("HEAD").get("Content-Length") == str(len(PAGE))
        assert client.request(headers=[("Range", "bytes=0-1")]).body == PAGE


def test_nobody_gets_the_page_of_one_who_is_logged_in(site):
    def personal(connection, request):
        who = request.environ.get("HTTP_COOKIE") or request.environ.get("HTTP_AUTHORIZATION")
        connection.sendall(answer(f"for {who}".encode()))

    running, peer = site(personal)
    known = ([("Cookie", "session=1")], [("Authorization", "Basic eDp5")])
    for fields in known:
        assert b"for None" not in running.request(headers=fields).body
    peer.stop()
    assert running.request().status == 503
    peer.start()
    assert eventually(lambda: (found := running.request()).status == 200 and found, "it is back").body == b"for None"
    peer.stop()
    for fields in known:
        assert running.request(headers=fields).status == 503
    assert running.request().body == b"for None"


def test_nothing_is_kept_behind_an_authenticator(edge, scripted):
    peer, gate = scripted(), scripted()
    running = edge(
        {"app1": {"nodes": [peer.address], "hold": "0s"}, "auth": [gate.address]},
        routes=[{"host": "app1.example.test", "upstream": "app1", "stale_if_error": "1h",
                 "forward_auth": {"upstream": "auth", "path": "/verify"}}])
    assert running.request().status == 200
    assert counted(running, "stale_answers") == 0
    peer.stop()
    assert running.request().status == 503


def test_who_shows_a_certificate_has_no_part_in_it(edge, scripted, authority, tmp_path):
    clients = Authority(tmp_path)
    printer = clients.issue("printer-7", usage="clientAuth")

    def personal(connection, request):
        connection.sendall(answer(request.environ["SSL_CLIENT_VERIFY"].encode()))

    peer = scripted(personal)
    running = edge(
        {"app1": {"nodes": [peer.address], "hold": "0s"}},
        routes=[{"host": "app1.example.test", "upstream": "app1", "stale_if_error": "1h",
                 "client_certificates": {"ca": str(clients.pem), "mode": "optional"}}])

    def known():
        context = client_context(authority)
        context.load_cert_chain(printer.chain, printer.key)
        with Client(running.port, "app1.example.test", context=context) as client:
            return client.request()

    assert known().body == b"SUCCESS"
    assert counted(running, "stale_answers") == 0
    assert running.request().body == b"NONE"
    assert known().body == b"SUCCESS"
    peer.stop()
    assert running.request().body == b"NONE"
    assert known().status == 503


def test_hosts_of_one_application_are_never_mixed_up(site):
    def named(connection, request):
        connection.sendall(answer(request.environ["HTTP_HOST"].encode()))

    running, peer = site(named, hosts=["*.example.test"])
    for name in ("app1.example.test", "app2.example.test"):
        assert running.request(name=name).body == name.encode()
    peer.stop()
    for name in ("app1.example.test", "app2.example.test"):
        assert running.request(name=name).body == name.encode()
    assert running.request(name="app3.example.test").status == 503
    with running.client() as client:
        assert client.request(host="app1.example.test:444").status == 503
        assert client.request(host="APP1.example.test").body == b"app1.example.test"


def test_languages_and_codings_are_never_mixed_up(site):
    def said(connection, request):
        words = [request.environ.get(name, "") for name in ("HTTP_ACCEPT_LANGUAGE", "HTTP_ACCEPT_ENCODING")]
        connection.sendall(answer("|".join(words).encode(), headers=["Vary: Accept-Language", "Vary: Accept-Encoding"]))

    running, peer = site(said)
    asked = [[("Accept-Language", language), ("Accept-Encoding", coding)] for language in ("de", "en-GB, en")
             for coding in ("gzip", "br")]
    for fields in asked:
        running.request(headers=fields)
    peer.stop()
    for fields in asked:
        assert running.request(headers=fields).body.decode() == "|".join(value for _, value in fields)
    assert running.request().status == 503
    assert running.request(headers=asked[0][:1]).status == 503


def test_an_answer_that_was_cut_never_becomes_the_last_good_one(site):
    parts = []

    def cut(connection, request):
        head = b"HTTP/1.1 200 OK\r\n" + parts[0] + b"\r\n\r\n"
        connection.sendall(head + PAGE[:100])

    running, peer = site(cut)
    for parts[:] in ([b"Content-Length: 200"], [b"Transfer-Encoding: chunked"], [b"X-Length: none"]):
        with running.client() as client:
            client.send_request(headers=[("Connection", "close")])
            client.read_head()
            while client.more():
                pass
    peer.stop()
    assert running.request().status == 503
    assert counted(running, "stale_answers") == 0


def test_every_worker_gives_what_one_has_stored(site):
    running, peer = site(workers=4)
    assert running.request().status == 200
    assert counted(running, "stale_stored_total") == 1
    peer.stop()
    assert {running.request().body for _ in range(40)} == {PAGE}
    assert counted(running, "stale_served_total") == 40
    assert status(running)["stale"]["answers"] == 1
    assert "1 kept" in command(running, "status")[1]


@pytest.mark.parametrize("size", [10_000])
def test_a_full_disk_costs_kept_pages_and_nothing_else(site, small_disk, size):
    def numbered(connection, request):
        connection.sendall(answer(request.environ["PATH_INFO"].encode().ljust(size, b".")))

    running, peer = site(numbered, state=str(small_disk.place / "state"), workers=1,
                         stale={"memory": "64KiB", "disk": "1GiB", "object_max": "16KiB"})
    small_disk.fill()
    for number in range(30):
        response = running.request(path=f"/{number}")
        assert response.status == 200 and len(response.body) == size
    eventually(lambda: counted(running, "stale_disk_failures_total"), "the disk took nothing")
    assert counted(running, "stale_disk_bytes") == 0
    assert counted(running, "stale_memory_bytes") <= 64 << 10
    peer.stop()
    kept = [running.request(path=f"/{number}") for number in range(30)]
    assert {response.status for response in kept} == {200, 503}
    for number, response in enumerate(kept):
        if response.status == 200:
            assert response.body == f"/{number}".encode().ljust(size, b".")


def test_what_leaves_the_memory_is_given_from_the_disk_and_gone_after_a_restart(site):
    def numbered(connection, request):
        connection.sendall(answer(request.environ["PATH_INFO"].encode().ljust(10_000, b".")))

    running, peer = site(numbered, workers=1, stale={"memory": "64KiB", "disk": "1MiB", "object_max": "16KiB"})
    for number in range(30):
        assert running.request(path=f"/{number}").status == 200
    place = running.directory / "state/stale"
    eventually(lambda: counted(running, "stale_disk_bytes") >= 200_000, "pages are on the disk")
    assert list(place.iterdir())
    peer.stop()
    for number in range(30):
        assert running.request(path=f"/{number}").body == f"/{number}".encode().ljust(10_000, b".")
    # Somebody tidies up: the page is gone, and so says the answer.
    files = list(place.iterdir())
    for file in files:
        file.unlink()
    statuses = [running.request(path=f"/{number}").status for number in range(30)]
    assert statuses.count(503) == len(files) and statuses.count(200) == 30 - len(files)
    (place / "1-1").write_text("of a process before")
    running.child.kill()
    running.child.end()
    running.start()
    assert running.request(path="/29").status == 503
    assert not list(place.iterdir())


def test_curl_understands_it(site):
    page = answer(PAGE, headers=["Content-Type: text/html"])
    running, peer = site(lambda connection, request: connection.sendall(page), route={"compress": "on"})

    def curl():
        done = subprocess.run(
            ["curl", "-sSi", "--compressed", "--cacert", running.authority.pem, "--resolve",
             f"app1.example.test:{running.port}:127.0.0.1", f"https://app1.example.test:{running.port}/"],
            capture_output=True, timeout=30)
        assert done.returncode == 0 and done.stdout.endswith(PAGE), (done.stdout, done.stderr)
        assert re.search(rb"content-encoding: (gzip|br|zstd)\r", done.stdout.lower())
        return done.stdout.lower()

    assert b"cache-status" not in curl()
    peer.stop()
    assert b"cache-status: edgeproxy; hit" in curl()


def test_the_example_of_the_documentation_does_what_the_page_says(site):
    shown = blocks((REPOSITORY / "docs/stale.md").read_text())
    configuration, head = (next(each.text for each in shown if each.language == language) for language in ("yaml", None))
    running, peer = site()
    assert "app.example.org" in configuration and "unix:/run/uwsgi/app.sock" in configuration
    lines = [f"{key}: {json.dumps(value)}" for key, value in running.configuration.items()
             if key not in ("upstreams", "routes")]
    configuration = configuration.replace("app.example.org", "app1.example.test")
    running.file.write_text("\n".join([configuration.replace("unix:/run/uwsgi/app.sock", peer.address), *lines]))
    running.reload()
    assert running.request().status == 200
    peer.stop()
    with running.client() as client:
        response = client.request()
    line, *fields = head.strip().split("\n")
    assert line == f"HTTP/1.1 {response.status} {response.reason}"
    for field in fields:
        name, value = field.split(": ", 1)
        # The numbers are those of another day.
        shape = re.sub(r"-?\d+", "N", value)
        assert re.sub(r"-?\d+", "N", response.get(name)) == shape, name
