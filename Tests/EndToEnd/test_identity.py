"""Who asks, and over what, the application learns from this proxy alone."""

import pytest

FORGED = [
    ("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Proto", "gopher"), ("X-Forwarded-Host", "evil.test"),
    ("X-Forwarded-Port", "666"), ("X-Forwarded-Server", "evil"), ("X-Forwarded-Prefix", "/evil"),
    ("X-Forwarded-Anything", "evil"), ("Forwarded", "for=6.6.6.6;proto=gopher"), ("X-Real-IP", "6.6.6.6"),
    ("X-Request-ID", "evil"), ("Proxy", "http://evil.test/"),
]
FOLDED = [
    ("X_Forwarded_For", "6.6.6.6"), ("X-Forwarded_For", "6.6.6.6"), ("X_Forwarded-Proto", "gopher"),
    ("X_Real_IP", "6.6.6.6"), ("Content_Length", "666"), ("Content_Type", "evil"), ("Remote_User", "evil"),
    ("Transfer_Encoding", "chunked"), ("UWSGI_FILE", "/evil.py"), ("UWSGI_SCRIPT", "evil"), ("UWSGI_MODULE", "evil"),
    ("UWSGI_CALLABLE", "evil"), ("UWSGI_HOME", "/evil"), ("UWSGI_SCHEME", "evil"), ("REMOTE_ADDR", "6.6.6.6"),
    ("SCRIPT_NAME", "/evil"), ("PATH_INFO", "/evil"), ("HTTP_HOST", "evil.test"), ("X_", "evil"), ("_", "evil"),
]
MAGIC = [("UWSGI-FILE", "/evil.py"), ("HTTPS", "off"), ("REMOTE-ADDR", "6.6.6.6"), ("Server-Name", "evil.test"),
         ("Request-Method", "EVIL"), ("Script-Name", "/evil"), ("Document-Root", "/evil")]
FIXED = {"REQUEST_METHOD", "REQUEST_URI", "PATH_INFO", "SCRIPT_NAME", "QUERY_STRING", "SERVER_PROTOCOL",
         "SERVER_NAME", "SERVER_PORT", "SERVER_ADDR", "REMOTE_ADDR", "REMOTE_PORT", "REQUEST_SCHEME", "HTTPS",
         "CONTENT_TYPE", "CONTENT_LENGTH", "UWSGI_SCHEME"}


def lower(fields):
    return [(name.lower(), value) for name, value in fields]


@pytest.mark.parametrize("fields", [FORGED, lower(FORGED), FOLDED, lower(FOLDED), MAGIC, FORGED + FOLDED + MAGIC],
                         ids=["forged", "forged in lower case", "folded", "folded in lower case", "magic", "all"])
def test_the_application_is_told_only_what_this_proxy_knows(edge, scripted, fields):
    peer = scripted()
    running = edge({"app1": {"nodes": [peer.address], "buffer_size": "16KiB"}})
    with running.client() as client:
        port = client.socket.getsockname()[1]
        assert client.request("POST", "/up?q", headers=fields, body=b"x").status == 200
    request, = peer.requests
    names = [name for name, _ in request.variables]
    assert len(names) == len(set(names)), "a variable came twice"
    assert {name for name in names if not name.startswith("HTTP_")} <= FIXED
    told = request.environ
    assert (told["REMOTE_ADDR"], told["REMOTE_PORT"]) == ("127.0.0.1", str(port))
    assert (told["HTTP_X_FORWARDED_FOR"], told["HTTP_X_FORWARDED_PROTO"]) == ("127.0.0.1", "https")
    assert (told["HTTP_X_FORWARDED_HOST"], told["HTTP_HOST"]) == ("app1.example.test", "app1.example.test")
    assert (told["HTTPS"], told["UWSGI_SCHEME"], told["REQUEST_SCHEME"]) == ("on", "https", "https")
    assert (told["CONTENT_LENGTH"], told["SCRIPT_NAME"], told["PATH_INFO"]) == ("1", "", "/up")
    assert (told["REQUEST_METHOD"], told["SERVER_NAME"]) == ("POST", "app1.example.test")
    for name in ("HTTP_PROXY", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_X_FORWARDED_PORT", "HTTP_REMOTE_USER"):
        assert name not in told, name
    assert told["HTTP_X_REQUEST_ID"] != "evil"
    assert request.modifiers == (0, 0)


@pytest.mark.parametrize("named", [
    "X-Forwarded-For", "x-forwarded-proto", "X-Request-ID", "Host", "Content-Length", "close, X-Forwarded-Host"])
def test_connection_cannot_take_away_what_this_proxy_says(edge, scripted, named):
    peer = scripted()
    running = edge({"app1": [peer.address]})
    running.request("POST", headers=[("Connection", named), ("X-Forwarded-For", "6.6.6.6")], body=b"x")
    told = peer.requests[0].environ
    assert (told["HTTP_X_FORWARDED_FOR"], told["HTTP_X_FORWARDED_PROTO"]) == ("127.0.0.1", "https")
    assert (told["HTTP_X_FORWARDED_HOST"], told["HTTP_HOST"]) == ("app1.example.test", "app1.example.test")
    assert told["HTTP_X_REQUEST_ID"]
    assert (told["CONTENT_LENGTH"], peer.requests[0].body) == ("1", b"x")


def test_fields_for_one_hop_end_here(edge, scripted):
    peer = scripted()
    running = edge({"app1": [peer.address]})
    hop = [("Connection", "X-Own, keep-alive"), ("X-Own", "1"), ("Keep-Alive", "1"), ("TE", "trailers"),
           ("Trailer", "X"), ("Upgrade", "h2c"), ("Proxy-Connection", "close"), ("Proxy-Authorization", "Basic eA==")]
    assert running.request(headers=[*hop, ("X-Kept", "yes")]).status == 200
    told = peer.requests[0].environ
    assert told["HTTP_X_KEPT"] == "yes"
    gone = {"HTTP_CONNECTION", "HTTP_X_OWN", "HTTP_KEEP_ALIVE", "HTTP_TE", "HTTP_TRAILER", "HTTP_UPGRADE",
            "HTTP_PROXY_CONNECTION"}
    assert not gone & set(told)


def test_values_sent_twice_are_one_variable_and_none_is_lost(edge, scripted):
    peer = scripted()
    running = edge({"app1": [peer.address]})
    running.request(headers=[("X-A", "1"), ("Cookie", "a=1"), ("x-a", "2"), ("COOKIE", "b=2")])
    variables = peer.requests[0].variables
    assert [value for name, value in variables if name == "HTTP_X_A"] == ["1, 2"]
    assert [value for name, value in variables if name == "HTTP_COOKIE"] == ["a=1; b=2"]
