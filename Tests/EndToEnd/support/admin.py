"""The admin socket as its users see it: bytes over the socket, and the commands of the program."""

import json
import os
import socket
import subprocess

from .client import Response
from .edge import binary
from .processes import PATIENCE


def connect(address):
    """`address` is a path, or a host and a port."""
    kind = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
    connection = socket.socket(kind)
    connection.settimeout(PATIENCE)
    connection.connect(address if isinstance(address, tuple) else str(address))
    return connection


def receive(connection):
    """Everything up to the end, as a response."""
    data = b""
    while piece := connection.recv(65536):
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    _, status, reason = line.split(" ", 2)
    return Response(int(status), reason, [tuple(field.split(": ", 1)) for field in fields], body)


def ask(address, target, method="GET", fields=(("Host", "localhost"),)):
    with connect(address) as connection:
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return receive(connection)


def status(edge):
    """The status as it comes over the socket."""
    response = ask(edge.admin, "/status")
    assert response.status == 200, response
    assert response.get("Content-Type") == "application/json"
    return json.loads(response.body)


def command(edge, *words):
    """`edgeproxy WORDS --config FILE`: exit status, standard output, standard error."""
    done = subprocess.run(
        [binary(), *words, "--config", str(edge.file)], capture_output=True, text=True, timeout=PATIENCE,
        env={**os.environ})
    return done.returncode, done.stdout, done.stderr
