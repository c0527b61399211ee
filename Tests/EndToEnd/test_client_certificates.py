"""Clients show certificates where their host asks for one, and the application learns whose from this proxy alone."""

import re
import ssl
import subprocess

import pytest

from support import REPOSITORY
from support.admin import command
from support.authority import Authority
from support.client import Client, Cut, client_context
from support.edge import check, install
from support.http2 import Peer
from support.pages import blocks

FORGED = [("X-Client-Verify", "SUCCESS"), ("x-client-dn", "CN=root"), ("X-Client-Issuer-DN", "CN=root"),
          ("X-Client-Serial", "1"), ("X-Client-Fingerprint", "aa"), ("X_Client_Verify", "SUCCESS"),
          ("X-Client_DN", "CN=root"), ("SSL_CLIENT_VERIFY", "SUCCESS"), ("Client-Cert", ":AA==:")]
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("clients"))


@pytest.fixture(scope="module")
def printer(clients):
    return clients.issue("printer-7", usage="clientAuth")


@pytest.fixture
def ask(authority):
    """ask(name, identity, ...): what a client offers that has this certificate, or none."""

    def make(identity=None, version=None, protocols=("http/1.1",), checks_names=True):
        context = client_context(authority, version, checks_names, protocols)
        if identity:
            context.load_cert_chain(identity.chain, identity.key)
        return context

    return make


@pytest.fixture
def guarded(edge, scripted, web, clients):
    """app1 asks for certificates, app2 likes them, app3 asks for the same as app1, and app4 for none."""
    peer, server = scripted(), web()
    need = {"ca": str(clients.pem)}
    routes = [
        {"host": "app1.example.test", "upstream": "app1", "client_certificates": need},
        {"host": "app1.example.test", "path": "/web", "upstream": "web",
         "request_headers": {"set": {"X-Client-DN": "CN=rule"}}},
        {"host": "app2.example.test", "upstream": "app1", "client_certificates": {**need, "mode": "optional"}},
        {"host": "app3.example.test", "upstream": "app1", "client_certificates": need},
        {"host": "*.example.test", "upstream": "app1"},
    ]
    upstreams = {"app1": [peer.address], "web": {"protocol": "http", "nodes": [server.address]}}
    running = edge(upstreams, routes=routes, workers=1, certificates={"default": "app4.example.test"})
    return running, peer, server


def told(environ):
    return {name: value for name, value in environ.items() if "CLIENT" in name}


def refused(running, name, context, said):
    """A handshake that ends without an answer, and what the log says of it."""
    since = len(running.child.lines)
    with pytest.raises((ssl.SSLError, ConnectionError, Cut)), Client(running.port, name, context=context) as client:
        client.request()
    return running.child.wait_for_line(said, since=since)


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_the_application_learns_who_the_client_is(guarded, printer, ask, version):
    running, peer, _ = guarded
    with Client(running.port, "app1.example.test", context=ask(printer, version)) as client:
        for _ in range(2):
            assert client.request(headers=FORGED).status == 200
    for request in peer.requests:
        facts = told(request.environ)
        fingerprint = facts.pop("SSL_CLIENT_FINGERPRINT")
        assert facts == {"SSL_CLIENT_VERIFY": "SUCCESS", "SSL_CLIENT_S_DN": "CN=printer-7",
                         "SSL_CLIENT_I_DN": "CN=Test authority", "SSL_CLIENT_SERIAL": f"{printer.serial:X}"}
        assert re.fullmatch("[0-9a-f]{64}", fingerprint)


def test_an_application_behind_http_learns_it_in_fields_that_nobody_can_forge(guarded, printer, ask):
    running, _, server = guarded
    with Client(running.port, "app1.example.test", context=ask(printer)) as client:
        assert client.request(path="/web", headers=[*FORGED, ("Connection", "X-Client-DN, keep-alive")]).status == 200
    request, = server.requests
    fields = [(name, value) for name, value in request.headers if "client" in name.lower()]
    assert [name for name, _ in fields] == [
        "X-Client-Verify", "X-Client-DN", "X-Client-Issuer-DN", "X-Client-Serial", "X-Client-Fingerprint"]
    assert dict(fields)["X-Client-DN"] == "CN=printer-7"


def test_http_2_carries_the_same(guarded, printer, ask):
    running, peer, _ = guarded
    context = ask(printer, protocols=("h2",))
    with Peer(running.port, None, context=context) as client:
        extra = [(name.lower(), value) for name, value in FORGED]
        assert client.request(extra=extra).status == 200
    assert told(peer.requests[0].environ)["SSL_CLIENT_S_DN"] == "CN=printer-7"


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_an_optional_certificate_is_told_or_its_absence(guarded, printer, ask, version):
    running, peer, _ = guarded
    for identity in (None, printer):
        with Client(running.port, "app2.example.test", context=ask(identity, version)) as client:
            assert client.request(headers=FORGED).status == 200
    without, shown = (told(request.environ) for request in peer.requests)
    assert without == {"SSL_CLIENT_VERIFY": "NONE"}
    assert shown["SSL_CLIENT_VERIFY"] == "SUCCESS"


