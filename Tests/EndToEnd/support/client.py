"""An HTTPS client that can be wrong on purpose: server name, Host and every byte are the test's."""

import socket
import ssl

PATIENCE = 20


class Response:
    def __init__(self, status, reason, headers, body):
        self.status, self.reason, self.headers, self.body = status, reason, headers, body

    def __repr__(self):
        return f"<{self.status} {self.reason} {self.headers} {self.body[:200]!r}>"

    def get_all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name):
        values = self.get_all(name)
        return values[0] if values else None


class Cut(Exception):
    """The connection ended before the message did."""


def open_socket(port, address="127.0.0.1"):
    """A connection that sends what it is given at once."""
    one = socket.create_connection((address, port), PATIENCE)
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return one


def receive(one):
    """What comes next; nothing at the end of the stream, however it ended."""
    try:
        return one.recv(65536)
    except (ConnectionError, ssl.SSLEOFError):
        return b""


class Client:
    """One connection. `name` is the server name of the handshake (None: none is sent) and, unless a test
    says otherwise, the Host. `authority` None speaks plain HTTP."""

    def __init__(self, port, name="app1.example.test", authority=None, version=None, context=None, session=None,
                 address="127.0.0.1"):
        self.name = name
        self.socket = open_socket(port, address)
        if authority or context:
            context = context or client_context(authority, version, verify_name=name is not None)
            self.socket = context.wrap_socket(self.socket, server_hostname=name, session=session)
        self.buffer = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    @property
    def certificate(self):
        """The names of the certificate that the server chose."""
        return {value for kind, value in self.socket.getpeercert()["subjectAltName"] if kind == "DNS"}

    def send(self, *parts):
        self.socket.sendall(b"".join(part.encode() if isinstance(part, str) else part for part in parts))

    def send_request(self, method="GET", path="/", headers=(), body=None, host=None):
        """`host` is the Host field; the empty string leaves it out."""
        host = self.name if host is None else host
        lines = [f"{method} {path} HTTP/1.1"]
        lines += [f"Host: {host}"] if host else []
        lines += [f"{key}: {value}" for key, value in headers]
        lines += [f"Content-Length: {len(body)}"] if body is not None else []
        self.send("\r\n".join(lines), "\r\n\r\n", body or b"")

    def request(self, method="GET", path="/", headers=(), body=None, host=None):
        self.send_request(method, path, headers, body, host)
        return self.read_response(method)

    def more(self):
        """Adds what comes next to the buffer; False at the end of the stream, however it ended."""
        part = receive(self.socket)
        self.buffer += part
        return bool(part)

    def take(self, count):
        while len(self.buffer) < count:
            if not self.more():
                raise Cut(f"{len(self.buffer)} of {count} bytes came")
        part = bytes(self.buffer[:count])
        del self.buffer[:count]
        return part

    def take_through(self, mark):
        while (at := self.buffer.find(mark)) < 0:
            if not self.more():
                raise Cut(f"ended within {bytes(self.buffer[:200])!r}")
        return self.take(at + len(mark))

    def read_head(self):
        lines = self.take_through(b"\r\n\r\n").decode("latin-1").split("\r\n")[:-2]
        version, status, reason = (lines[0] + "  ").split(" ", 2)
        assert version == "HTTP/1.1", lines[0]
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
        return Response(int(status), reason.strip(), headers, b"")

    def read_chunk(self):
        """One chunk's payload; empty for the last."""
        size = int(self.take_through(b"\r\n").split(b";")[0], 16)
        if size == 0:
            while self.take_through(b"\r\n") != b"\r\n":
                pass
            return b""
        part = self.take(size)
        assert self.take(2) == b"\r\n"
        return part

    def read_response(self, method="GET", interim=False):
        """The next response; those of the 1xx kind are passed over unless `interim`."""
        response = self.read_head()
        while response.status < 200 and response.status != 101 and not interim:
            response = self.read_head()
        if method == "HEAD" or response.status < 200 or response.status in (204, 304):
            return response
        length = response.get("Content-Length")
        if response.get("Transfer-Encoding") == "chunked":
            assert length is None, "a response with two framings"
            response.body = b"".join(iter(self.read_chunk, b""))
        elif length is not None:
            response.body = self.take(int(length))
        else:
            while self.more():
                pass
            response.body = self.take(len(self.buffer))
        return response

    def at_end(self):
        """Whether the server closes without sending anything more."""
        return not self.buffer and not self.more()


def client_context(authority, version=None, verify_name=True, protocols=("http/1.1",)):
    context = ssl.create_default_context(cafile=authority.pem)
    context.check_hostname = verify_name
    context.set_alpn_protocols(list(protocols))
    if version:
        context.minimum_version = context.maximum_version = version
    return context
