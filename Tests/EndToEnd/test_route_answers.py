"""Redirects, fixed answers, and what routes do to fields."""


import pytest

from support.uwsgi import answer

NAME = "app1.example.test"


@pytest.fixture
def routed(edge, scripted):
    """routed(route, ...): a proxy with routes of NAME; an upstream app1 is there."""

    def make(*routes, script=None):
        peer = scripted(script)
        full = [{"host": NAME, **route} for route in routes]
        return edge({"app1": [peer.address]}, routes=full, workers=1), peer

    return make


@pytest.mark.parametrize("to, path, location", [
    ("https://example.org{path}{query}", "/a/b%20c?x=%20&y", "https://example.org/a/b%20c?x=%20&y"),
    ("https://example.org{path}", "/a?x", "https://example.org/a"),
    ("https://example.org{path}{query}", "//evil.test/", "https://example.org/evil.test/"),
    ("https://{host}/new{path}", "/a", "https://app1.example.test/new/a"),
    ("/elsewhere", "/a?x", "/elsewhere"),
    ("https://example.org/?from={path}", "/a\\\"<b>", "https://example.org/?from=/a%5C%22%3Cb%3E"),
    ("https://example.org{path}{query}", "/%0d%0aX:%20y?%0d%0aZ:", "https://example.org/%0d%0aX:%20y?%0d%0aZ:"),
])
def test_redirects(routed, to, path, location):
    running, _ = routed({"path": "/", "redirect": {"to": to, "status": 308}})
    response = running.request(path=path)
    assert (response.status, response.get("Location"), response.get("X")) == (308, location, None)
    assert response.body == b""


def test_a_redirect_answers_every_method_and_keeps_the_connection(routed):
    running, _ = routed({"redirect": {"to": "https://example.org{path}"}})
    with running.client() as client:
        for method in ("GET", "HEAD", "OPTIONS", "DELETE"):
            assert client.request(method, "/a").status == 302
    assert running.request("POST", "/a", body=b"x" * 100).status == 302


def test_a_fixed_answer(routed):
    running, _ = routed({"path": "/robots.txt", "respond": {"body": "User-agent: *\nDisallow: /\n"}},
                        {"path": "/gone", "respond": {"status": 410, "body": "{}", "content_type": "application/json"}},
                        {"path": "/none", "respond": {"status": 204}})
    response = running.request(path="/robots.txt")
    assert (response.status, response.body) == (200, b"User-agent: *\nDisallow: /\n")
    assert response.get("Content-Type") == "text/plain; charset=utf-8"
    response = running.request(path="/gone")
    assert (response.status, response.body, response.get("Content-Type")) == (410, b"{}", "application/json")
    assert running.request(path="/none").status == 204
    assert running.request("HEAD", "/robots.txt").get("Content-Length") == str(len("User-agent: *\nDisallow: /\n"))


def test_requests_reach_the_application_with_the_rules_applied(routed):
    running, peer = routed({"upstream": "app1", "request_headers": {
        "remove": ["X-Debug"], "set": {"X-Tenant": "blue"}, "add": {"X-List": "two"}}})
    running.request(headers=[
        ("X-Debug", "1"), ("x-debug", "2"), ("X-Tenant", "red"), ("x-tenant", "green"), ("X-List", "one"),
        # A client must not be able to have our field taken out as one of its own connection.
        ("Connection", "X-Tenant, X-Own"), ("X-Own", "1")])
    variables = peer.requests[0].environ
    assert variables["HTTP_X_TENANT"] == "blue"
    assert variables["HTTP_X_LIST"] == "one, two"
    assert "HTTP_X_DEBUG" not in variables and "HTTP_X_OWN" not in variables


def test_answers_reach_the_client_with_the_rules_applied(routed):
    def script(connection, _):
        connection.sendall(answer(headers=[
            "Server: app", "X-Frame-Options: ALLOW", "Connection: X-Frame-Options", "Link: <a>"]))

    running, _ = routed({"upstream": "app1", "response_headers": {
        "remove": ["Server"], "set": {"X-Frame-Options": "DENY"}, "add": {"Link": "<b>"}}}, script=script)
    response = running.request()
    assert response.get_all("X-Frame-Options") == ["DENY"]
    assert response.get_all("Link") == ["<a>", "<b>"]
    assert response.get("Server") is None