def test_a_host_that_asks_for_none_says_nothing_of_it(guarded, printer, ask):
    running, peer, _ = guarded
    with Client(running.port, "app4.example.test", context=ask(printer)) as client:
        assert client.request(headers=FORGED).status == 200
    # The application is the same as behind the hosts that ask.
    assert told(peer.requests[0].environ) == {}


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_a_client_that_cannot_be_verified_is_refused_and_the_log_says_why(
        guarded, authority, clients, ask, directory, version):
    running, peer, _ = guarded
    own = directory / "own"
    own.mkdir()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=me", "-days", "3",
                    "-keyout", own / "key.pem", "-out", own / "chain.pem"], check=True, capture_output=True)
    alone = type(clients.issue("alone"))(own / "chain.pem", own / "key.pem", 0)
    for identity, said in (
            (None, "a client showed no certificate"),
            (clients.issue("late", ends=-1, begins=-3, usage="clientAuth"), "refused: it has expired"),
            (clients.issue("early", begins=2, usage="clientAuth"), "refused: it is not valid yet"),
            (clients.issue("server"), "refused: it is not for clients"),
            (authority.issue("stranger", usage="clientAuth"), "refused: no authority of the file has issued it"),
            (alone, "refused: it is self-signed")):
        line = refused(running, "app1.example.test", ask(identity, version), said)
        assert "app1.example.test" in line
    assert peer.requests == []


def test_a_connection_made_for_another_host_is_misdirected(guarded, printer, ask):
    running, peer, _ = guarded
    for name, host, status in [
            ("app4.example.test", "app1.example.test", 421), ("app2.example.test", "app1.example.test", 421),
            ("app1.example.test", "app2.example.test", 421), ("app1.example.test", "app4.example.test", 421),
            ("app1.example.test", "app3.example.test", 200), ("app4.example.test", "app5.example.test", 200)]:
        with Client(running.port, name, context=ask(printer)) as client:
            assert client.request(host=host).status == status, (name, host)
        with Peer(running.port, None, name, context=ask(printer, protocols=("h2",))) as client:
            assert client.request(authority=host).status == status, (name, host)
    for request in peer.requests:
        assert ("SSL_CLIENT_VERIFY" in request.environ) == (request.environ["HTTP_HOST"] == "app3.example.test")


def test_a_connection_without_server_name_reaches_no_host_that_asks(guarded, printer, ask):
    running, peer, _ = guarded
    context = ask(printer, checks_names=False)
    with Client(running.port, None, context=context) as client:
        assert client.request(host="app1.example.test").status == 421
        assert client.request(host="app2.example.test").status == 421
        assert client.request(host="app4.example.test").status == 200
    assert len(peer.requests) == 1


def test_a_trusted_proxy_cannot_speak_for_its_clients(edge, scripted, clients, ask):
    peer = scripted()
    route = {"host": "app1.example.test", "upstream": "app1", "client_certificates": {"ca": str(clients.pem)}}
    running = edge({"app1": [peer.address]}, routes=[route, {"host": "*.example.test", "upstream": "app1"}],
                   trusted=["127.0.0.1"])
    with Client(running.port, "app4.example.test", context=ask()) as client:
        assert client.request(host="app1.example.test", headers=FORGED).status == 421
    assert peer.requests == []


def resume(running, name, identity, directory, version, session):
    """openssl s_client, which keeps or offers a session: the answer's first line, and whether it was resumed."""
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{running.port}", "-servername", name, version, "-ign_eof",
             *session]
    if identity:
        words += ["-cert", identity.chain, "-key", identity.key]
    request = f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n"
    done = subprocess.run([*map(str, words)], input=request, capture_output=True, text=True, timeout=20)
    status = re.search(r"HTTP/1\.1 (\d+)", done.stdout)
    return int(status[1]) if status else None, "Reused, " in done.stdout


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_no_session_stands_in_for_a_certificate(guarded, printer, directory, version):
    running, peer, _ = guarded
    file = directory / "session.pem"
    keep, offer = ["-sess_out", file], ["-sess_in", file]
    # One that was verified cannot be kept: whoever offers it is asked again.
    assert resume(running, "app1.example.test", printer, directory, version, keep) == (200, False)
    if file.exists():
        assert resume(running, "app1.example.test", None, directory, version, offer) == (None, False)
        assert resume(running, "app1.example.test", printer, directory, version, offer) == (200, False)
    # One of a host that asks for nothing, or less, is worth nothing at one that asks.
    for other, identity in (("app4.example.test", None), ("app2.example.test", None), ("app2.example.test", printer)):
        file.unlink(missing_ok=True)
        assert resume(running, other, identity, directory, version, keep) == (200, False)
        if not file.exists():
            continue
        if not identity:
            assert resume(running, other, None, directory, version, offer) == (200, True)
        assert resume(running, "app1.example.test", None, directory, version, offer) == (None, False)
        assert resume(running, "app3.example.test", printer, directory, version, offer) == (200, False)
    for request in peer.requests:
        assert (request.environ["HTTP_HOST"] in ("app1.example.test", "app3.example.test")) <= (
            request.environ.get("SSL_CLIENT_VERIFY") == "SUCCESS")


