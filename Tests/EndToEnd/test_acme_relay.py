"""The authority that other tests ask for certificates, driven by clients that are not ours: it is real, the relay in
front of it changes nothing unless it is told to, and what it is told happens."""

import datetime
import json
import os
import ssl
import subprocess
import urllib.error
import urllib.request

import pytest

from support.authority import openssl
from support.client import open_socket
from support.edge import reserve_port
from support.processes import PATIENCE, Child
from support.tcp import ScriptedTCP

NAME = "shop.example.test"


class Lego:
    """A client of Debian that answers http-01 by itself, and dns-01 through the management of the authority's DNS."""

    def __init__(self, acme, directory):
        self.acme, self.directory = acme, directory
        self.holder = reserve_port()
        self.port = self.holder.getsockname()[1]
        acme.http.lead_to(self.port)

    def begin(self, *names, words=(), environment=None):
        """Starts it."""
        domains = [word for name in names for word in ("--domains", name)]
        return Child(
            ["lego", "--server", self.acme.url, "--accept-tos", "--email", "ops@example.test", "--path",
             self.directory, *domains, *(words or ("--http", "--http.port", f"127.0.0.1:{self.port}")), "run"],
            {**os.environ, "LEGO_CA_CERTIFICATES": str(self.acme.ca), **(environment or {})})

    def run(self, *names, words=(), environment=None):
        """Its exit status, and what it printed."""
        child = self.begin(*names, words=words, environment=environment)
        try:
            return child.wait(4 * PATIENCE), child.text
        finally:
            child.end()

    def certificate(self, name=NAME):
        return self.directory / "certificates" / f"{name.replace('*', '_')}.crt"

    def end(self):
        self.holder.close()


@pytest.fixture
def lego(directory, ending):
    """lego(acme): a client with a state of its own."""
    count = 0

    def make(acme):
        nonlocal count
        count += 1
        client = Lego(acme, directory / f"lego{count}")
        ending.append(client)
        return client

    return make


def ask(acme, path="/dir"):
    """A GET of the relay: the answer's status, its fields and its JSON."""
    context = ssl.create_default_context(cafile=acme.ca)
    try:
        with urllib.request.urlopen(f"{acme.relay.url}{path}", timeout=PATIENCE, context=context) as answer:
            return answer.status, answer.headers, json.loads(answer.read())
    except urllib.error.HTTPError as problem:
        return problem.code, problem.headers, json.loads(problem.read())


def verify(chain, *roots):
    """Whether a root of these vouches for a chain."""
    words = [word for root in roots for word in ("-CAfile", root)]
    done = subprocess.run(["openssl", "verify", *map(str, words), "-untrusted", chain, chain], capture_output=True)
    return done.returncode == 0


def names_of(chain):
    return openssl("x509", "-in", chain, "-noout", "-ext", "subjectAltName")


def test_a_client_obtains_a_certificate_and_each_of_its_requests_is_noted(acme, lego):
    authority = acme()
    client = lego(authority)
    status, printed = client.run(NAME, "www.example.test")
    assert status == 0, printed
    assert verify(client.certificate(), authority.root)
    assert "DNS:shop.example.test" in names_of(client.certificate())
    relay = authority.relay
    ordered = relay.of("newOrder")
    assert [each.payload for each in ordered] == [
        {"identifiers": [{"type": "dns", "value": NAME}, {"type": "dns", "value": "www.example.test"}]}]
    assert (ordered[0].method, ordered[0].status, ordered[0].protected["url"]) == (
        "POST", 201, f"{relay.url}/order-plz")
    assert relay.of("newAccount")[0].payload["termsOfServiceAgreed"] is True
    assert (relay.count("directory"), relay.count("finalize"), relay.count("certificate")) == (1, 1, 1)
    assert {each.kind for each in relay.requests} >= {"newNonce", "authorization", "challenge", "order"}
    assert relay.count("other") == 0