def test_cookies_get_the_attributes_that_they_lack(routed):
    sent = ["a=1", "b=2; Path=/; Secure; HttpOnly; SameSite=Lax", "c=\"x; Secure\"; path=/", "d=secure", "e=1;SECURE"]

    def script(connection, _):
        connection.sendall(answer(headers=[f"Set-Cookie: {cookie}" for cookie in sent]))

    running, _ = routed({"upstream": "app1", "set_cookie": ["HttpOnly", "Secure", "SameSite=None"]}, script=script)
    assert running.request().get_all("Set-Cookie") == [
        "a=1; HttpOnly; Secure; SameSite=None", sent[1],
        "c=\"x; Secure\"; path=/; HttpOnly; Secure; SameSite=None", "d=secure; HttpOnly; Secure; SameSite=None",
        "e=1;SECURE; HttpOnly; SameSite=None"]


def test_hsts_is_on_every_answer_of_its_route(routed, directory):
    (directory / "www").mkdir()
    hsts = {"hsts": {"max_age": "8760h", "include_subdomains": True}}
    running, _ = routed({"path": "/app", "upstream": "app1", **hsts}, {"path": "/r", "redirect": {"to": "/"}, **hsts},
                        {"path": "/f", "files": str(directory / "www"), **hsts}, {"path": "/plain", "respond": {}})
    for path, status in [("/app", 200), ("/r", 302), ("/f/none", 404)]:
        response = running.request(path=path)
        assert response.status == status
        assert response.get_all("Strict-Transport-Security") == ["max-age=31536000; includeSubDomains"]
    assert running.request(path="/plain").get("Strict-Transport-Security") is None


def test_rules_apply_to_files_and_fixed_answers(routed, directory):
    (directory / "www").mkdir()
    (directory / "www" / "a.txt").write_text("x")
    rules = {"response_headers": {"set": {"Content-Type": "text/x-own", "Cache-Control": "no-cache"}}}
    running, _ = routed({"path": "/f", "files": str(directory / "www"), **rules}, {"path": "/r", "respond": {}, **rules})
    for path in ("/f/a.txt", "/r"):
        response = running.request(path=path)
        assert (response.status, response.get_all("Content-Type")) == (200, ["text/x-own"])
        assert response.get("Cache-Control") == "no-cache"


@pytest.mark.parametrize("path, status", [
    ("/public/a", 200), ("/public/a%2Fb", 200), ("/public/a;b", 200), ("/public/a%5Cb", 200), ("/admin/a", 403),
    ("/public/../admin", 403), ("/public/%2e%2e/admin", 403), ("//admin", 403), ("/public%2f..%2fadmin", 400),
    ("/public/..;/admin", 400), ("/admin;x/a", 400), ("/admin%2Fa", 400), ("/public/..%5cadmin", 400),
    ("/%5cadmin", 400), ("/admin/..%2fpublic", 400),
])
def test_no_spelling_of_a_path_gets_past_a_route(edge, web, path, status):
    server = web()
    routes = [{"host": NAME, "upstream": "app1"},
              {"host": NAME, "path": "/admin", "respond": {"status": 403, "body": "no"}}]
    running = edge({"app1": {"protocol": "http", "nodes": [server.address]}}, routes=routes, workers=1)
    assert running.request(path=path).status == status
    assert [request.target for request in server.requests] == ([path] if status == 200 else [])


@pytest.mark.parametrize("path", ["/admin/%2e%2e/public//a%20b?x=/../%2f", "/api/queues/%2F/orders", "/bucket//key"])
def test_an_application_sees_the_path_as_it_was_received(edge, web, path):
    server = web()
    running = edge({"app1": {"protocol": "http", "nodes": [server.address]}}, workers=1)
    assert running.request(path=path).status == 200
    assert server.requests[0].target == path