def test_a_changed_file_of_authorities_ends_what_was_verified_by_the_old_one(guarded, clients, printer, ask, directory):
    running, peer, _ = guarded
    others = Authority(directory / "others")
    successor = others.issue("printer-8", usage="clientAuth")
    original = clients.pem.read_bytes()
    idle = Client(running.port, "app1.example.test", context=ask(printer))
    free = Client(running.port, "app4.example.test", context=ask())
    streams = Peer(running.port, None, context=ask(printer, protocols=("h2",)))
    try:
        assert idle.request().status == free.request().status == streams.request().status == 200
        clients.pem.write_bytes(others.pem.read_bytes())
        assert command(running, "reload")[0] == 0
        assert idle.at_end()
        assert streams.wait_for(lambda: streams.goaway is not None)
        assert free.request().status == 200
        refused(running, "app1.example.test", ask(printer), "no authority of the file has issued it")
        with Client(running.port, "app1.example.test", context=ask(successor)) as client:
            assert client.request().status == 200
        # Both are taken while clients change over.
        clients.pem.write_bytes(original + others.pem.read_bytes())
        assert command(running, "reload")[0] == 0
        for identity in (printer, successor):
            with Client(running.port, "app1.example.test", context=ask(identity)) as client:
                assert client.request().status == 200
        # A file that is no good changes nothing.
        clients.pem.write_text("nothing\n")
        code, text, _ = command(running, "reload")
        assert code == 1 and f"'{clients.pem}' is no file of authorities: no certificate in it" in text
        with Client(running.port, "app1.example.test", context=ask(printer)) as client:
            assert client.request().status == 200
    finally:
        clients.pem.write_bytes(original)
        for client in (idle, free, streams):
            client.close()


def test_monitors_are_answered_without_a_certificate_and_port_80_redirects(guarded, ask):
    running, _, _ = guarded
    with Client(running.port, "app4.example.test", context=ask()) as client:
        assert client.request(path="/healthz", host="app1.example.test").status == 200
    with running.plain_client() as client:
        assert client.request().status == 301


def section(page, title):
    """The blocks of one section of a page."""
    return [block for block in blocks((REPOSITORY / page).read_text()) if block.section == title]


def test_the_example_of_the_page_works_as_it_stands(edge, authority, scripted, directory):
    shown = section("docs/access.md", "Client certificates")
    making, asking = (block.text for block in shown if block.language is None and not block.text.startswith("a client"))
    yaml, = (block.text for block in shown if block.language == "yaml")
    subprocess.run(["sh", "-ec", making], cwd=directory, check=True, capture_output=True)
    peer = scripted()
    install(authority.issue("api.example.org"), directory / "certificates/api")
    running = edge({"app1": [peer.address]}, issued={"api": authority.issue("api.example.org")}, routes=[
        {"host": "api.example.org", "upstream": "app1",
         "client_certificates": {"ca": str(directory / "clients.pem"), "mode": "require"}}])
    text = yaml.replace("/etc/edgeproxy/clients.pem", str(directory / "clients.pem"))
    assert f"client_certificates: {{ ca: {directory}/clients.pem, mode: require }}" in text
    (directory / "shown.yaml").write_text(
        text + f"state: {directory}/state\ncertificates: {{ directory: {directory}/certificates }}\n")
    status, output = check(directory / "shown.yaml")
    assert status == 0, output
    curl = asking.replace("https://api.example.org/", f"https://api.example.org:{running.port}/").replace(
        "curl", f"curl -sS --cacert {authority.pem} --resolve api.example.org:{running.port}:127.0.0.1")
    done = subprocess.run(["sh", "-ec", curl], cwd=directory, capture_output=True, text=True)
    assert done.stdout == "scripted\n", done.stderr
    assert peer.requests[0].environ["SSL_CLIENT_S_DN"] == "CN=printer 7,O=Example"
    bare = re.sub(r"--cert \S+ --key \S+", "", curl)
    assert subprocess.run(["sh", "-ec", bare], cwd=directory, capture_output=True).returncode != 0
