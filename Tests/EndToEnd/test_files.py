"""Static files: what is served, what never is, conditions, ranges, and slow clients."""

import email
import os
import re
import subprocess

import pytest

from support.client import Cut
from support.processes import eventually

MIB = 1 << 20
NAME = "app1.example.test"


@pytest.fixture
def root(directory):
    place = directory / "www"
    place.mkdir()
    (place / "a.txt").write_bytes(b"0123456789")
    (place / "app.js").write_bytes(b"let x = 1\n" * 100)
    (place / "dir").mkdir()
    (place / "dir" / "index.html").write_bytes(b"<p>index")
    (place / "bare").mkdir()
    (place / "bare" / "<b>&.txt").write_bytes(b"x")
    (place / ".env").write_bytes(b"secret")
    (place / ".git").mkdir()
    (place / ".git" / "config").write_bytes(b"secret")
    (directory / "outside.txt").write_bytes(b"outside")
    return place


@pytest.fixture
def files(edge, scripted, root):
    """files(path="/", **settings): a proxy that serves `root`."""

    def make(path="/", timeouts=None, workers=1, **settings):
        routes = [{"host": NAME, "path": path, "files": {"directory": str(root), **settings}}]
        more = {"timeouts": timeouts} if timeouts else {}
        return edge({"app1": [scripted().address]}, routes=routes, workers=workers, **more)

    return make


def test_a_file_is_served_with_its_type_and_validators(files, root):
    response = files().request(path="/a.txt")
    assert (response.status, response.body) == (200, b"0123456789")
    assert response.get("Content-Type") == "text/plain; charset=utf-8"
    assert response.get("Accept-Ranges") == "bytes"
    assert response.get("Vary") is None
    assert re.fullmatch('"[0-9a-f]+-a"', response.get("ETag"))
    modified = email.utils.parsedate_to_datetime(response.get("Last-Modified"))
    assert int(modified.timestamp()) == int((root / "a.txt").stat().st_mtime)


def test_types_come_with_the_names(files, root):
    running = files()
    for name, kind in {"x.js": "text/javascript; charset=utf-8", "x.CSS": "text/css; charset=utf-8",
                       "x.woff2": "font/woff2", "x.webmanifest": "application/manifest+json",
                       "x": "application/octet-stream", "x.unknown-ending": "application/octet-stream",
                       "x.svg": "image/svg+xml", "x.json": "application/json"}.items():
        (root / name).write_bytes(b"")
        response = running.request(path=f"/{name}")
        assert (response.get("Content-Type"), response.body) == (kind, b"")


def test_head_says_what_get_would(files):
    running = files()
    got, asked = running.request(path="/a.txt"), running.request("HEAD", "/a.txt")
    own = ("Date", "X-Request-ID")
    assert {field for field in got.headers if field[0] not in own} == \
        {field for field in asked.headers if field[0] not in own}
    assert asked.get("Content-Length") == "10"


