"""Requests nobody would write: what the application is given is what a reference parser reads, or nothing.

The reference is h11. It may accept more than the proxy; what both accept has to mean the same.
"""

from collections import namedtuple

import h11
from hypothesis import given
from hypothesis import strategies as st

from support.client import Client, Cut, client_context
from support.generated import examples
from support.remains import rest
from support.uwsgi import answer

HOST = b"Host: app1.example.test"
LAST = b"GET /last HTTP/1.1\r\n" + HOST + b"\r\nConnection: close\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n\r\n"


COMPARED = ("X-Test", "X-Long", "Accept", "Cookie")
Message = namedtuple("Message", "method target body fields")


def mostly(usual, *unusual):
    """`usual` but for one case in twenty-four: a message has two dozen places that can go wrong."""
    return st.integers(1, 24).flatmap(lambda turn: st.sampled_from(unusual) if turn == 9 else st.just(usual))


NAMES = st.one_of(
    st.sampled_from([b"X-Test", b"Cookie", b"Accept", b"content-type", b"x_test", b"Connection", b"Expect", b"TE",
                     b"Upgrade", b"X-Forwarded-For", b"Proxy", b"Host ", b"Content-Length ", b"Transfer-Encoding\t"]),
    st.binary(min_size=1, max_size=6))
VALUES = st.one_of(
    st.sampled_from([b"a", b"", b"close", b"keep-alive", b"100-continue", b"chunked", b"\tx\t", b"a\x0bb", b"a\rb",
                     b"a\nContent-Length: 5", b"a\r\n b", b"a\0b", b"Content-Length", b"websocket", b"\xff\xfe"]),
    st.binary(max_size=12))
WEIRD = st.lists(st.builds(lambda name, colon, value: name + colon + value, NAMES,
                           mostly(b": ", b":", b" : ", b"", b":\t", b"::"), VALUES), max_size=2)
FIELDS = st.one_of(WEIRD, st.lists(st.sampled_from([
    b"X-Test:", b"Accept: */*", b"Cookie: a=b; c", b"Connection: close", b"Connection: keep-alive", b"Expect: 100-continue",
    b"X-Long: " + b"x" * 3000]), max_size=2))
HOSTS = mostly([HOST], [], [HOST, HOST], [b"Host: nowhere.test"], [b"host:app1.example.test:443"], [b"Host: a b"],
               [b"Host: app1.example.test, x"], [b"Host:"])
BODIES = st.one_of(st.just(b""), st.just(SMUGGLED), st.just(b"abc"), st.just(b"0\r\n\r\n"), st.binary(max_size=40))


@st.composite
def chunked(draw):
    """A body and its encoding, the latter mostly right."""
    out = b""
    for piece in draw(st.lists(BODIES, max_size=3)):
        size = draw(mostly(b"%x" % len(piece), b"%X" % len(piece), b"0%x" % len(piece), b"%x" % (len(piece) + 1),
                           b"-1", b"0x1", b" 1", b"", b"%x" % (1 << 64), b"+%x" % len(piece)))
        out += size + draw(mostly(b"", b";a=b", b" ;a", b" ", b";a\n", b";\x0b", b'; a="x;y"'))
        out += draw(mostly(b"\r\n", b"\n", b"\r")) + piece + draw(mostly(b"\r\n", b"\n", b"", b"\r\n\r\n", b"xx"))
    return out + draw(mostly(b"0\r\n\r\n", b"0\n\n", b"0\r\n", b"0\r\nX-Trailer: y\r\n\r\n", b"00\r\n\r\n",
                             b"0\r\nContent-Length: 5\r\n\r\n", b"0\r\n X: y\r\n\r\n", b"", b"0;x\r\n\r\n"))


@st.composite
def framed(draw):
    """Fields that say where a body ends, and the body; one of five is at odds with itself."""
    kind = draw(st.sampled_from(["none", "length", "length", "chunked", "chunked", "both"]))
    fields, body = [], b""
    if kind in ("length", "both"):
        body = draw(BODIES)
        count = b"%d" % len(body)
        fields += draw(mostly(
            [b"Content-Length: " + count], [b"Content-Length: " + count] * 2, [b"Content-Length: 0"] * 2,
            [b"Content-Length: " + count, b"Content-Length: 0"], [b"Content-Length: " + count + b", " + count],
            [b"Content-Length: +" + count], [b"Content-Length: 0x" + count], [b"Content-Length: 00" + count],
            [b"Content-Length: -1"], [b"Content-Length:"], [b"Content-Length: 18446744073709551616"],
            [b"Content-Length: " + count + b"\x0b"], [b"Content-Length: 1 0"], [b"Content-Length: 5"]))
    if kind in ("chunked", "both"):
        body = draw(chunked()) if kind == "chunked" else draw(st.one_of(st.just(body), chunked()))
        fields += draw(mostly(
            [b"Transfer-Encoding: chunked"], [b"Transfer-Encoding: Chunked"], [b"Transfer-Encoding: chunked, chunked"],
            [b"Transfer-Encoding: gzip, chunked"], [b"Transfer-Encoding: identity"], [b"Transfer-Encoding: chunked"] * 2,
            [b"Transfer-Encoding: chunked;q=1"], [b"Transfer-Encoding: \x0bchunked"], [b"Transfer-Encoding:\r\n chunked"],
            [b"Transfer-Encoding: chunked "], [b"Transfer-Encoding: xchunked"], [b"Transfer-Encoding:"],
            [b"Transfer-Encoding: chunked,"], [b"Transfer_Encoding: chunked"]))
    return draw(st.permutations(fields)), body


