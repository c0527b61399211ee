"""Answers that are compressed on their way, and those that are not."""

import gzip
import re
import subprocess
import threading
import zlib

import pytest

from support import REPOSITORY
from support.browser import COMMAND, Browser
from support.client import Cut
from support.codings import CODINGS, decoder
from support.edge import check, install
from support.pages import blocks
from support.processes import eventually
from support.uwsgi import answer

PAGE = b"".join(b"<li>Number %d of a long list</li>\n" % number for number in range(3000))
GZIP = [("Accept-Encoding", "gzip, deflate")]


@pytest.fixture
def serving(edge, scripted):
    """serving(script or whole answer, **configuration): a proxy that compresses, and the application."""

    def make(script, compress=None, **configuration):
        whole = script
        if isinstance(script, bytes):
            script = lambda connection, request: connection.sendall(whole)
        peer = scripted(script)
        compress = {"default": "on", **(compress or {})}
        return edge({"app1": [peer.address]}, compress=compress, **configuration)

    return make


def page(*headers, body=PAGE, status="200 OK"):
    return answer(body, status, ["Content-Type: text/html; charset=utf-8", *headers])


def chunked(*parts):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@pytest.mark.parametrize("whole", [
    page('ETag: "v1"', "Vary: Cookie"), chunked(PAGE[:10], PAGE[10:50_000], PAGE[50_000:]),
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + PAGE,
], ids=["with a length", "chunked", "until the end"])
def test_a_page_is_compressed_for_a_client_that_accepts_it(serving, whole):
    running = serving(whole)
    with running.client() as client:
        for _ in range(3):
            response = client.request(headers=GZIP)
            assert response.get("Content-Encoding") == "gzip"
            assert response.get("Transfer-Encoding") == "chunked" and response.get("Content-Length") is None
            assert "Accept-Encoding" in response.get("Vary")
            assert response.get("ETag") in (None, 'W/"v1"')
            assert gzip.decompress(response.body) == PAGE and len(response.body) < len(PAGE) / 4
        plain = client.request()
        assert plain.body == PAGE and plain.get("Content-Encoding") is None
        assert "Accept-Encoding" in plain.get("Vary")
        assert plain.get("ETag") in (None, '"v1"')
        head = client.request("HEAD", headers=GZIP)
        assert head.get("Content-Encoding") is None


@pytest.mark.parametrize("whole, headers", [
    (page("Content-Encoding: br"), GZIP), (page("Cache-Control: public, no-transform"), GZIP),
    (page(status="206 Partial Content"), GZIP), (page(body=b"x" * 1000), GZIP),
    (answer(PAGE, headers=["Content-Type: image/png"]), GZIP), (answer(PAGE), GZIP),
    (page(), [("Accept-Encoding", "deflate")]), (page(), [("Accept-Encoding", "gzip;q=0")]),
    (page(), [("Accept-Encoding", "*;q=0, identity")]),
])
def test_what_must_not_be_compressed_is_not(serving, whole, headers):
    running = serving(whole)
    response = running.request(headers=headers)
    body = whole.split(b"\r\n\r\n", 1)[1]
    assert response.body == body and response.get("Content-Length") == str(len(body))
    assert response.get("Content-Encoding") in (None, "br")


def test_bodies_that_are_none_stay_none(serving):
    for whole in (b"HTTP/1.1 204 No Content\r\n\r\n", page(body=b""),
                  b'HTTP/1.1 304 Not Modified\r\nContent-Type: text/html\r\nETag: "a"\r\n\r\n'):
        with serving(whole, {"minimum": "0B"}).client() as client:
            for _ in range(2):
                response = client.request(headers=GZIP)
                assert response.body == b"" and response.get("Content-Encoding") is None


def test_an_old_client_gets_the_plain_page(serving):
    with serving(page()).client() as client:
        client.send("GET / HTTP/1.0\r\nHost: app1.example.test\r\nAccept-Encoding: gzip\r\n\r\n")
        assert client.read_response().body == PAGE


def test_it_is_off_unless_asked_for_and_routes_decide(edge, scripted):
    peer = scripted(lambda connection, request: connection.sendall(page("Set-Cookie: a=b")))
    routes = [{"host": "app1.example.test", "upstream": "app1"},
              *({"host": "app1.example.test", "path": f"/{mode}", "upstream": "app1", "compress": mode}
                for mode in ("on", "off", "without-cookies"))]
    running = edge({"app1": [peer.address]}, routes=routes)
    codings = [running.request(path=path, headers=GZIP).get("Content-Encoding")
               for path in ("/", "/on", "/off", "/without-cookies")]
    assert codings == [None, "gzip", None, None]


