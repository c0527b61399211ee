"""Clients that end their side before they read, that read only when all is sent, or that speak no TLS."""

import socket
import ssl
import threading

import pytest

from support.client import PATIENCE, Client, client_context, open_socket
from support.processes import eventually
from support.uwsgi import answer

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


class Engine:
    """TLS whose records are the test's: close_notify goes out alone, and the connection stays open."""

    def __init__(self, running, version):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = client_context(running.authority, version)
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="app1.example.test")
        self.socket = open_socket(running.port)
        self.step(self.tls.do_handshake)

    def step(self, call):
        """What `call` comes to once enough has arrived; nothing at the end of the stream."""
        while True:
            try:
                return call()
            except ssl.SSLWantReadError:
                self.flush()
                part = self.socket.recv(65536)
                self.incoming.write(part) if part else self.incoming.write_eof()
            except ssl.SSLZeroReturnError:
                return b""
            finally:
                self.flush()

    def flush(self):
        if self.outgoing.pending:
            self.socket.sendall(self.outgoing.read())

    def say_goodbye(self):
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.unwrap()
        self.flush()

    def read_all(self):
        return b"".join(iter(lambda: self.step(lambda: self.tls.read(65536)), b""))


def logged(running, count=1):
    eventually(lambda: running.access_text().count("\n") >= count, "the log tells of it")
    return running.access_entries()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("end", ["goodbye", "goodbye and FIN", "FIN"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_client_that_has_ended_its_side_is_answered(edge, scripted, version, end, method):
    goes_on = threading.Event()

    def script(connection, request):
        assert goes_on.wait(PATIENCE)
        connection.sendall(answer(b"x" * 100_000))

    running = edge({"app1": [scripted(script).address]})
    client = Engine(running, version)
    client.tls.write(f"{method} / HTTP/1.1\r\nHost: app1.example.test\r\nContent-Length: 5\r\n\r\nhello".encode())
    client.flush()
    if "goodbye" in end:
        client.say_goodbye()
    if "FIN" in end:
        client.socket.shutdown(socket.SHUT_WR)
    goes_on.set()
    head, _, body = client.read_all().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ") and len(body) == 100_000
    assert logged(running)[0]["status"] == 200


@pytest.mark.parametrize("secure", [False, True])
def test_an_upload_that_is_refused_is_read_until_its_client_looks(edge, scripted, secure):
    running = edge({"app1": [scripted().address]}, routes=[
        {"host": "app1.example.test", "upstream": "app1", "body_max": "1KiB"}])
    with running.client() if secure else running.plain_client() as client:
        client.send_request("POST", body=bytes(20 << 20))
        # Plain HTTP is sent to https, whatever comes with it.
        assert client.read_response().status == (413 if secure else 308)


def test_an_application_that_answers_and_closes_before_it_has_read_all_is_heard(edge):
    def serve(listener):
        connection = listener.accept()[0]
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
        connection.close()  # what it has not read makes this a reset

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        running = edge({"app1": {"protocol": "http", "nodes": [address]}})
        with running.client() as client:
            response = client.request("POST", body=bytes(20 << 20))
            assert (response.status, response.body) == (413, b"big")


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE", "PROPFIND", "CONNECT"])
def test_plain_http_on_the_https_port_is_told_so(edge, scripted, method):
    running = edge({"app1": [scripted().address]})
    with Client(running.port) as client:
        client.send_request(method, body=b"x" * 10)
        response = client.read_response()
        assert response.status == 400 and b"speaks HTTPS" in response.body
        assert response.get("Connection") == "close" and client.at_end()
    [line] = logged(running)
    assert (line["status"], line["cause"]) == (400, "plain-http-on-https-port")
    assert line["id"] == response.get("X-Request-ID")


def test_tls_on_the_http_port_is_seen_in_the_log(edge, scripted):
    running = edge({"app1": [scripted().address]})
    with pytest.raises(ssl.SSLError):
        Client(running.http_port, authority=running.authority)
    [line] = logged(running)
    assert (line["status"], line["cause"]) == (400, "tls-instead-of-http")


def test_a_name_without_certificate_is_named_in_the_log(edge, scripted):
    running = edge({"app1": [scripted().address]}, workers=1)
    for name in ("unknown.test", "another.test"):
        with pytest.raises(ssl.SSLError):
            running.client(name)
    eventually(lambda: "server_name=unknown.test" in running.child.text, "the log names it")
    assert "no certificate for the server name" in running.child.text
    assert "another.test" not in running.child.text, "one line in a while is enough"


def test_a_page_of_an_operator_names_the_request(edge, directory):
    page = directory / "503.html"
    page.write_text("<p>Call us with {id} ({status} {reason})</p>")
    running = edge({"app1": {"nodes": ["127.0.0.1:1"], "hold": "0s"}}, error_pages={"503": str(page)})
    with running.client() as client:
        response = client.request()
        assert response.status == 503
        name = response.get("X-Request-ID")
        assert response.body.decode().startswith(f"<p>Call us with {name} (503 ")
        told = client.request(headers=[("Accept", "application/json")])
        assert told.get("Content-Type") == "application/json"
        assert f'"request_id":"{told.get("X-Request-ID")}"' in told.body.decode()
    assert [line["id"] for line in logged(running, 2)] == [name, told.get("X-Request-ID")]
