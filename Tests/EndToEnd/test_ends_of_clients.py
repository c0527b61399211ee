"""Clients that read only when all is sent."""

import socket
import threading

import pytest


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