@pytest.mark.parametrize("coding", CODINGS)
def test_each_coding_says_what_it_is_and_is_read_by_others(serving, coding):
    running = serving(chunked(PAGE[:10], PAGE[10:50_000], PAGE[50_000:]).replace(b"\r\n\r\n", b'\r\nETag: "v1"\r\n\r\n', 1))
    with running.client() as client:
        for _ in range(3):
            response = client.request(headers=[("Accept-Encoding", coding)])
            assert response.get("Content-Encoding") == coding
            assert (response.get("Vary"), response.get("ETag")) == ("Accept-Encoding", 'W/"v1"')
            assert response.get("Content-Length") is None and len(response.body) < len(PAGE) / 4
            reader = decoder(coding)
            assert reader.decompress(response.body) == PAGE and reader.eof


@pytest.mark.parametrize("accepted, order, coding", [
    ("gzip, deflate, br, zstd", None, "zstd"), ("gzip, deflate, br", None, "br"),
    ("gzip, deflate, br, zstd", ["gzip", "zstd"], "gzip"), ("br", ["gzip", "zstd"], None),
    ("zstd;q=0.8, br;q=0.9, gzip;q=0.7", None, "br"), ("gzip;q=0, br;q=0, zstd;q=0", None, None),
    ("identity;q=1, br;q=0.5", None, None), ("*", None, "gzip"), ("gzip;q=0, *;q=0.1", None, "zstd"),
    ("identity;q=0, gzip;q=0.1", None, "gzip")])
def test_the_client_s_weights_choose_and_then_the_configured_order(serving, accepted, order, coding):
    running = serving(page(), {"encodings": order} if order else {})
    response = running.request(headers=[("Accept-Encoding", accepted)])
    assert response.get("Content-Encoding") == coding and response.get("Vary") == "Accept-Encoding"
    assert decoder(coding).decompress(response.body) == PAGE if coding else response.body == PAGE


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_curl_understands_it(serving, authority, version):
    running = serving(page())
    done = subprocess.run(
        ["curl", "-sS", version, "--compressed", "--cacert", authority.pem, "-D", "-", "--resolve",
         f"app1.example.test:{running.port}:127.0.0.1", f"https://app1.example.test:{running.port}/"],
        capture_output=True, timeout=20, check=True)
    head, body = done.stdout.split(b"\r\n\r\n", 1)
    # Debian's curl knows Brotli, and zstd in later releases.
    assert re.search(b"content-encoding: (br|zstd)\r", head.lower()) and body == PAGE


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("kind", ["text/event-stream", "text/html"])
def test_each_event_of_a_stream_arrives_at_once(serving, kind, coding):
    may_go_on = threading.Semaphore(0)

    def script(connection, request):
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode())
        for number in range(20):
            connection.sendall(b"data: %d\n\n" % number)
            assert may_go_on.acquire(timeout=20)

    running = serving(script, {"types": ["text/*"]})
    with running.client() as client:
        client.send_request(headers=[("Accept-Encoding", coding)])
        assert client.read_head().get("Content-Encoding") == coding
        reader, came = decoder(coding), b""
        for number in range(20):
            # The application goes on only when the client has the event.
            while not came.endswith(b"data: %d\n\n" % number):
                came += reader.decompress(client.read_chunk())
            may_go_on.release()
        while part := client.read_chunk():
            came += reader.decompress(part)
        assert reader.eof and came.count(b"data: ") == 20