def test_certbot_obtains_a_certificate_too(acme, directory):
    authority = acme()
    holder = reserve_port()
    port = holder.getsockname()[1]
    # certbot binds without SO_REUSEPORT.
    holder.close()
    authority.http.lead_to(port)
    done = subprocess.run(
        ["certbot", "certonly", "--standalone", "--http-01-port", str(port), "--http-01-address", "127.0.0.1",
         "--server", authority.url, "--agree-tos", "--email", "ops@example.test", "--non-interactive", "--domain", NAME,
         *(word for kind in ("config", "work", "logs") for word in (f"--{kind}-dir", directory / "certbot" / kind))],
        env={**os.environ, "REQUESTS_CA_BUNDLE": str(authority.ca)}, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=8 * PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert verify(directory / "certbot" / "config" / "live" / NAME / "fullchain.pem", authority.root)
    assert authority.relay.count("newOrder") == 1


def test_a_wildcard_is_proved_by_the_dns_of_the_authority(acme, lego, directory):
    authority = acme()
    hook = directory / "hook"
    hook.write_text(f"""#!/bin/sh
case $1 in
present) curl -sf -d '{{"host": "'"$2"'", "value": "'"$3"'"}}' http://127.0.0.1:{authority.names.management}/set-txt ;;
cleanup) curl -sf -d '{{"host": "'"$2"'"}}' http://127.0.0.1:{authority.names.management}/clear-txt ;;
esac
""")
    hook.chmod(0o755)
    client = lego(authority)
    status, printed = client.run(
        "*.example.test", words=("--dns", "exec", "--dns.disable-cp", "--dns.resolvers",
                                 f"127.0.0.1:{authority.names.port}"), environment={"EXEC_PATH": str(hook)})
    assert status == 0, printed
    assert "DNS:*.example.test" in names_of(client.certificate("*.example.test"))
    # 16 is TXT.
    asked = [each["Question"]["Qtype"] for each in authority.names.questions("_acme-challenge.example.test")]
    assert 16 in asked


def test_as_many_nonces_are_refused_as_the_test_says(acme, lego):
    authority = acme(nonce_reject=100)
    status, printed = lego(authority).run(NAME)
    assert status != 0 and "badNonce" in printed, printed
    assert {each.status for each in authority.relay.of("newAccount")} == {400}


def test_as_many_authorizations_are_taken_again_as_the_test_says(acme, lego):
    for share, challenges in ((0, 2), (100, 1)):
        authority = acme(authz_reuse=share)
        client = lego(authority)
        for _ in range(2):
            status, printed = client.run(NAME)
            assert status == 0, printed
        triggered = [each for each in authority.relay.of("challenge") if each.payload is not None]
        assert (authority.relay.count("newOrder"), len(triggered)) == (2, challenges)


def test_external_accounts_are_required_where_there_are_some(acme, lego):
    keys = {"kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"}
    authority = acme(external_accounts=keys)
    assert ask(authority)[2]["meta"]["externalAccountRequired"] is True
    client = lego(authority)
    status, printed = client.run(NAME)
    assert status != 0 and "External Account Binding" in printed, printed
    external = ("--eab", "--kid", "kid-1", "--hmac", keys["kid-1"], "--http", "--http.port",
                f"127.0.0.1:{client.port}")
    status, printed = client.run(NAME, words=external)
    assert status == 0, printed


def test_the_doors_lead_to_one_server_after_the_other(acme, ending):
    authority = acme()
    servers = [ScriptedTCP(lambda connection, word=word: connection.sendall(word)) for word in (b"one", b"two")]
    ending.extend(servers)
    authority.http.lead_to(*(server.port for server in servers))
    heard = []
    for _ in range(4):
        with open_socket(authority.http.port) as connection:
            heard.append(connection.recv(3))
    assert heard == [b"one", b"two", b"one", b"two"]


def test_the_directory_speaks_of_what_the_relay_adds_and_of_nothing_else(acme):
    authority = acme()
    relay = authority.relay
    plain = ask(authority)[2]
    assert plain["newOrder"] == f"{relay.url}/order-plz"
    assert "renewalInfo" not in plain and "profiles" not in plain["meta"]
    now = datetime.datetime(2026, 12, 1, tzinfo=datetime.timezone.utc)
    relay.window, relay.profiles = (now, now + datetime.timedelta(days=2)), {"tlsserver": "for servers"}
    full = ask(authority)[2]
    assert full["renewalInfo"] == f"{relay.url}/renewal-info" and full["meta"]["profiles"] == relay.profiles
    status, fields, info = ask(authority, "/renewal-info/aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")
    assert (status, fields["Retry-After"]) == (200, "21600")
    assert info["suggestedWindow"] == {"start": "2026-12-01T00:00:00Z", "end": "2026-12-03T00:00:00Z"}
    assert relay.of("renewalInfo")[0].last == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"
    relay.window = lambda certificate: None
    assert ask(authority, "/renewal-info/x.y")[0] == 404


def test_a_refusal_comes_as_often_as_it_was_asked_for(acme, lego):
    authority = acme()
    authority.relay.refuse("newOrder", retry_after=77)
    client = lego(authority)
    status, printed = client.run(NAME)
    assert status != 0 and "rateLimited" in printed, printed
    status, printed = client.run(NAME)
    assert status == 0, printed
    assert [each.status for each in authority.relay.of("newOrder")] == [429, 201]
    authority.relay.refuse("directory", 503, "serverInternal", "x" * (1 << 20), retry_after=5)
    status, fields, problem = ask(authority)
    assert (status, fields["Retry-After"], len(problem["detail"])) == (503, "5", 1 << 20)


def test_an_order_becomes_invalid_although_all_was_proved(acme, lego):
    authority = acme()
    authority.relay.invalidate(problem="caa")
    status, printed = lego(authority).run(NAME)
    assert status != 0 and "caa" in printed, printed
    assert authority.relay.count("certificate") == 0


def test_a_dropped_request_has_reached_the_authority(acme, lego):
    authority = acme()
    authority.relay.drop("newAccount")
    lego(authority).run(NAME)
    assert authority.relay.wait_for("newAccount")[0].status == 0
    assert "account" in authority.pebble.text.lower()


def test_a_held_request_waits_until_it_is_released(acme, lego, ending):
    authority = acme()
    held = authority.relay.hold("finalize")
    client = lego(authority)
    running = client.begin(NAME)
    ending.append(running)
    held.wait()
    assert authority.relay.of("finalize")[0].status is None and authority.relay.count("certificate") == 0
    held.release()
    assert running.wait() == 0, running.text
    assert verify(client.certificate(), authority.root)


def test_certificates_live_as_long_as_the_test_says_and_name_the_key_of_their_issuer(acme, lego):
    authority = acme()
    authority.relay.lifetime = 1 / 24
    client = lego(authority)
    status, printed = client.run(NAME)
    assert status == 0, printed
    assert verify(client.certificate(), authority.ca) and not verify(client.certificate(), authority.root)
    assert "X509v3 Authority Key Identifier" in openssl(
        "x509", "-in", client.certificate(), "-noout", "-ext", "authorityKeyIdentifier")
    ends = openssl("x509", "-in", client.certificate(), "-noout", "-enddate").strip().partition("=")[2]
    end = datetime.datetime.strptime(ends, "%b %d %H:%M:%S %Y %Z").replace(tzinfo=datetime.timezone.utc)
    assert datetime.timedelta(0) < end - datetime.datetime.now(datetime.timezone.utc) <= datetime.timedelta(hours=1)


def test_other_chains_are_offered_and_the_date_is_as_wrong_as_the_test_says(acme, lego):
    authority = acme(alternate_roots=1)
    relay, seen = authority.relay, []
    relay.change("certificate", lambda answer: seen.append(answer) or answer)
    status, printed = lego(authority).run(NAME)
    assert status == 0, printed
    # RFC 8555 §7.4.2.
    links = [value for name, value in seen[0].fields if name == "Link"]
    assert [link for link in links if link.startswith(f"<{relay.url}/certZ/") and 'rel="alternate"' in link], links
    relay.clock = 3600
    date = ask(authority)[1]["Date"]
    ahead = datetime.datetime.strptime(date, "%a, %d %b %Y %H:%M:%S %Z") - datetime.datetime.utcnow()
    assert abs(ahead - datetime.timedelta(hours=1)) < datetime.timedelta(seconds=30)


def test_names_of_the_authority_can_be_sent_elsewhere_or_nowhere(acme, lego):
    authority = acme()
    names = authority.names
    names.fail(NAME)
    # Nobody listens there.
    names.set_addresses("far.example.test", "127.0.0.9")
    client = lego(authority)
    for name, reason in ((NAME, "could not resolve"), ("far.example.test", "connection refused")):
        status, printed = client.run(name)
        assert status != 0 and reason in printed, printed
        assert names.questions(name)


def test_an_alias_is_answered_with_what_it_leads_to(acme):
    names = acme().names
    names.set_alias("_acme-challenge.example.test", "proofs.test")
    names.set_txt("proofs.test", "one")
    names.set_txt("proofs.test", "two")
    command = ["dig", "+short", "@127.0.0.1", "-p", str(names.port), "TXT", "_acme-challenge.example.test"]

    def asked():
        return sorted(subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE).stdout.split())

    assert asked() == ['"one"', '"two"', "proofs.test."]
    names.clear_txt("proofs.test")
    assert asked() == ["proofs.test."]
