"""Fields of every shape: ranges, conditions, codings and cookies mean what the standard says, and never more."""

import email
import re

from hypothesis import given
from hypothesis import strategies as st

from support.codings import decoder
from support.generated import examples
from support.http2 import Peer
from support.remains import rest
from support.uwsgi import answer

SIZE = 1000
CONTENTS = bytes(range(250)) * 4
PAGE = b"<p>a page that is long enough</p>\n" * 200

NUMBERS = st.one_of(st.integers(0, SIZE + 20), st.sampled_from([0, 1, SIZE - 1, SIZE, 1 << 63, 1 << 64, 10**30]))
RANGES = st.one_of(
    st.builds(lambda a, b: f"{a}-{b}", NUMBERS, NUMBERS), st.builds(lambda a: f"{a}-", NUMBERS),
    st.builds(lambda a: f"-{a}", NUMBERS),
    st.sampled_from(["", "-", "--1", "a-b", "1-2-3", " 5-6 ", "+1-2", "1 -2", "0x1-", "\t1-1"]))
RANGE_FIELDS = st.one_of(
    st.builds(lambda parts, comma: "bytes=" + comma.join(parts), st.lists(RANGES, min_size=1, max_size=6),
              st.sampled_from([",", ", ", " ,", ",,"])),
    st.builds(lambda unit, part: f"{unit}={part}", st.sampled_from(["Bytes", "items", "bytes ", ""]), RANGES),
    st.text("bytes=-,0123456789 ", max_size=20))


def asked(part):
    """What one range asks for, as the first and last byte; None where nothing satisfies it."""
    first, _, last = part.partition("-")
    if not first:
        return (max(0, SIZE - int(last)), SIZE - 1) if int(last) else None
    return (int(first), min(int(last or SIZE), SIZE - 1)) if int(first) < SIZE else None


def is_valid(part):
    """RFC 9110 §14.1.1."""
    match = re.fullmatch(r"(\d+)-(\d*)|-(\d+)", part, re.ASCII)
    return bool(match) and (not match[2] or int(match[1]) <= int(match[2]))


def parts_of(response):
    """What came of the file, as first and last byte and the bytes."""
    kind = response.get("Content-Type")
    if not kind.startswith("multipart/byteranges"):
        return [(*bounds(response.get("Content-Range")), response.body)]
    whole = email.message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + response.body)
    boundary = b"\r\n--" + whole.get_boundary().encode()
    pieces = (b"\r\n" + response.body.removeprefix(b"\r\n")).split(boundary)
    assert pieces[-1].startswith(b"--")
    found = []
    for piece in pieces[1:-1]:
        head, _, body = piece.partition(b"\r\n\r\n")
        field = re.search(rb"(?i)content-range: ([^\r]*)", head)[1].decode()
        found.append((*bounds(field), body))
    return found


def bounds(field):
    first, last = re.fullmatch(rf"bytes (\d+)-(\d+)/{SIZE}", field).groups()
    return int(first), int(last)


def test_what_is_sent_for_a_range_is_what_was_asked_for(edge, scripted, directory):
    (directory / "www").mkdir()
    (directory / "www" / "file").write_bytes(CONTENTS)
    running = edge({"app1": [scripted().address]}, workers=1, routes=[
        {"host": "app1.example.test", "files": {"directory": str(directory / "www")}}])
    client = running.client()
    tag = client.request("HEAD", "/file").get("ETag")
    seen = set()
    validators = st.sampled_from([None, None, tag, f"W/{tag}", '"other"', "garbage", ""])

    @examples(500)
    @given(RANGE_FIELDS, validators)
    def check(field, validator):
        fields = [("Range", field), *([("If-Range", validator)] if validator is not None else [])]
        response = client.request("GET", "/file", fields)
        seen.add(response.status)
        unit, _, rest_of_field = field.partition("=")
        parts = rest_of_field.split(",")
        if validator not in (None, tag):
            assert response.status in (200, 400), response
        elif unit.lower() == "bytes" and len(parts) == 1 and is_valid(parts[0]):
            wanted = asked(parts[0])
            assert response.status == (206 if wanted else 416), response
            assert not wanted or parts_of(response)[0][:2] == wanted, response
        if response.status == 206:
            for first, last, body in parts_of(response):
                assert body == CONTENTS[first : last + 1]
                mentioned = [asked(part.strip()) for part in parts if is_valid(part.strip())]
                assert any(each and each[0] <= last and first <= each[1] for each in mentioned), response
        elif response.status == 416:
            assert response.get("Content-Range") == f"bytes */{SIZE}"
        else:
            assert response.status == 200 and response.body == CONTENTS, response

    check()
    assert seen == {200, 206, 416}
    client.close()
    rest(running)


