"""The page of admin in a real browser: how it looks, that it lives, and what it lets nobody do."""

import base64
import http.server
import json
import os
import re
import socket
import subprocess
import threading

import pytest

from support import REPOSITORY
from support.admin import ask, command, connect, status
from support.browser import COMMAND, Browser
from support.pages import blocks
from support.png import pixels
from support.processes import eventually
from support.uwsgi import answer

pytestmark = pytest.mark.skipif(not COMMAND, reason="there is no Chromium (Debian's package chromium)")

LOOKED_AT = (REPOSITORY / "Tests/EndToEnd/support/looked_at.js").read_text()
SIZES = {"wide": (1280, 900), "tablet": (800, 1100), "phone": (390, 844), "narrow": (320, 640)}
SCHEMES = ["light", "dark"]
EVIL = '<img src=x onerror=document.title="attacked">'


class Told:
    """What Chromium tells without having been asked, by tab."""

    def __init__(self):
        self.messages = []

    def __call__(self, message):
        self.messages.append(message)

    def of(self, page):
        return [each for each in list(self.messages) if each.get("sessionId") == page.session]


@pytest.fixture(scope="module")
def told():
    return Told()


@pytest.fixture(scope="module")
def browser(tmp_path_factory, wildcard, told):
    one = Browser(tmp_path_factory.mktemp("browser"), wildcard, listener=told)
    yield one
    one.end()


@pytest.fixture
def forwarded(ending):
    """forwarded(path): a port of 127.0.0.1 that leads to a unix socket, as `ssh -L` makes it."""
    return lambda path: ending.append(Forwarding(path)) or ending[-1].port


class Forwarding:
    def __init__(self, path):
        self.path, self.listener = path, socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = connect(self.path)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            for ends in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=ends, daemon=True).start()

    @staticmethod
    def _carry(source, target):
        try:
            while piece := source.recv(65536):
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            # One side is gone: so is the other.
            for end in (source, target):
                end.close()

    def end(self):
        self.listener.close()


