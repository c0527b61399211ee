"""The health endpoint on both listeners, and what else port 80 is for."""

import pytest


@pytest.fixture
def running(edge, scripted):
    return edge({"app1": [scripted().address]}, certificates={"default": "example.test"})


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("host", ["app1.example.test", "whatever.invalid", ""])
def test_health_answers_for_any_host_on_both_listeners(running, method, host):
    for client in (running.client(None), running.plain_client()):
        with client:
            response = client.request(method, "/healthz", host=host)
            assert response.status == 200, response
            assert response.body.strip() == (b"ok" if method == "GET" else b"")


def test_a_monitor_that_speaks_http_1_0_is_answered_and_closed(running):
    with running.plain_client() as client:
        client.send("GET /healthz HTTP/1.0\r\n\r\n")
        assert client.read_response().status == 200
        assert client.at_end()


def test_plain_http_is_redirected_to_the_https_port_with_path_and_query(running):
    with running.plain_client() as client:
        response = client.request("GET", "/a%20b/c?x=1&y=%2F")
    assert response.status in (301, 308)
    assert response.get("Location") == f"https://app1.example.test:{running.port}/a%20b/c?x=1&y=%2F"


def test_a_post_over_plain_http_is_redirected_without_changing_its_method(running):
    with running.plain_client() as client:
        assert client.request("POST", "/form", body=b"a=1").status == 308
