"""A page and what it asks for: pieces, a WebSocket, events that wait to be told, uploads, cookies."""

import hashlib
import json
import threading
from urllib.parse import parse_qs

import uwsgi

acknowledged = threading.Semaphore(0)

PAGE = b"""<!doctype html><meta charset=utf-8><title>Page</title>
<link rel=stylesheet href=/piece/style.css><script src=/piece/script.js></script><p>loaded"""


def application(environ, start_response):
    path, query = environ["PATH_INFO"], parse_qs(environ["QUERY_STRING"])

    def answer(body, kind="text/plain", *fields, status="200 OK"):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body))), *fields])
        return [body]

    if path == "/":
        return answer(PAGE, "text/html", ("Set-Cookie", "first=1; Secure; HttpOnly; Path=/; SameSite=Strict"),
                      ("Set-Cookie", "second=2; Secure; Path=/"))
    if path == "/cookies":
        return answer(sorted(environ.get("HTTP_COOKIE", "").split("; ")))
    if path.startswith("/piece/"):
        kind = {"css": "text/css", "js": "text/javascript"}.get(path.rpartition(".")[2], "text/plain")
        return answer(f"/* {path} from {environ['REMOTE_PORT']} */".encode() * 100, kind, ("Cache-Control", "no-store"))
    if path == "/socket":
        return echo()
    if path == "/events":
        return events(start_response, int(query["count"][0]))
    if path == "/acknowledge":
        acknowledged.release()
        return answer(b"")
    if path == "/upload":
        digest, length = hashlib.sha256(), 0
        while block := environ["wsgi.input"].read(65536):
            digest.update(block)
            length += len(block)
        return answer({"length": length, "sha256": digest.hexdigest()})
    return answer(b"no such page\n", status="404 Not Found")


def echo():
    uwsgi.websocket_handshake()
    while True:
        message = uwsgi.websocket_recv()
        uwsgi.websocket_send(b"echo of " + message)


def events(start_response, count):
    """Each event is made when the page has said that it has the one before."""
    start_response("200 OK", [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")])
    for number in range(count):
        if number > 0 and not acknowledged.acquire(timeout=20):
            return
        yield b"id: %d\ndata: event %d\n\n" % (number, number)
