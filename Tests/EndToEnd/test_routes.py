"""Several hosts, the catch-all and its certificate, prefixes in front of real applications, and docs/routes.md."""

import json
import os
import re
import ssl
import subprocess
import textwrap

import pytest

from support import REPOSITORY
from support.client import client_context
from support.edge import check, install
from support.pages import blocks
from support.processes import Child
from support.uwsgi import PLUGIN_COMMAND, answer

HOST = "app1.example.test"


# The catch-all and TLS

@pytest.fixture
def caught(edge, authority):
    """app1 has a route and a certificate, every other host the catch-all; another certificate is the default one."""
    routes = [{"host": HOST, "respond": {"body": "app1"}}, {"host": "*", "respond": {"body": "caught"}}]
    return edge({}, routes=routes, workers=1, certificates={"default": "www.other.test"}, issued={
        "exact": authority.issue(HOST), "other": authority.issue("www.other.test")})


@pytest.mark.parametrize("name", ["unknown.test", "a.b.example.test", "app2.example.test"])
def test_a_name_without_certificate_gets_the_default_one_while_there_is_a_catch_all(caught, name):
    with caught.client(name, context=client_context(caught.authority, verify_name=False)) as client:
        assert client.certificate == {"www.other.test"}
        assert client.request(host=name).body == b"caught"
        # No other connection would show a better certificate for that one.
        assert client.request(host="yet-another.test").body == b"caught"
        # For this one there is a certificate, and another connection shows it.
        assert client.request(host=HOST).status == 421


def test_a_host_with_a_route_has_its_own_certificate_beside_the_catch_all(caught):
    with caught.client(HOST) as client:
        assert client.certificate == {HOST}
        assert client.request().body == b"app1"


def test_a_client_without_server_name_reaches_the_catch_all(caught):
    with caught.client(None, context=client_context(caught.authority, verify_name=False)) as client:
        assert client.request(host="127.0.0.1").body == b"caught"
        assert client.request(host=HOST).status == 421


def test_unknown_names_are_refused_again_once_the_catch_all_is_gone(caught):
    configuration = {**caught.configuration, "routes": caught.configuration["routes"][:1]}
    caught.reload(configuration)
    with pytest.raises(ssl.SSLError, match="(?i)unrecognized[_ ]name"):
        caught.client("unknown.test", context=client_context(caught.authority, verify_name=False))
    caught.reload({**configuration, "routes": [*configuration["routes"], {"host": "*", "respond": {"status": 410}}]})
    with caught.client("unknown.test", context=client_context(caught.authority, verify_name=False)) as client:
        assert client.request(host="unknown.test").status == 410


def test_check_config_asks_for_no_certificate_for_the_catch_all(directory, authority):
    install(authority.issue("a.test", "b.test"), directory / "certificates" / "one")
    text = {"state": str(directory / "state"), "certificates": {"directory": str(directory / "certificates")},
            "log": {"access": "stdout"}, "listen": {"admin": "off"},
            "routes": [{"host": ["a.test", "b.test"], "respond": {}}, {"host": "*", "respond": {}}]}
    file = directory / "edge.yaml"
    file.write_text(json.dumps(text))
    status, output = check(file)
    assert (status, output.splitlines()[-1:]) == (0, ["ok"]), output
    text["routes"][0]["host"].append("c.test")
    file.write_text(json.dumps(text, indent=1))
    status, output = check(file)
    assert status == 1 and "no certificate covers 'c.test'" in output and "'*'" not in output


# Applications under a prefix

FLASK = """
from flask import Flask, redirect, request, url_for
application = Flask(__name__)

@application.route("/")
def start():
    return url_for("item", number=7) + " " + url_for("item", number=7, _external=True)

@application.route("/item/<int:number>/")
def item(number):
    return request.path + " " + request.script_root

@application.route("/away")
def away():
    return redirect(url_for("start"))
"""

DJANGO = """
from django.conf import settings
settings.configure(SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__)
import django
django.setup()
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path, reverse

def start(request):
    return HttpResponse(reverse("item", args=[7]) + " " + request.build_absolute_uri(reverse("item", args=[7])))

def item(request, number):
    return HttpResponse(request.path + " " + request.path_info)

urlpatterns = [path("", start), path("item/<int:number>/", item, name="item")]
application = get_wsgi_application()
"""


@pytest.fixture
def program(directory, ending):
    """program(text): a real uWSGI server of a program of the test's own; its address."""

    def make(text):
        place = directory / "program"
        place.mkdir()
        (place / "program.py").write_text(text)
        child = Child([PLUGIN_COMMAND or "uwsgi", "--master", "--need-app", "--die-on-term", "--chdir", place,
                       "--module", "program", "--socket", place / "socket", "--chmod-socket=666", "--processes=1"],
                      {**os.environ})
        ending.append(child)
        child.wait_for_line(r"spawned uWSGI worker 1\b")
        return f"unix:{place / 'socket'}"

    return make


def mounted(edge, address, **more):
    return edge({"app1": [address]}, workers=1, routes=[
        {"host": HOST, "path": "/shop", "strip_prefix": "/shop", "upstream": "app1", **more}])