def test_a_condition_holds_for_its_tag_and_for_no_other(edge, scripted, directory):
    (directory / "www").mkdir()
    (directory / "www" / "file").write_bytes(CONTENTS)
    running = edge({"app1": [scripted().address]}, workers=1, routes=[
        {"host": "app1.example.test", "files": {"directory": str(directory / "www")}}])
    client = running.client()
    tag = client.request("HEAD", "/file").get("ETag")
    tags = st.one_of(st.sampled_from([tag, f"W/{tag}", '""', 'W/"x"', '"a,b"', f'"{tag[1:-1]}x"', f'"x{tag[1:-1]}"']),
                     st.text("abc,*! /W", max_size=5).map(lambda text: f'"{text}"'))
    seen = set()

    @examples(300)
    @given(st.lists(tags, min_size=1, max_size=5), st.sampled_from([",", ", ", " , "]))
    def check(given_tags, comma):
        field = comma.join(given_tags)
        response = client.request("GET", "/file", [("If-None-Match", field)])
        matches = any(each.removeprefix("W/") == tag for each in given_tags)
        assert response.status == (304 if matches else 200), (field, response)
        # RFC 9110 §13.1.1: If-Match compares strongly.
        response = client.request("GET", "/file", [("If-Match", field)])
        assert response.status == (200 if tag in given_tags else 412), (field, response)
        seen.add(matches)

    check()
    assert seen == {True, False}
    client.close()


CODINGS = st.builds(
    lambda name, space, weight: name + space + (f";{space}q={weight}" if weight is not None else ""),
    st.sampled_from(["gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "identity", "*", "gzipx", ""]),
    st.sampled_from(["", " "]),
    st.sampled_from([None, None, "1", "0", "0.000", "0.001", "0.5", "1.000"]))


def name_of(coding):
    return coding.split(";")[0].strip().lower().removeprefix("x-")


def codings_of(field):
    """RFC 9110 §12.5.3: the weights of what may be sent, by what names it or else by `*`, if the plain body is not liked
    better."""
    named = {}
    for part in field.lower().split(","):
        name, *parameters = (each.strip() for each in part.split(";"))
        named[name.removeprefix("x-")] = float(parameters[0].removeprefix("q=")) if parameters else 1.0
    weights = {coding: named.get(coding, named.get("*", 0)) for coding in ("zstd", "br", "gzip")}
    return {coding: weight for coding, weight in weights.items() if weight and weight >= named.get("identity", 0)}


def test_a_page_is_compressed_for_who_accepts_that(edge, scripted):
    whole = answer(PAGE, headers=["Content-Type: text/html"])
    running = edge({"app1": [scripted(lambda connection, request: connection.sendall(whole)).address]}, workers=1,
                   compress={"default": "on"})
    client, seen = running.client(), set()

    @examples(300)
    @given(st.lists(CODINGS, max_size=4, unique_by=name_of), st.sampled_from([",", ", "]))
    def check(codings, comma):
        field = comma.join(codings)
        response = client.request("GET", "/", [("Accept-Encoding", field)])
        coding, weights = response.get("Content-Encoding"), codings_of(field)
        assert (decoder(coding).decompress(response.body) if coding else response.body) == PAGE
        assert response.get("Vary") == "Accept-Encoding"
        assert coding in weights if weights else coding is None, (field, response)
        assert not coding or weights[coding] == max(weights.values()), (field, response)
        seen.add(coding)

    check()
    assert seen == {None, "gzip", "br", "zstd"}
    client.close()
    rest(running)


COOKIE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, blacklist_characters=";,"), min_size=1, max_size=30)


def test_cookies_arrive_as_they_were_sent_over_either_protocol(edge, scripted):
    backend = scripted()
    running = edge({"app1": [backend.address]}, workers=1)
    client = running.client()

    with Peer(running.port, running.authority) as peer:
        @examples(300)
        @given(st.lists(COOKIE, min_size=1, max_size=8))
        def check(crumbs):
            backend.requests.clear()
            whole = "; ".join(crumbs)
            assert client.request("GET", "/", [("Cookie", whole)]).status == 200
            assert peer.request("GET", "/", extra=[("cookie", crumb) for crumb in crumbs]).status == 200
            assert [each.environ["HTTP_COOKIE"] for each in backend.requests] == [whole, whole]

        check()
    client.close()
    rest(running)
