"""A real browser: what its pages do every day, over HTTP/2 to real uWSGI, and a server that goes away."""

import hashlib
import os
import pathlib
import socket

import pytest

from support.browser import COMMAND, Browser
from support.processes import eventually

pytestmark = pytest.mark.skipif(not COMMAND, reason="there is no Chromium (Debian's package chromium)")

APPLICATION = pathlib.Path(__file__).parent / "applications" / "page.py"
MIB = 1 << 20
PROTOCOL = "performance.getEntriesByType('navigation')[0].nextHopProtocol"
HEX = "const hex = digest => [...new Uint8Array(digest)].map(each => each.toString(16).padStart(2, '0')).join('')"


@pytest.fixture(scope="module")
def browser(tmp_path_factory, wildcard):
    one = Browser(tmp_path_factory.mktemp("browser"), wildcard)
    yield one
    one.end()


@pytest.fixture
def threaded(uwsgi):
    """threaded(node): one process with threads, which share what the page has told them."""
    return lambda node="a": uwsgi(
        node=node, processes=1, options=["--wsgi-file", APPLICATION, "--enable-threads", "--threads", "12"])


@pytest.fixture
def served(edge, threaded, directory):
    root = directory / "www"
    root.mkdir()
    (root / "large.bin").write_bytes(os.urandom(8 * MIB))
    running = edge({"app1": [threaded().address]}, compress={"default": "on"}, routes=[
        {"host": "app1.example.test", "upstream": "app1"},
        {"host": "app1.example.test", "path": "/files", "files": {"directory": str(root)}}])
    running.root = root
    running.address = f"https://app1.example.test:{running.port}"
    return running


@pytest.fixture
def page(browser, served):
    one = browser.page(f"{served.address}/")
    one.run("new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', done))")
    return one


def logged(running, wanted, count):
    """The lines of the access log of which `wanted` holds, as soon as there are so many."""
    def found():
        lines = [each for each in running.access_entries() if wanted(each)]
        return len(lines) >= count and lines

    return eventually(found, "the access log")


def test_a_page_and_all_that_it_needs_come_over_http_2(page, served):
    assert page.run("document.querySelector('p').textContent") == "loaded"
    assert page.run(PROTOCOL) == "h2"
    pieces = page.run("performance.getEntriesByType('resource').map(each => [each.name, each.nextHopProtocol])")
    assert {f"{served.address}/piece/{name}" for name in ("style.css", "script.js")} <= {name for name, _ in pieces}
    assert {protocol for _, protocol in pieces} == {"h2"}


def test_fifty_requests_at_once_share_a_connection(page):
    texts = page.run("""Promise.all([...Array(50).keys()].map(number =>
        fetch(`/piece/${number}`).then(answer => answer.text())))""")
    assert [text.split()[1] for text in texts] == [f"/piece/{number}" for number in range(50)]
    assert len({text.split()[3] for text in texts}) == 1, "one port of the client's"


def test_cookies_are_kept_and_sent_back(page):
    assert page.run("document.cookie") == "second=2"
    page.run("document.cookie = 'third=3; path=/; secure'")
    assert page.run("fetch('/cookies').then(answer => answer.json())") == ["first=1", "second=2", "third=3"]


def test_a_websocket_echoes(page, served):
    got = page.run("""new Promise((done, failed) => {
        const socket = new WebSocket(`wss://${location.host}/socket`), got = []
        const large = 'x'.repeat(100000)
        socket.onopen = () => ['one', 'zwölf', large].forEach(each => socket.send(each))
        socket.onerror = () => failed(new Error('the socket failed'))
        socket.onmessage = message => {
            got.push(message.data.length < 100 ? message.data : message.data.length)
            if (got.length == 3) { socket.close(); done(got) }
        }
    })""")
    assert got == ["echo of one", "echo of zwölf", 100_008]
    logged(served, lambda each: each["target"] == "/socket" and each["status"] in (101, 200), 1)


def test_events_arrive_one_by_one(page):
    """Each is made only when the page has said that it has the one before: nothing waits for more."""
    got = page.run("""new Promise((done, failed) => {
        const events = new EventSource('/events?count=10'), got = []
        events.onerror = () => failed(new Error(`the events ended after ${got.length}`))
        events.onmessage = event => {
            got.push(event.data)
            if (got.length == 10) { events.close(); done(got) } else fetch('/acknowledge')
        }
    })""")
    assert got == [f"event {number}" for number in range(10)]


def test_an_upload_arrives_whole(page):
    sent, got = page.run("""(async () => {""" + HEX + """
        const body = new Uint8Array(6 << 20)
        for (let at = 0; at < body.length; at += 65536) crypto.getRandomValues(body.subarray(at, at + 65536))
        const answer = await fetch('/upload', {method: 'POST', body})
        return [hex(await crypto.subtle.digest('SHA-256', body)), await answer.json()]
    })()""")
    assert got == {"length": 6 * MIB, "sha256": sent}


def test_a_download_goes_on_where_it_was_broken_off(page, served):
    got = page.run("""(async () => {""" + HEX + """
        const abort = new AbortController(), parts = []
        const first = await fetch('/files/large.bin', {signal: abort.signal, cache: 'no-store'})
        const reader = first.body.getReader()
        let size = 0
        while (size < 1 << 20) { const {value} = await reader.read(); parts.push(value); size += value.length }
        abort.abort()
        const headers = {Range: `bytes=${size}-`, 'If-Range': first.headers.get('ETag')}
        const second = await fetch('/files/large.bin', {headers, cache: 'no-store'})
        parts.push(new Uint8Array(await second.arrayBuffer()))
        const whole = await new Blob(parts).arrayBuffer()
        return {statuses: [first.status, second.status], from: size, range: second.headers.get('Content-Range'),
                hash: hex(await crypto.subtle.digest('SHA-256', whole))}
    })()""")
    assert got["statuses"] == [200, 206]
    assert got["range"] == f"bytes {got['from']}-{8 * MIB - 1}/{8 * MIB}"
    assert got["hash"] == hashlib.sha256((served.root / "large.bin").read_bytes()).hexdigest()


def test_one_of_two_servers_closes_its_port_and_the_page_goes_on(
        edge, threaded, directory, wildcard, ending, tmp_path):
    """Two addresses of one name, as round-robin DNS gives them; the browser does the rest."""
    if os.geteuid() != 0:
        pytest.skip("another /etc/hosts needs root")
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost app1.example.test\n127.0.0.2 app1.example.test\n")
    first = edge({"app1": [threaded("a").address]}, node="first")
    with socket.socket() as holder:
        # The second server has the same port at another address.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.2", first.port))
        second = edge({"app1": [threaded("b").address]}, node="second",
                      listen={"https": [f"127.0.0.2:{first.port}"]})
        browser = Browser(tmp_path / "browser", wildcard, hosts)
        ending.append(browser)
        page = browser.page(f"https://app1.example.test:{first.port}/")
        servers = {"first": first, "second": second}
        used = next(name for name, each in eventually(
            lambda: [pair for pair in servers.items() if pair[1].access_entries()], "the page is served"))
        going, staying = servers.pop(used), *servers.values()
        going.drain()
        assert going.child.wait() == 0
        assert page.run("fetch('/cookies').then(answer => answer.status)") == 200
        logged(staying, lambda each: each["target"] == "/cookies", 1)
        page.go_to(f"https://app1.example.test:{first.port}/")
        assert page.run(PROTOCOL) == "h2"
