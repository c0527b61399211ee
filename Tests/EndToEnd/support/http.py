"""A scripted HTTP/1.1 server, for applications that are asked over http."""

import ssl

from .uwsgi import ScriptedUWSGI, answer, read_exactly


class Request:
    """A request as it came: its first line, its fields in order, its body.

    `connection` and `place` say on which connection it came and as which request of that, from 0.
    """

    def __init__(self, method, target, headers, body, connection, place):
        self.method, self.target, self.headers, self.body = method, target, headers, body
        self.connection, self.place = connection, place

    def get_all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name):
        values = self.get_all(name)
        return values[0] if values else None


def read_head(connection):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += read_exactly(connection, 1)
    return head.decode("latin-1").split("\r\n")[:-2]


class ScriptedHTTP(ScriptedUWSGI):
    """Hands each request to `script(connection, request)`; a connection goes on while that returns true.

    With `context` it speaks TLS. `connections` counts those that were accepted.
    """

    def __init__(self, script=None, directory=None, context=None, address="127.0.0.1"):
        self.context, self.connections = context, 0
        super().__init__(script or good, directory, address)

    def _serve(self, connection):
        with self.arrived:
            number = self.connections
            self.connections += 1
        with connection:
            try:
                if self.context:
                    connection = self.context.wrap_socket(connection, server_side=True)
                place = 0
                while self.script(connection, self._read(connection, number, place)):
                    place += 1
            except OSError:
                pass
            finally:
                connection.close()

    def _read(self, connection, number, place):
        lines = read_head(connection)
        method, target, version = lines[0].split(" ")
        assert version == "HTTP/1.1"
        headers = [tuple(line.split(": ", 1)) for line in lines[1:]]
        request = Request(method, target, headers, b"", number, place)
        assert request.get("Transfer-Encoding") is None
        request.body = read_exactly(connection, int(request.get("Content-Length") or 0))
        with self.arrived:
            self.requests.append(request)
            self.arrived.notify_all()
        return request


def good(connection, request):
    whole = answer(b"good")
    connection.sendall(whole[:-4] if request.method == "HEAD" else whole)
    return True


def server_context(certificate):
    """TLS for a server with a certificate of the test's authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain, certificate.key)
    return context