def test_other_methods_are_refused_by_name(files):
    running = files()
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        response = running.request(method, "/a.txt", body=b"")
        assert (response.status, response.get("Allow")) == (405, "GET, HEAD, OPTIONS")
    response = running.request("OPTIONS", "/a.txt")
    assert (response.status, response.get("Allow")) == (204, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("path", [
    "/.env", "/.git/config", "/%2eenv", "/dir/.hidden", "/none.txt", "/a.txt/", "/a.txt/b", "/..a",
    "/dir\\index.html", "/dir%5cindex.html", "/" + "x" * 300, "/" + "x/" * 3000, "/bare/", "/%ff%fe",
])
def test_what_is_not_to_be_served_is_not_found(files, path):
    assert files().request(path=path).status == 404


@pytest.mark.parametrize("path", ["/../outside.txt", "/%2e%2e/outside.txt", "/dir/..%2f..%2foutside.txt",
                                  "/a.txt%00.html", "/%", "/%2"])
def test_paths_that_climb_or_are_broken_are_refused(files, path):
    assert files().request(path=path).status == 400


@pytest.mark.parametrize("path", ["/dir/../a.txt", "//a.txt", "/./a.txt", "/dir/%2e%2e/a.txt", "/%61.txt",
                                  "/dir%2f..%2fa.txt"])
def test_other_spellings_of_a_path_are_the_same_file(files, path):
    assert files().request(path=path).body == b"0123456789"


def test_links_within_the_root_are_followed_and_others_are_not(files, root, directory):
    os.symlink("a.txt", root / "inside.txt")
    os.symlink("../outside.txt", root / "out.txt")
    os.symlink(directory / "outside.txt", root / "absolute.txt")
    os.symlink("..", root / "up")
    os.symlink("/proc/self/root/etc/passwd", root / "magic")
    os.symlink("loop", root / "loop")
    running = files()
    assert running.request(path="/inside.txt").body == b"0123456789"
    for path in ("/out.txt", "/absolute.txt", "/up/outside.txt", "/magic", "/loop"):
        assert running.request(path=path).status == 404


def test_a_fifo_neither_blocks_nor_is_served(files, root):
    os.mkfifo(root / "fifo")
    running = files()
    with running.client() as client:
        assert client.request(path="/fifo").status == 404
        assert client.request(path="/a.txt").status == 200


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_is_forbidden(files, root):
    (root / "a.txt").chmod(0)
    assert files().request(path="/a.txt").status == 403


def test_a_directory_gets_its_slash_and_its_index(files):
    running = files()
    response = running.request(path="/dir?x=1")
    assert (response.status, response.get("Location")) == (301, "/dir/?x=1")
    response = running.request(path="/dir/")
    assert (response.body, response.get("Content-Type")) == (b"<p>index", "text/html; charset=utf-8")
    assert running.request(path="/").status == 404


@pytest.mark.parametrize("path", ["//evil.test/..//dir", "/\\evil.test/../dir", "/%5cevil.test/../dir", "//dir"])
def test_the_slash_never_leads_to_another_server(files, path):
    response = files().request(path=path)
    assert (response.status, response.get("Location")) == (301, "/dir/")


def test_a_listing_is_shown_only_where_it_is_asked_for(files):
    response = files(listing=True).request(path="/bare/")
    assert response.status == 200
    assert b'<a href="./%3Cb%3E&amp;.txt">&lt;b&gt;&amp;.txt</a>' in response.body
    top = files(listing=True).request(path="/").body
    assert b'href="./dir/"' in top and b".env" not in top and b".git" not in top


def test_the_page_of_a_program_in_the_browser_answers_for_its_paths(files, root):
    (root / "index.html").write_bytes(b"<p>program")
    running = files(fallback="index.html")
    for path in ("/settings/profile", "/settings/profile?tab=1", "/bare/", "/a.txt/x"):
        response = running.request(path=path)
        assert (response.status, response.body) == (200, b"<p>program"), path
        assert response.get("Content-Type") == "text/html; charset=utf-8"
    assert running.request("HEAD", "/settings").get("Content-Length") == "10"
    # What is there, what is never served, and other methods are as they were.
    assert running.request(path="/a.txt").body == b"0123456789"
    assert running.request(path="/.env").status == 404
    assert running.request("POST", "/settings", body=b"x").status == 405
    (root / "index.html").unlink()
    assert running.request(path="/settings").status == 404


def test_the_path_of_the_route_is_taken_off(files):
    running = files(path="/static")
    assert running.request(path="/static/a.txt").body == b"0123456789"
    response = running.request(path="/static")
    assert (response.status, response.get("Location")) == (301, "/static/")
    assert running.request(path="/staticx").status == 404
    slash = files(path="/static/")
    assert slash.request(path="/static/a.txt").body == b"0123456789"
    assert slash.request(path="/static").status == 404


def test_conditions_are_evaluated_in_the_order_of_the_standard(files, root):
    os.utime(root / "a.txt", (1_700_000_000, 1_700_000_000))
    running = files()
    tag = running.request(path="/a.txt").get("ETag")
    same, before, after = (email.utils.formatdate(1_700_000_000 + shift, usegmt=True) for shift in (0, -1, 1))
    for status, headers in [
        (304, {"If-None-Match": tag}), (304, {"If-None-Match": f'"x", W/{tag}'}), (304, {"If-None-Match": "*"}),
        (200, {"If-None-Match": '"x"'}), (304, {"If-Modified-Since": same}), (304, {"If-Modified-Since": after}),
        (200, {"If-Modified-Since": before}), (200, {"If-Modified-Since": "yesterday"}),
        # The tag decides, not the date.
        (200, {"If-None-Match": '"x"', "If-Modified-Since": same}),
        (200, {"If-Match": tag}), (200, {"If-Match": "*"}), (412, {"If-Match": '"x"'}),
        (412, {"If-Match": f"W/{tag}"}), (200, {"If-Unmodified-Since": same}),
        (412, {"If-Unmodified-Since": before}), (200, {"If-Match": tag, "If-Unmodified-Since": before}),
        (304, {"If-Match": tag, "If-None-Match": tag}), (412, {"If-Match": '"x"', "If-None-Match": tag}),
        (304, {"If-None-Match": tag, "Range": "bytes=0-1"}),
    ]:
        response = running.request(path="/a.txt", headers=list(headers.items()))
        assert response.status == status, headers
        if status == 304:
            assert response.get("ETag") == tag and response.get("Content-Type") is None


@pytest.mark.parametrize("asked, status, body", [
    ("bytes=0-3", 206, b"0123"), ("bytes=4-", 206, b"456789"), ("bytes=-3", 206, b"789"),
    ("bytes=-30", 206, b"0123456789"), ("bytes=9-99999999999999999999999", 206, b"9"),
    ("bytes=2-4,3-6", 206, b"23456"), ("bytes=10-", 416, None), ("bytes=-0", 416, None),
    ("bytes=5-3", 200, b"0123456789"), ("items=0-3", 200, b"0123456789"), ("bytes=x", 200, b"0123456789"),
    ("bytes=" + ",".join(f"{n}-{n}" for n in range(0, 34, 2)), 200, b"0123456789"),
])
def test_ranges(files, asked, status, body):
    response = files().request(path="/a.txt", headers=[("Range", asked)])
    assert response.status == status
    if status == 416:
        assert response.get("Content-Range") == "bytes */10"
    else:
        assert response.body == body


def test_several_ranges_come_in_parts(files):
    response = files().request(path="/a.txt", headers=[("Range", "bytes=7-8, 0-1")])
    assert response.status == 206
    kind = response.get("Content-Type")
    message = email.message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + response.body)
    parts = [(part["Content-Range"], part.get_payload()) for part in message.get_payload()]
    assert parts == [("bytes 7-8/10", "78"), ("bytes 0-1/10", "01")]