@pytest.mark.parametrize("coding", CODINGS)
def test_a_slow_reader_gets_a_large_download_whole(serving, coding):
    body = b"".join(b"%08d some text that can be compressed a little %08x\n" % (n, n * 2654435761 % 2**32)
                    for n in range(10 * 1024 * 1024 // 60))
    running = serving(page(body=body), workers=1, limits={"response_memory": "16KiB"})
    with running.client() as client:
        client.send_request(headers=[("Accept-Encoding", coding)])
        head = client.read_head()
        assert head.get("Content-Encoding") == coding
        # Others are served while this one waits.
        assert running.request(path="/healthz").status == 200
        parts = list(iter(client.read_chunk, b""))
    assert decoder(coding).decompress(b"".join(parts)) == body


@pytest.mark.parametrize("coding", CODINGS)
def test_an_answer_that_breaks_off_does_not_look_whole(serving, coding):
    whole = page()
    running = serving(lambda connection, request: connection.sendall(whole[:-1000]))
    with running.client() as client, pytest.raises(Cut):
        client.request(headers=[("Accept-Encoding", coding)])
    # The compressor serves the next one.
    eventually(lambda: running.request(path="/healthz").status == 200, "the instance is asked again")


def test_without_a_compressor_the_page_goes_out_plain(serving):
    running = serving(page(), limits={"compressors": 0})
    response = running.request(headers=GZIP)
    assert response.body == PAGE and response.get("Content-Encoding") is None
    assert response.get("Vary") == "Accept-Encoding"


def test_compressors_come_back_however_an_answer_ends(serving):
    whole = page()
    state = {"cut": True}

    def script(connection, request):
        connection.sendall(whole[:-1000] if state["cut"] else whole)

    running = serving(script, limits={"compressors": 1}, workers=1)
    for _ in range(3):
        with running.client() as client, pytest.raises(Cut):
            client.request(headers=GZIP)
    state["cut"] = False
    for _ in range(3):
        assert running.request(headers=GZIP).get("Content-Encoding") == "gzip"


def test_what_finds_no_room_for_its_coding_is_sent_in_the_next_one(serving):
    """Eight of gzip are one of Brotli: while a stream has that, gzip is left, and then nothing."""
    may_end, begun = threading.Event(), threading.Semaphore(0)

    def script(connection, request):
        if request.environ["PATH_INFO"] == "/stream":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + PAGE)
            begun.release()
            assert may_end.wait(20)
        else:
            connection.sendall(page())

    running = serving(script, workers=1, limits={"compressors": 9})
    accepted = [("Accept-Encoding", "gzip, br")]
    streams = [running.client() for _ in range(2)]
    codings = []
    for stream in streams:
        stream.send_request(path="/stream", headers=accepted)
        codings.append(stream.read_head().get("Content-Encoding"))
        assert begun.acquire(timeout=20)
    assert codings == ["br", "gzip"]
    assert running.request(headers=accepted).get("Content-Encoding") is None
    may_end.set()
    for stream in streams:
        while stream.read_chunk():
            pass
        stream.close()
    assert running.request(headers=accepted).get("Content-Encoding") == "br"


@pytest.mark.skipif(not COMMAND, reason="there is no Chromium (Debian's package chromium)")
def test_a_browser_reads_what_it_says_that_it_takes(serving, tmp_path, wildcard):
    running = serving(page())
    browser = Browser(tmp_path, wildcard)
    try:
        address = f"https://app1.example.test:{running.port}/"
        opened = browser.page(address)
        for coding in ("zstd", "br", "gzip"):
            running.reload({**running.configuration, "compress": {"default": "on", "encodings": [coding]}})
            told = opened.run(
                f"fetch('{address}').then(async got => [got.headers.get('content-encoding'), (await got.text()).length])")
            assert told == [coding, len(PAGE)]
    finally:
        browser.end()


def test_the_example_of_the_page_works_as_it_stands(edge, authority, scripted, directory):
    shown = [block for block in blocks((REPOSITORY / "docs/compression.md").read_text()) if block.section == "Compression"]
    yaml, = (block.text for block in shown if block.language == "yaml")
    asking, = (block.text for block in shown if block.language is None)
    install(authority.issue("shop.example.org"), directory / "certificates/shop")
    (directory / "shown.yaml").write_text(
        yaml + f"state: {directory}/state\ncertificates: {{ directory: {directory}/certificates }}\n")
    status, output = check(directory / "shown.yaml")
    assert status == 0, output
    peer = scripted(lambda connection, request: connection.sendall(page()))
    running = edge({"app1": [peer.address]}, issued={"shop": authority.issue("shop.example.org")},
                   routes=[{"host": "shop.example.org", "upstream": "app1"}],
                   compress={"default": "without-cookies", "encodings": ["zstd", "br", "gzip"]})
    curl = asking.replace("https://shop.example.org/", f"https://shop.example.org:{running.port}/").replace(
        "curl", f"curl --cacert {authority.pem} --resolve shop.example.org:{running.port}:127.0.0.1", 1)
    done = subprocess.run(["sh", "-ec", curl], cwd=directory, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"(br|zstd) \d+\n", done.stdout), done.stdout
    assert (directory / "page").read_bytes() == PAGE


@pytest.mark.parametrize("part", [PAGE[:1000], PAGE[: len(PAGE) // 2]])
def test_a_pause_within_a_declared_length_does_not_hold_back_what_came(serving, part):
    rest = threading.Event()

    def script(connection, request):
        whole = page()
        end = len(whole) - len(PAGE) + len(part)
        connection.sendall(whole[:end])
        assert rest.wait(20)
        connection.sendall(whole[end:])

    running = serving(script)
    reader, came = zlib.decompressobj(31), b""
    with running.client() as client:
        client.send_request(headers=[("Accept-Encoding", "gzip")])
        assert client.read_head().get("Content-Encoding") == "gzip"
        while len(came) < len(part):
            came += reader.decompress(client.read_chunk())
        assert came == part
        rest.set()
        while piece := client.read_chunk():
            came += reader.decompress(piece)
    assert came == PAGE
