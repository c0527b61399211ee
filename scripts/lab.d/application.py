"""The application that instances in the laboratory run, as WSGI and without a framework.

Every answer carries the hash of its body, in X-Checksum or as the last line of a stream, so that a torn one
shows. APP, SERVER and JOURNAL come from the environment: a POST appends its id to the journal, so that an id
found twice was executed twice. The edge's own id of the request stands beside it: one id means that an edge
sent the request twice, two that the client did.
"""

import hashlib
import os
import time

NAME, SERVER, JOURNAL = os.environ["APP"], os.environ["SERVER"], os.environ["JOURNAL"]
LARGE = bytes(range(256)) * 4096
STREAM_PARTS, STREAM_PAUSE = 10, 0.1


def stream():
    """A second of lines, and the hash of all of them in the last."""
    digest = hashlib.sha256()
    for number in range(STREAM_PARTS):
        line = f"{number} {'.' * 500}\n".encode()
        digest.update(line)
        yield line
        time.sleep(STREAM_PAUSE)
    yield f"sha256 {digest.hexdigest()}\n".encode()


def read_body(environ):
    return environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))


def order(environ):
    """One short append is one write, and is never interleaved."""
    identity = read_body(environ).split(b" ", 1)[0].decode("ascii")[:100]
    passage = environ.get("HTTP_X_REQUEST_ID", "-")[:100]
    descriptor = os.open(JOURNAL, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, f"{identity} {passage}\n".encode())
    finally:
        os.close(descriptor)
    return identity.encode()


def application(environ, start_response):
    path, status = environ["PATH_INFO"], "200 OK"
    if path == "/stream":
        start_response(status, [("X-Node", SERVER), ("Content-Type", "text/plain")])
        return stream()
    if path == "/fast":
        body = f"{NAME} on {SERVER}, process {os.getpid()}\n".encode()
    elif path == "/slow":
        time.sleep(0.3)
        body = b"slow\n"
    elif path == "/large":
        body = LARGE
    elif path == "/order":
        body = order(environ)
    elif path == "/hash":
        body = hashlib.sha256(read_body(environ)).hexdigest().encode()
    else:
        status, body = "404 Not Found", b"no such path\n"
    start_response(status, [
        ("Content-Type", "text/plain"), ("Content-Length", str(len(body))), ("X-Node", SERVER), ("X-App", NAME),
        ("X-Checksum", hashlib.sha256(body).hexdigest())])
    return [body]