def test_flask_makes_links_with_its_prefix(edge, program):
    running = mounted(edge, program(FLASK))
    assert running.request(path="/shop/").body.decode() == \
        f"/shop/item/7/ https://{HOST}/shop/item/7/"
    assert running.request(path="/shop/item/7/").body.decode() == "/item/7/ /shop"
    assert running.request(path="/shop/away").get("Location") in ("/shop/", f"https://{HOST}/shop/")
    # The application itself sends clients on that leave a slash out, at its root and below it.
    for path in ("/shop", "/shop/item/7"):
        response = running.request(path=path)
        assert response.status in (301, 308), response.status
        assert response.get("Location").removeprefix(f"https://{HOST}") == f"{path}/"
    assert running.request(path="/item/7/").status == 404


def test_django_makes_links_with_its_prefix(edge, program):
    running = mounted(edge, program(DJANGO))
    assert running.request(path="/shop/").body.decode() == \
        f"/shop/item/7/ https://{HOST}/shop/item/7/"
    assert running.request(path="/shop/item/7/").body.decode() == "/shop/item/7/ /item/7/"
    assert running.request(path="/shop").status == 200


def test_an_http_application_under_a_prefix(edge, web):
    server = web()
    running = edge({"app1": {"protocol": "http", "nodes": [server.address]}}, workers=1, routes=[
        {"host": HOST, "path": "/shop", "strip_prefix": "/shop", "add_prefix": "/v1", "upstream": "app1"}])
    for path, target in [("/shop", "/v1"), ("/shop/a%2Fb//c?d=%2f", "/v1/a%2Fb//c?d=%2f")]:
        assert running.request(path=path, headers=[("X-Forwarded-Prefix", "/evil")]).status == 200
        assert server.requests[-1].target == target
        assert server.requests[-1].get_all("X-Forwarded-Prefix") == ["/shop"]
    count = len(server.requests)
    for path in ("//shop/a", "/shop/../shop/a", "/shop/..;/a", "/shop/%2e%2e/%2e%2e/shop/a", "/shop%2F..%2Fa", "/x/../shop/a"):
        assert running.request(path=path).status in (400, 404), path
    assert len(server.requests) == count


def test_files_below_a_prefix(edge, directory):
    for name in ("www/static/a.txt", "www/pub/b.txt"):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(name)
    running = edge({}, workers=1, routes=[
        {"host": HOST, "path": "/app/static", "strip_prefix": "/app", "files": str(directory / "www")},
        {"host": HOST, "path": "/pub", "add_prefix": "/pub", "files": str(directory / "www")}])
    assert running.request(path="/app/static/a.txt").body == b"www/static/a.txt"
    assert running.request(path="/pub/b.txt").body == b"www/pub/b.txt"
    assert running.request(path="/pub/../static/a.txt").status == 404


# The page

PAGE = "docs/routes.md"


def shown():
    """(section, configuration, [(command, what it prints)]) of each example; commands may follow later in it."""
    found = []
    for block in blocks((REPOSITORY / PAGE).read_text()):
        if block.language == "yaml":
            found.append((block.section, block.text, []))
        else:
            lines = block.text.splitlines()
            found[-1][2].extend(zip(lines[::2], [line.removeprefix("# ") for line in lines[1::2]]))
    return found


SHOWN = shown()


def test_every_section_of_the_page_has_an_example_that_is_asked():
    headings = re.findall(r"^## (.*)$", (REPOSITORY / PAGE).read_text(), re.MULTILINE)
    assert list(dict.fromkeys(section for section, _, _ in SHOWN)) == headings
    assert all(asked for _, _, asked in SHOWN)


@pytest.mark.parametrize("section, text, asked", SHOWN, ids=[section for section, _, _ in SHOWN])
def test_an_example_of_the_page_does_what_the_page_says(edge, web, authority, directory, section, text, asked):
    def tell(connection, request):
        prefix = request.get("X-Forwarded-Prefix")
        told = f"{request.method} {request.target} at {request.get('Host')}" + (f", below {prefix}" if prefix else "")
        connection.sendall(answer(f"{told}\n".encode()))
        return True

    running = edge({"app": {"protocol": "http", "nodes": [web(tell).address]}}, workers=1,
                   routes=[{"host": "example.org", "upstream": "app"}],
                   issued={"shown": authority.issue("example.org", "*.example.org", "*.shops.example.org")})
    # The example stands as it is, behind what every server here has.
    common = {key: value for key, value in running.configuration.items() if key != "routes"}
    file = running.file
    file.write_text(f"{text}\n" + "".join(f"{key}: {json.dumps(value)}\n" for key, value in common.items()))
    running.reload()
    (directory / ".curlrc").write_text(
        f'silent\nshow-error\ncacert = "{authority.pem}"\nconnect-to = "::127.0.0.1:{running.port}"\n')
    for command, printed in asked:
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=20,
                              env={**os.environ, "CURL_HOME": str(directory), "HOME": str(directory)})
        told = done.stdout.strip().replace(f":{running.port}", "")
        assert (told, done.stderr) == (printed, ""), textwrap.fill(command)