@st.composite
def messages(draw):
    method = draw(mostly(b"POST", b"GET", b"HEAD", b"get", b"PUT", b"OPTIONS", b"X-Y", b"", b"G(T", b"PRI", b"CONNECT"))
    target = draw(mostly(b"/a?b", b"/", b"*", b"http://app1.example.test/x", b"//x", b"/a b", b"/a\tb", b"", b"/\xff",
                         b"/%00", b"/a#b", b"app1.example.test:443", b"/%2e%2e/x", b"/\x7f"))
    version = draw(mostly(b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b"HTTP/1.10", b"HTTP/0.9", b""))
    space = draw(mostly(b" ", b"  ", b"\t", b"\x0b", b""))
    end = draw(mostly(b"\r\n", b"\n", b"\r\r\n", b"\r"))
    fields, body = draw(framed())
    lines = draw(st.permutations([*draw(HOSTS), *draw(FIELDS), *fields]))
    head = b"".join(line + end for line in [method + space + target + space + version, *lines])
    return head + draw(mostly(end, b"\r\n", b" \r\n", b"")) + body


def read_by_reference(data):
    """The requests that h11 finds, and whether it then waits for more."""
    found = []
    while data:
        data = data.removeprefix(b"\r\n")  # RFC 9112 §2.2 allows one, h11 does not
        reader, request, body = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 16), None, b""
        reader.receive_data(data)
        event = None
        while True:
            try:
                event = reader.next_event()
            except h11.RemoteProtocolError as error:
                if "Missing mandatory Host" in str(error):
                    # It has no place to go, but an end: the proxy answers 400 and goes on.
                    line, end, rest = data.partition(b"\n")
                    data = line + end + b"Host: nowhere\r\n" + rest
                    break
                return found, False
            if event is h11.NEED_DATA:
                return found, True
            if isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                return found, False
        if not isinstance(event, h11.EndOfMessage):
            continue
        target = request.target.decode("latin-1").removeprefix("http://app1.example.test")
        found.append(Message(request.method.decode(), target, body, {
            name: [value.decode("latin-1") for key, value in request.headers if key == name.lower().encode()]
            for name in COMPARED}))
        tokens = b",".join(value for name, value in request.headers if name == b"connection").lower()
        if b"close" in tokens or request.http_version < b"1.1" and b"keep-alive" not in tokens:
            return found, False
        data = reader.trailing_data[0]
    return found, True


def read_by_proxy(request):
    """A request as the application is given it."""
    environ = request.environ
    fields = {name: environ.get(f"HTTP_{name.upper().replace('-', '_')}") for name in COMPARED}
    return Message(environ["REQUEST_METHOD"], environ["REQUEST_URI"], request.body, fields)


def is_same(came, wanted):
    """What several fields of a name become is not looked at."""
    return came[:3] == wanted[:3] and all(
        [came.fields[name]] == (values or [None]) for name, values in wanted.fields.items() if len(values) < 2)


def are_among(came, wanted):
    """Whether what came was wanted, in the same order."""
    rest = iter(wanted)
    return all(any(is_same(each, other) for other in rest) for each in came)


def converse(client, data, cuts, methods, waits):
    """The statuses of the answers to `data`, sent in pieces, and whether the server ended the connection."""
    statuses = []
    try:
        for first, last in zip([0, *cuts], [*cuts, len(data)]):
            client.send(data[first:last])
    except OSError:
        pass  # the server has refused already
    try:
        while not waits or len(statuses) < len(methods):
            method = methods[len(statuses)] if len(statuses) < len(methods) else "GET"
            # What is refused for its head may have been a HEAD, or not: what follows the last head is passed over.
            response = client.read_response("HEAD")
            statuses.append(response.status)
            if response.get("Connection") == "close":
                while client.more():
                    pass
                return statuses, True
            if method != "HEAD":
                client.take(int(response.get("Content-Length")))
    except Cut as cut:
        assert str(cut) == "ended within b''", f"an answer was cut: {cut}"
        return statuses, True
    return statuses, False


def test_the_application_is_given_what_was_asked_or_nothing(edge, scripted):
    def script(connection, request):
        connection.sendall(answer(b"" if request.environ["REQUEST_METHOD"] == "HEAD" else b"good"))

    peer = scripted(script)
    running = edge({"app1": [peer.address]}, workers=1, timeouts={"head": "2s", "body": "2s"})
    context, told = client_context(running.authority), {"accepted": 0, "refused": 0}

    @examples(600)
    @given(st.lists(messages(), min_size=1, max_size=2), st.lists(st.integers(0, 400), max_size=4))
    def check(parts, cuts):
        data = b"".join(parts) + LAST
        wanted, waits = read_by_reference(data)
        cuts = sorted({min(cut, len(data)) for cut in cuts})
        peer.requests.clear()
        with Client(running.port, context=context) as client:
            statuses, ended = converse(client, data, cuts, [each.method for each in wanted], waits)
        came = [read_by_proxy(each) for each in peer.requests]
        assert are_among(came, wanted), f"{came} of {wanted}"
        assert len(statuses) <= len(wanted) + 1
        assert statuses.count(200) == len(came), (statuses, came)
        assert all(status == 200 or 400 <= status < 600 for status in statuses), statuses
        if len(statuses) > len(wanted):
            assert statuses[-1] >= 400 and ended, statuses
        told["accepted"] += len(came)
        told["refused"] += sum(status >= 400 for status in statuses)

    check()
    print(told)
    assert min(told.values()) > 200, f"the examples are one-sided: {told}"
    assert running.request().status == 200
    rest(running)