def test_a_range_of_another_version_is_the_whole_file(files, root):
    os.utime(root / "a.txt", (1_700_000_000, 1_700_000_000))
    running = files()
    tag = running.request(path="/a.txt").get("ETag")
    date = email.utils.formatdate(1_700_000_000, usegmt=True)
    for status, condition in [(206, tag), (206, date), (200, '"x"'), (200, f"W/{tag}"),
                              (200, email.utils.formatdate(1_700_000_001, usegmt=True))]:
        headers = [("Range", "bytes=1-2"), ("If-Range", condition)]
        assert running.request(path="/a.txt", headers=headers).status == status, condition


def test_curl_resumes_a_download(files, root, authority, directory):
    content = os.urandom(3 * MIB)
    (root / "large.bin").write_bytes(content)
    (directory / "half").write_bytes(content[:MIB])
    running = files()
    done = subprocess.run(
        ["curl", "-sS", "--fail", "--cacert", authority.pem, "--resolve", f"{NAME}:{running.port}:127.0.0.1",
         "-C", "-", "-o", directory / "half", f"https://{NAME}:{running.port}/large.bin"],
        capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    assert (directory / "half").read_bytes() == content


def test_a_compressed_sibling_is_sent_to_who_takes_it(files, root):
    (root / "app.js.gz").write_bytes(b"gzipped")
    (root / "app.js.br").write_bytes(b"brotli")
    running = files(precompressed=["br", "zstd", "gzip"])
    tags = set()
    for accepts, body, coding in [
        ("gzip, deflate, br, zstd", b"brotli", "br"), ("gzip", b"gzipped", "gzip"), ("zstd", None, None),
        ("br;q=0.5, gzip", b"gzipped", "gzip"), ("br;q=0, *", b"gzipped", "gzip"), ("identity", None, None),
        ("identity, gzip;q=0.5", None, None), (None, None, None),
    ]:
        headers = [("Accept-Encoding", accepts)] if accepts else []
        response = running.request(path="/app.js", headers=headers)
        assert response.body == (body or b"let x = 1\n" * 100), accepts
        assert (response.get("Content-Encoding"), response.get("Vary")) == (coding, "Accept-Encoding")
        assert response.get("Content-Type") == "text/javascript; charset=utf-8"
        tags.add(response.get("ETag"))
        again = running.request(path="/app.js", headers=headers + [("If-None-Match", response.get("ETag"))])
        assert again.status == 304
    assert len(tags) == 3


def test_a_forgotten_sibling_is_not_sent(files, root):
    (root / "app.js.gz").write_bytes(b"old")
    os.utime(root / "app.js.gz", (1_000_000_000, 1_000_000_000))
    response = files(precompressed=["gzip"]).request(path="/app.js", headers=[("Accept-Encoding", "gzip")])
    assert response.body.startswith(b"let")


def memory(running):
    text = open(f"/proc/{running.child.process.pid}/status").read()
    return int(re.search(r"VmRSS:\s+(\d+) kB", text).group(1)) << 10


def test_a_large_file_goes_to_a_slow_client_in_little_memory(files, root):
    with open(root / "large.bin", "wb") as file:
        file.truncate(256 * MIB)
    running = files()
    running.request(path="/a.txt")
    before = memory(running)
    with running.client() as client:
        client.send_request(path="/large.bin")
        assert client.read_head().get("Content-Length") == str(256 * MIB)
        # Nothing is read for a while: the proxy must not read on for itself.
        assert running.request(path="/a.txt").status == 200
        assert memory(running) - before < 16 * MIB
        left, most = 256 * MIB - len(client.buffer), 0
        while left:
            part = client.socket.recv(min(left, MIB))
            assert part and not part.strip(b"\0")
            left -= len(part)
            most = max(most, memory(running)) if left % 64 == 0 else most
        assert most - before < 16 * MIB
        client.buffer.clear()
        assert client.request(path="/a.txt").body == b"0123456789"


def start_large(running):
    """A client that has read the head and little more of a file that does not fit between the two."""
    client = running.client()
    client.send_request(path="/large.bin")
    client.read_head()
    return client


def test_a_file_that_is_cut_while_it_is_sent_ends_the_connection(files, root):
    (root / "large.bin").write_bytes(b"x" * 64 * MIB)
    running = files()
    with start_large(running) as client:
        os.truncate(root / "large.bin", MIB)
        with pytest.raises(Cut):
            client.take(64 * MIB)
    eventually(lambda: "file-truncated" in running.access_text(), "a line of the log")
    assert running.request(path="/a.txt").status == 200


def test_a_file_that_is_replaced_is_sent_as_it_was(files, root):
    (root / "large.bin").write_bytes(b"x" * 64 * MIB)
    running = files()
    with start_large(running) as client:
        (root / "new").write_bytes(b"y")
        os.rename(root / "new", root / "large.bin")
        assert client.take(64 * MIB) == b"x" * 64 * MIB
        assert client.request(path="/large.bin").body == b"y"


def test_a_client_that_takes_nothing_is_given_up(files, root):
    (root / "large.bin").write_bytes(b"x" * 64 * MIB)
    running = files(timeouts={"send": "300ms"})
    with start_large(running) as client:
        eventually(lambda: "client-stalled" in running.access_text(), "a line of the log")
        with pytest.raises(Cut):
            client.take(64 * MIB)
    eventually(lambda: not [name for name in running.child.descriptors if "large.bin" in link(running, name)],
               "the file is closed")


def link(running, name):
    try:
        return os.readlink(f"/proc/{running.child.process.pid}/fd/{name}")
    except FileNotFoundError:
        return ""


def test_no_descriptor_is_left(files, root):
    running = files(precompressed=["br", "gzip"])
    with running.client() as client:
        client.request(path="/a.txt")
        before = len(running.child.descriptors)
        for path in ["/a.txt", "/dir/", "/dir", "/none", "/.env", "/bare/"] * 20:
            client.request(path=path)
            client.request("HEAD", path)
        eventually(lambda: len(running.child.descriptors) <= before, "what was opened is closed")
