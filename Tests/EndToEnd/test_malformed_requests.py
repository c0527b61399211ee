"""Requests whose framing can be read in two ways are refused, and what follows them is never a request."""

import pytest

HOST = "Host: app1.example.test\r\n"
SMUGGLED = "GET /smuggled HTTP/1.1\r\n" + HOST + "\r\n"


def get(fields="", target="/", version="HTTP/1.1", host=HOST):
    return f"GET {target} {version}\r\n{host}{fields}\r\n"


def post(fields, body=""):
    return f"POST / HTTP/1.1\r\n{HOST}{fields}\r\n{body}"


def chunks(body, fields=""):
    return post(f"Transfer-Encoding: chunked\r\n{fields}", body)


LAST = "0\r\n\r\n"
REFUSED = {
    "CL.TE": (400, post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", LAST + "G")),
    "TE.CL": (400, post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "5c\r\nGPOST\r\n" + LAST)),
    "TE.TE": (400, post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", LAST)),
    "TE twice": (400, post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", LAST)),
    "TE list": (501, post("Transfer-Encoding: gzip, chunked\r\n", LAST)),
    "TE list, chunked first": (400, post("Transfer-Encoding: chunked, gzip\r\n", LAST)),
    "TE list twice": (400, post("Transfer-Encoding: chunked, chunked\r\n", LAST)),
    "TE unknown": (400, post("Transfer-Encoding: xchunked\r\n", LAST)),
    "TE quoted": (400, post('Transfer-Encoding: "chunked"\r\n', LAST)),
    "TE empty": (400, post("Transfer-Encoding:\r\n", LAST)),
    "TE vertical tab": (400, post("Transfer-Encoding: \x0bchunked\r\n", LAST)),
    "TE space before colon": (400, post("Transfer-Encoding : chunked\r\n", LAST)),
    "TE folded": (400, post("Transfer-Encoding:\r\n chunked\r\n", LAST)),
    "TE in HTTP/1.0": (400, chunks(LAST).replace("HTTP/1.1", "HTTP/1.0")),
    "CL twice, different": (400, post("Content-Length: 1\r\nContent-Length: 0\r\n", "x")),
    "CL twice, same": (400, post("Content-Length: 1\r\nContent-Length: 1\r\n", "x")),
    "CL list": (400, post("Content-Length: 1, 1\r\n", "x")),
    "CL empty": (400, post("Content-Length:\r\n")),
    "CL plus": (400, post("Content-Length: +1\r\n", "x")),
    "CL minus": (400, post("Content-Length: -1\r\n", "x")),
    "CL hexadecimal": (400, post("Content-Length: 0x1\r\n", "x")),
    "CL fraction": (400, post("Content-Length: 1.0\r\n", "x")),
    "CL underscore": (400, post("Content-Length: 1_0\r\n", "x")),
    "CL inner space": (400, post("Content-Length: 1 0\r\n", "x")),
    "CL 2^64": (400, post("Content-Length: 18446744073709551616\r\n", "x")),
    "CL 2^64+1": (400, post("Content-Length: 18446744073709551617\r\n", "x")),
    "CL huge": (413, post("Content-Length: 9223372036854775807\r\n", "x")),
    "bare LF": (400, get().replace("\r\n", "\n")),
    "bare LF within": (400, get("X: a\nContent-Length: 5\r\n")),
    "bare CR within": (400, get("X: a\rContent-Length: 5\r\n")),
    "CR CR LF": (400, get("X: a\r\r\n")),
    "folded field": (400, get("X: a\r\n b\r\n")),
    "folded first field": (400, get(" folded: yes\r\n", host="")),
    "NUL in a value": (400, get("X: a\0b\r\n")),
    "NUL in a name": (400, get("X\0: a\r\n")),
    "space before colon": (400, get("X : a\r\n")),
    "no colon": (400, get("X\r\n")),
    "no name": (400, get(": a\r\n")),
    "space in a name": (400, get("X Y: a\r\n")),
    "chunk extension bare LF": (400, chunks("1;a\nx\r\n" + LAST)),
    "chunk extension NUL": (400, chunks("1;a\0\r\nx\r\n" + LAST)),
    "chunk extension long": (400, chunks("1;" + "a" * 5000 + "\r\nx\r\n" + LAST)),
    "chunk size sign": (400, chunks("+1\r\nx\r\n" + LAST)),
    "chunk size prefix": (400, chunks("0x1\r\nx\r\n" + LAST)),
    "chunk size space": (400, chunks("1 \r\nx\r\n" + LAST)),
    "chunk size empty": (400, chunks("\r\nx\r\n" + LAST)),
    "chunk size 2^64": (400, chunks("10000000000000001\r\nx\r\n" + LAST)),
    "chunk size bare LF": (400, chunks("1\nx\r\n" + LAST)),
    "chunk too long": (400, chunks("1\r\nxy\r\n" + LAST)),
    "chunk end bare LF": (400, chunks("1\r\nx\n" + LAST)),
    "last chunk bare LF": (400, chunks("0\r\n\n")),
    "trailer without colon": (400, chunks("0\r\nbad\r\n\r\n")),
    "trailer folded": (400, chunks("0\r\nA: b\r\n c\r\n\r\n")),
    "trailer NUL": (400, chunks("0\r\nA: b\0\r\n\r\n")),
    "trailers huge": (400, chunks("0\r\nA: " + "b" * 9000 + "\r\n\r\n")),
    "Expect unknown": (417, post("Expect: 200-ok\r\nContent-Length: 1\r\n", "x")),
    "Expect list": (417, post("Expect: 100-continue, y\r\nContent-Length: 1\r\n", "x")),
    "Expect prefixed": (417, post("Expect: y 100-continue\r\nContent-Length: 1\r\n", "x")),
    "URI of 64 KiB": (414, get(target="/" + "u" * 65536)),
    "head of 33 KiB": (431, get("X: " + "x" * 33 * 1024 + "\r\n")),
    "101 fields": (431, get("".join(f"X-{n}: y\r\n" for n in range(100)))),
    "HTTP/2.0": (505, get(version="HTTP/2.0")),
    "HTTP/1.2": (505, get(version="HTTP/1.2")),
    "HTTP/0.9": (505, get(version="HTTP/0.9")),
    "no version": (400, "GET /\r\n"),
    "version lower case": (400, get(version="http/1.1")),
    "version long": (400, get(version="HTTP/1.10")),
    "two spaces": (400, get(target=" /")),
    "space in the target": (400, get(target="/a b")),
    "space before the method": (400, " " + get()),
    "two empty lines": (400, "\r\n\r\n" + get()),
    "control byte in the target": (400, get(target="/a\x01")),
    "fragment": (400, get(target="/a#b")),
    "a method of 10 KB": (501, "M" * 10240 + f" / HTTP/1.1\r\n{HOST}\r\n"),
    "14000 nominations": (431, get("Connection: " + "a," * 14000 + "\r\n")),
    "connect": (501, f"CONNECT app1.example.test:443 HTTP/1.1\r\n{HOST}\r\n"),
    "HTTP/2 preface": (505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "two Hosts": (400, get(HOST)),
    "two Hosts that differ": (400, get("Host: app2.example.test\r\n")),
    "Host with a path": (400, get(host="Host: app1.example.test/x\r\n")),
    "Host with a user": (400, get(host="Host: x@app1.example.test\r\n")),
    "Host list": (400, get(host="Host: app1.example.test, x\r\n")),
    "absolute target with a Host that is none": (400, get(target="https://app1.example.test/", host="Host: @\r\n")),
    "absolute target of another scheme": (400, get(target="ftp://app1.example.test/")),
    "climbing path": (400, get(target="/../x")),
    "climbing path, encoded": (400, get(target="/a/%2e%2e/%2E./x")),
    "climbing path, encoded slash": (400, get(target="/..%2fx")),
    "encoded NUL": (400, get(target="/a%00b")),
    "broken escape": (400, get(target="/a%4")),
    "escape of no digits": (400, get(target="/a%zz")),
}


@pytest.mark.parametrize("vector", REFUSED)
def test_a_doubtful_request_is_refused_and_ends_its_connection(edge, scripted, vector):
    status, raw = REFUSED[vector]
    peer = scripted()
    running = edge({"app1": [peer.address]}, workers=1)
    with running.client() as client:
        client.send((raw + SMUGGLED).encode("latin-1"))
        response = client.read_response()
        assert (response.status, response.get("Connection")) == (status, "close")
        assert client.at_end(), "something was sent after the refusal"
    assert running.request(path="/after").status == 200
    assert [request.environ["PATH_INFO"] for request in peer.requests] == ["/after"]