@pytest.fixture
def opened(browser, told):
    """opened(address, size, scheme): the page once it is live."""

    def make(address, size="wide", scheme="light"):
        page = browser.page("about:blank")
        width, height = SIZES[size]
        for domain in ("Runtime", "Log", "Network", "Page"):
            browser.call(f"{domain}.enable", page.session)
        browser.call("Emulation.setDeviceMetricsOverride", page.session, width=width, height=height,
                     deviceScaleFactor=1, mobile=width < 600)
        browser.call("Emulation.setEmulatedMedia", page.session, features=[
            {"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}])
        page.go_to(address)
        eventually(lambda: page.run("document.readyState === 'complete' && document.getElementById('link')?.textContent")
                   == "live", "the page is live")
        return page

    return make


def complaints(told, page):
    """What the browser's console has: errors, refusals of the policy, exceptions."""
    return [each for each in told.of(page) if each["method"] in ("Runtime.exceptionThrown", "Log.entryAdded")
            or each["method"] == "Runtime.consoleAPICalled"]


def requests(told, page):
    return [each["params"]["request"]["url"] for each in told.of(page) if each["method"] == "Network.requestWillBeSent"]


def picture(browser, page):
    shot = browser.call("Page.captureScreenshot", page.session, format="png", captureBeyondViewport=True)
    return base64.b64decode(shot["data"])


def text_of(page, selector):
    return page.run(f"document.querySelector({json.dumps(selector)})?.textContent ?? ''")


@pytest.fixture
def fleet_of_five(edge, uwsgi, scripted, ending):
    """One server that runs, three more that can be connected to and one that cannot; an application with failures."""
    failing = scripted(lambda connection, request: connection.sendall(answer(status="500 Internal Server Error")))
    closing = scripted(lambda connection, request: None)
    holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    holder.bind(("127.0.0.1", 0))
    port = holder.getsockname()[1]
    holder.close()
    running = edge(
        {"app1": [uwsgi().address, "127.0.0.1:1"], "app2": [failing.address], "app3": [closing.address]},
        node="edge-1", public=["127.0.0.1"],
        dns={"zone": "fleet.example.test", "listen": [f"127.0.0.1:{port}"],
             "servers": [f"127.0.0.{number}" for number in range(1, 6)]})
    for number in (2, 3, 4):
        listener = socket.create_server((f"127.0.0.{number}", running.port), backlog=512)
        ending.append(type("Listening", (), {"end": listener.close}))
    return running


@pytest.fixture
def many_nodes(edge, uwsgi):
    """Three upstreams with a hundred each; one node answers."""
    nodes = [uwsgi().address, *(f"127.0.0.{1 + number // 100}:{1 + number % 100}" for number in range(299))]
    return edge({f"app{1 + at // 100}": nodes[at:at + 100] for at in range(0, 300, 100)}, node="edge-with-many-nodes")


def look_at(browser, told, page, address, scheme):
    """Nothing overlaps or is cut, no errors, nothing from elsewhere; the picture is of this page."""
    assert page.run(LOOKED_AT) == []
    width = page.run("document.documentElement.clientWidth")
    assert page.run("document.documentElement.scrollWidth") <= width, "it scrolls sideways"
    assert complaints(told, page) == []
    asked = requests(told, page)
    assert {f"{address}/", f"{address}/events"} <= set(asked)
    assert [each for each in asked if not each.startswith((f"{address}/", "data:"))] == []
    shown, height, rows, channels = pixels(picture(browser, page))
    assert shown == width and height >= page.run("innerHeight")
    colours = {}
    for row in rows[::7]:
        for at in range(0, len(row), channels * 5):
            colour = bytes(row[at:at + 3])
            colours[colour] = colours.get(colour, 0) + 1
    ground = max(colours, key=colours.get)
    assert (sum(ground) > 600) == (scheme == "light"), f"the ground is {ground.hex()}"
    assert len(colours) > 40 and max(colours.values()) < 0.97 * sum(colours.values()), "hardly anything is drawn"


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES)
def test_a_fleet_of_five_can_be_looked_at(browser, told, opened, forwarded, fleet_of_five, size, scheme):
    for name in ("app1", "app2", "app3"):
        fleet_of_five.request(path="/a/page?token=secret", name=f"{name}.example.test")
    address = f"http://localhost:{forwarded(fleet_of_five.admin)}"
    page = opened(f"{address}/", size, scheme)
    eventually(lambda: page.run("document.querySelectorAll('#fleet .tiles > li').length") == 5, "five servers")
    eventually(lambda: page.run("""[...document.querySelectorAll('#fleet .state')].map(each => each.textContent).join()""")
               == "serving,living,living,living,away", "their states")
    eventually(lambda: page.run("document.querySelectorAll('.failure').length") == 2, "two failures")
    assert page.run("document.querySelectorAll('.upstream').length") == 3
    assert "secret" not in text_of(page, "body")
    look_at(browser, told, page, address, scheme)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_three_hundred_nodes_can_be_looked_at(browser, told, opened, forwarded, many_nodes, size, scheme):
    address = f"http://127.0.0.1:{forwarded(many_nodes.admin)}"
    page = opened(f"{address}/", size, scheme)
    assert page.run("document.querySelectorAll('.map i').length") == 300
    assert page.run("document.querySelectorAll('.nodes tbody tr').length") <= 36
    look_at(browser, told, page, address, scheme)
    # By keyboard: to the button, and all nodes are there.
    page.run("document.querySelector('#upstreams button').focus()")
    for kind in ("keyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", page.session, type=kind, key="Enter", code="Enter", text="\r",
                     windowsVirtualKeyCode=13)
    eventually(lambda: page.run("document.querySelector('.nodes tbody').childElementCount") == 100, "all nodes of one")
    assert page.run("document.activeElement.textContent") == "Show fewer"
    assert page.run("document.activeElement.getAttribute('aria-expanded')") == "true"
    page.run("document.querySelectorAll('#upstreams button[aria-expanded=false]').forEach(button => button.click())")
    assert page.run("document.querySelectorAll('.nodes tbody tr').length") == 300
    look_at(browser, told, page, address, scheme)


def test_what_happens_is_seen_without_a_reload(told, opened, forwarded, fleet_of_five):
    page = opened(f"http://localhost:{forwarded(fleet_of_five.admin)}/")
    page.run("window.mine = 'still here'")
    assert text_of(page, "#failures-note") == "none so far"
    got = fleet_of_five.request(path="/order?token=secret", name="app3.example.test").status
    eventually(lambda: "/order" in text_of(page, "#failures"), "the failure")
    failure = text_of(page, ".failure")
    assert failure.startswith(str(got)) and "GET app3.example.test/order" in failure and "secret" not in failure
    tries = page.run("[...document.querySelectorAll('.failure .tries li')].map(each => each.textContent)")
    assert tries and all("closed: it closed the connection without an answer" in each for each in tries), tries
    # Why a node is not simply up, in words.
    eventually(lambda: "closed" in text_of(page, "#upstreams"), "why it is down")
    assert page.run("window.mine") == "still here"
    # The failure is in the numbers, too, and how long it took.
    eventually(lambda: "99 %" in text_of(page, "#plots .plot:nth-child(3) .now"), "the latency is measured")
    assert "app3.example.test" in text_of(page, "#routes tbody")
    eventually(lambda: re.match(r"[1-9]\d* 5xx", text_of(page, "#plots .plot:nth-child(2) .now")), "the errors are counted")
    assert complaints(told, page) == []


def test_orders_of_operators_are_seen(opened, forwarded, fleet_of_five):
    page = opened(f"http://localhost:{forwarded(fleet_of_five.admin)}/")
    assert not page.run("document.getElementById('operations').checkVisibility()")
    code, _, error = command(fleet_of_five, "maintenance", "on", "app1.example.test", "--reason", "new database")
    assert code == 0, error
    eventually(lambda: "new database" in text_of(page, "#operations"), "the site is taken out")
    assert page.run("document.getElementById('operations').checkVisibility()")
    code, _, error = command(fleet_of_five, "node", "disable", "127.0.0.1:1")
    assert code == 0, error
    eventually(lambda: "disabled" in text_of(page, "#upstreams"), "the node is taken out, in words")


def test_a_page_opened_later_has_the_minutes_before(opened, forwarded, fleet_of_five):
    for _ in range(20):
        fleet_of_five.request(name="app1.example.test")
    eventually(lambda: b'"traffic":[[' in first_event(fleet_of_five), "a second is over")

    def seconds():
        told = json.loads(first_event(fleet_of_five).split(b"data: ", 1)[1])
        return sum(row[1] for row in told["traffic"]) >= 20

    eventually(seconds, "they are in the history")
    page = opened(f"http://localhost:{forwarded(fleet_of_five.admin)}/")
    assert page.run("traffic.reduce((sum, row) => sum + row[1], 0)") >= 20
    eventually(lambda: "at most" in text_of(page, "#plots .plot .axis"), "they are drawn")


def first_event(running):
    with connect(running.admin) as connection:
        connection.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        got = b""
        while b"\n\n" not in got.partition(b"\r\n\r\n")[2]:
            got += connection.recv(65536)
        return got.partition(b"\r\n\r\n")[2].partition(b"\n\n")[0]


def hostile(value):
    """The same document with an attack in each text, but where the page reads times."""
    if isinstance(value, dict):
        return {key: hostile(each) for key, each in value.items()}
    if isinstance(value, list):
        return [hostile(each) for each in value]
    return value if not isinstance(value, str) or re.match(r"\d{4}-\d\d-\d\dT", value) else value + EVIL


class Liar:
    """Serves the real page with its real head, and a status in which everybody attacks."""

    def __init__(self, page, report):
        events = "event: whole\ndata: " + json.dumps({"status": report, "traffic": []}) + "\n\n"

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                if self.path == "/events":
                    self.send_header("Content-Type", "text/event-stream")
                    self.end_headers()
                    self.wfile.write(events.encode())
                    over.wait()
                else:
                    for name in ("Content-Type", "Content-Security-Policy"):
                        self.send_header(name, page.get(name))
                    self.end_headers()
                    self.wfile.write(page.body)

            def log_message(self, *_):
                pass

        over = self.over = threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def end(self):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_names_that_attack_are_shown_as_text(browser, told, opened, ending, fleet_of_five, size):
    fleet_of_five.request(path="/" + "%3Cimg%20src=x%20onerror=alert(1)%3E", name="app3.example.test")
    eventually(lambda: status(fleet_of_five)["last_failures"], "a failure")
    report = hostile(status(fleet_of_five))
    report["warnings"] = [EVIL, "x" * 300]
    liar = Liar(ask(fleet_of_five.admin, "/"), report)
    ending.append(liar)
    address = f"http://127.0.0.1:{liar.port}"
    page = opened(f"{address}/", size)
    assert page.run("document.querySelectorAll('img, iframe, a[href^=javascript]').length") == 0
    for selector in ("#node", "#warnings", "#upstreams", "#failures", "#fleet", "#certificates", "#server"):
        assert EVIL in text_of(page, selector), selector
    assert "attacked" not in page.run("document.title").split("<img")[0]
    look_at(browser, told, page, address, "light")


def test_a_server_that_goes_away_is_noticed_and_so_is_its_return(opened, forwarded, fleet_of_five):
    page = opened(f"http://localhost:{forwarded(fleet_of_five.admin)}/")
    fleet_of_five.child.kill()
    eventually(lambda: page.run("document.body.classList.contains('stale')"), "the page says that it is old")
    assert text_of(page, "#link") != "live"
    fleet_of_five.start()
    eventually(lambda: text_of(page, "#link") == "live", "it is live again")
    assert not page.run("document.body.classList.contains('stale')")


def test_the_ninth_page_is_told_why_and_comes_in_when_one_is_closed(browser, opened, forwarded, fleet_of_five):
    port = forwarded(fleet_of_five.admin)
    streams = [connect(fleet_of_five.admin) for _ in range(8)]
    for stream in streams:
        stream.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert stream.recv(12) == b"HTTP/1.1 200"
    page = browser.page(f"http://localhost:{port}/")
    eventually(lambda: "too many pages" in text_of(page, "#link"), "the page says so")
    # Others find places all the same.
    assert status(fleet_of_five)["serving"]
    streams.pop().close()
    eventually(lambda: text_of(page, "#link") == "live", "there is room")
    for stream in streams:
        stream.close()


def test_pages_go_with_the_address_that_they_came_to(fleet_of_five, directory):
    with connect(fleet_of_five.admin) as stream:
        stream.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert stream.recv(12) == b"HTTP/1.1 200"
        changed = {**fleet_of_five.configuration, "listen": {
            **fleet_of_five.configuration["listen"], "admin": f"unix:{directory}/other.sock"}}
        fleet_of_five.reload(changed)
        while stream.recv(65536):
            pass


def test_a_loopback_port_has_the_page_and_takes_no_commands(edge, uwsgi, opened, told):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    running = edge({"app1": [uwsgi().address]}, listen={"admin": f"127.0.0.1:{port}"})
    page = opened(f"http://127.0.0.1:{port}/")
    assert text_of(page, "#node") == "edge-test"
    assert page.run("fetch('/reload', {method: 'POST'}).then(answer => answer.status)") in (403, 405)
    head = ask(("127.0.0.1", port), "/", "HEAD")
    assert head.status == 200 and head.body == b""
    assert head.get("Content-Length") == str(len(ask(("127.0.0.1", port), "/").body))
    assert running.child.running


def test_pages_of_other_sites_learn_nothing_and_hold_no_stream(edge, uwsgi, browser):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    running = edge({"app1": [uwsgi().address]}, listen={"admin": f"127.0.0.1:{port}"})
    page = browser.page(f"https://app1.example.test:{running.port}/")
    refused = page.run(f"""Promise.all(['', 'status', 'events'].map(path =>
        fetch('http://127.0.0.1:{port}/' + path).then(() => 'read', error => error.name)))""")
    assert refused == ["TypeError"] * 3
    assert page.run(f"""fetch('http://127.0.0.1:{port}/events', {{mode: 'no-cors'}})
        .then(() => 'read', error => error.name)""") == "TypeError"
    assert page.run(f"""new Promise(done => {{
        const frame = document.createElement('iframe')
        frame.onload = () => {{ try {{ done(frame.contentDocument === null) }} catch {{ done(true) }} }}
        frame.src = 'http://127.0.0.1:{port}/'
        document.body.append(frame)
    }})""")
    fields = [("Host", "localhost"), ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")]
    assert ask(("127.0.0.1", port), "/events", fields=fields).status == 403
    assert ask(("127.0.0.1", port), "/", fields=[("Host", "attacker.example")]).status == 403


NO_FAILURES = re.compile(r"client-.*|drain|draining|maintenance|tunnel-idle|no-backend|no-certificate|websocket-off")


def test_the_page_has_words_for_every_failure():
    told = (REPOSITORY / "docs/troubleshooting.md").read_text()
    words = set()
    for title in ("How a try ended: the outcome", "Why a request failed: the cause"):
        section = told.partition(f"## {title}")[2].partition("\n## ")[0]
        for cell, status_shown in re.findall(r"^\| (`[^|]+) \| (\d*)", section, re.M):
            if not status_shown.startswith("4"):
                words.update(re.findall(r"`([a-z-]+)`", cell))
    words = {word for word in words if not NO_FAILURES.fullmatch(word)}
    script = (REPOSITORY / "Sources/EdgeProxy/Admin/Page/page.html").read_text()
    assert len(words) > 40 and [word for word in sorted(words) if f'"{word}": "' not in script] == []


def test_the_commands_of_the_document_show_the_page(fleet_of_five):
    shown = blocks((REPOSITORY / "docs/page.md").read_text())
    (text,) = [block.text for block in shown if block.language is None]
    script = text.replace("/run/edgeproxy/admin.sock", str(fleet_of_five.admin))
    done = subprocess.run(["sh", "-e", "-c", script], capture_output=True, text=True, env={**os.environ})
    lines = done.stdout.splitlines()
    assert lines[0] == "1", done
    assert lines[1:3] == ["retry: 2000", "event: whole"] and lines[3].startswith('data: {"status":{"serving":true,"health":"ok"')
    (forwarding,) = [block.text for block in shown if "ssh" in block.text]
    assert "-L 9180:/run/edgeproxy/admin.sock" in forwarding
