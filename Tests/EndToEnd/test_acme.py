"""One server orders its certificates from a real authority, by each way in which a name is proved."""

import datetime
import re
import stat
import time

import pytest

from support.acme_edges import NAME, metric, report, row, served
from support.admin import command, status
from support.bind import Bind
from support.processes import eventually

HOOK = """#!/bin/sh
case $1 in
present) curl -sf -d '{{"host": "'"$2"'", "value": "'"$3"'"}}' http://127.0.0.1:{port}/set-txt ;;
cleanup) curl -sf -d '{{"host": "'"$2"'"}}' http://127.0.0.1:{port}/clear-txt ;;
esac
"""
EXTERNAL = {"kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"}


def keys(text):
    """The lines of the private keys in a file, whether it is PEM or JSON."""
    found = re.findall("BEGIN PRIVATE KEY-----(.*?)-----END", text.replace("\\n", "\n"), re.DOTALL)
    return [line for key in found for line in key.split()]


def test_the_first_certificate_comes_within_seconds_and_nothing_tells_its_keys(acme, ordering_edge):
    authority = acme()
    begun = time.monotonic()
    running = ordering_edge(authority, NAME, "www.example.test")
    first = served(running, authority)
    # A second or two on a machine that does nothing else.
    assert time.monotonic() - begun < 10
    assert first.names == {NAME, "www.example.test"}
    relay = authority.relay
    assert (relay.count("newAccount"), relay.count("newOrder"), relay.count("finalize")) == (1, 1, 1)
    assert relay.of("newAccount")[0].payload["termsOfServiceAgreed"] is True
    running.child.wait_for_line("certificate issued")
    assert row(running)["state"] == "served" and row(running)["attempts"] == 0
    assert metric(running, "acme_last_failure_timestamp_seconds") == {f'name="{NAME}"': 0}
    assert command(running, "acme", "status")[0] == 0
    place, modes = running.directory / "state" / "acme", set()
    for each in [place, *place.rglob("*")]:
        modes.add((each.is_dir(), stat.S_IMODE(each.stat().st_mode)))
    assert modes == {(True, 0o700), (False, 0o600)}
    secrets = [line for each in place.rglob("*") if each.is_file() for line in keys(each.read_text())]
    assert len(secrets) >= 4
    told = running.child.text + str(status(running)) + str(report(running)) + running.access_text()
    assert not [secret for secret in secrets if secret in told]
    # It is served by the next process without another order.
    running.child.kill()
    running.start(wait=False)
    assert served(running, authority).serial == first.serial
    assert relay.count("newOrder") == 1


def test_a_wildcard_and_its_parent_are_proved_by_a_program_that_writes_into_dns(acme, ordering_edge, directory):
    authority = acme()
    hook = directory / "hook"
    hook.write_text(HOOK.format(port=authority.names.management))
    hook.chmod(0o755)
    running = ordering_edge(authority, "*.example.test", "example.test", acme={"dns": {"hook": {"command": str(hook)}}})
    assert served(running, authority).names == {"*.example.test", "example.test"}
    assert row(running, "_wildcard.example.test")["state"] == "served"
    running.child.wait_for_line("the hook has ended.*cleanup")
    asked = authority.relay.of("challenge")
    assert len(asked) == 2 and authority.relay.count("newOrder") == 1


@pytest.mark.parametrize("alias", [False, True], ids=["in its zone", "behind an alias"])
def test_a_wildcard_and_its_parent_are_proved_by_updates_of_a_real_name_server(
        acme, ordering_edge, directory, ending, alias):
    records = "_acme-challenge IN CNAME proofs" if alias else ""
    server = Bind(directory / "bind", {"example.test": records})
    ending.append(server)
    authority = acme(dns=server.port)
    running = ordering_edge(authority, "*.example.test", "example.test", acme={"dns": {"update": {
        "server": server.address, "zone": "example.test", "key_name": "edgeproxy", "key_file": str(server.key_file),
        "resolver": server.address}}})
    assert served(running, authority).names == {"*.example.test", "example.test"}
    eventually(lambda: not [each for each in server.texts("_acme-challenge.example.test") if len(each) == 43],
               "the records are taken away")
    secret = server.key_file.read_text().split('secret "')[1].split('"')[0]
    assert secret not in running.child.text + str(status(running))
    server.child.wait_for_line("updating zone.*proofs" if alias else "updating zone.*_acme-challenge")


def test_a_name_is_proved_in_the_handshake_while_another_certificate_is_served(acme, ordering_edge):
    authority = acme()
    # The port is open with the wildcard of the directory.
    running = ordering_edge(
        authority, acme={"certificates": [{"names": [NAME], "challenge": "tls-alpn"}]}, certificates={})
    assert served(running, authority).names == {NAME}
    running.child.wait_for_line("a CA was shown the certificate of a challenge")
    assert [each.payload for each in authority.relay.of("challenge")] == [{}]


def test_clients_of_any_age_get_a_certificate_where_both_keys_are_wanted(acme, ordering_edge):
    authority = acme()
    running = ordering_edge(authority, acme={"certificates": [{"names": [NAME], "key": "both"}]})
    new = served(running, authority)
    eventually(lambda: len([each for each in report(running)["certificates"] if each["state"] == "served"]) == 2,
               "both were ordered")
    old = served(running, authority, rsa=True, other_than=new.serial)
    assert "RSA" in old.key and old.serial != served(running, authority).serial
    assert [each["key"] for each in report(running)["certificates"]] == ["ecdsa", "rsa"]
    assert authority.relay.count("newOrder") == 2


@pytest.mark.parametrize("share", [20, 90])
def test_nonces_that_are_refused_cost_time_only(acme, ordering_edge, share):
    authority = acme(nonce_reject=share)
    running = ordering_edge(authority, NAME)
    served(running, authority, seconds=60)
    assert len({each.last for each in authority.relay.of("certificate")}) == 1
    assert row(running)["attempts"] == 0


def test_an_account_is_bound_to_one_that_the_authority_knows(acme, ordering_edge, directory):
    authority = acme(external_accounts=EXTERNAL)
    key = directory / "external.key"
    key.write_text(EXTERNAL["kid-1"] + "\n")
    key.chmod(0o600)
    running = ordering_edge(authority, NAME, acme={"issuers": [
        {"directory": authority.url, "external_account": {"id": "kid-1", "key_file": str(key)}}]})
    served(running, authority)
    assert "externalAccountBinding" in authority.relay.of("newAccount")[0].payload
    assert EXTERNAL["kid-1"] not in running.child.text


@pytest.mark.parametrize("share, challenges", [(0, 2), (100, 1)])
def test_names_that_an_authority_still_believes_are_not_proved_again(acme, ordering_edge, share, challenges):
    authority = acme(authz_reuse=share)
    running = ordering_edge(authority, NAME)
    first = served(running, authority)
    assert command(running, "acme", "renew", NAME)[0] == 0
    served(running, authority, other_than=first.serial)
    assert (authority.relay.count("newOrder"), authority.relay.count("challenge")) == (2, challenges)


def test_a_profile_is_asked_for_where_the_authority_offers_it(acme, ordering_edge):
    authority, without = acme(), acme()
    authority.relay.profiles = {"tlsserver": "for servers"}
    for each, asked in ((authority, "tlsserver"), (without, None)):
        running = ordering_edge(each, NAME, acme={"issuers": [{"directory": each.url, "profile": "tlsserver"}]})
        served(running, each)
        assert each.relay.of("newOrder")[0].payload.get("profile") == asked


def test_a_certificate_is_renewed_when_the_authority_wants_it(acme, ordering_edge):
    authority = acme()
    now = datetime.datetime.now(datetime.timezone.utc)
    past = now - datetime.timedelta(days=2), now - datetime.timedelta(days=1)
    future = now + datetime.timedelta(days=20), now + datetime.timedelta(days=22)
    first = []

    def window(identifier):
        first[:] = first or [identifier]
        return past if identifier == first[0] else future

    authority.relay.window = window
    running = ordering_edge(authority, NAME)
    asked = authority.relay.wait_for("newOrder", 2)
    assert "replaces" not in asked[0].payload and asked[1].payload["replaces"] == first[0]
    authority.relay.wait_for("renewalInfo", 2)

    def next_time():
        one = row(running)
        return one["next"] if "CA suggests" in one["why"] and one["state"] == "served" else None

    chosen = eventually(next_time, "the time within the window is told")
    assert future[0].timestamp() - 1 <= chosen <= future[1].timestamp()
    questions = authority.relay.count("renewalInfo")
    running.child.kill()
    running.start(wait=False)
    served(running, authority)
    assert eventually(next_time, "the time is kept") == chosen
    assert (authority.relay.count("renewalInfo"), authority.relay.count("newOrder")) == (questions, 2)


def test_an_authority_that_wants_each_certificate_renewed_at_once_is_not_obeyed_for_ever(acme, ordering_edge):
    authority = acme()
    now = datetime.datetime.now(datetime.timezone.utc)
    authority.relay.window = now - datetime.timedelta(days=2), now - datetime.timedelta(days=1)
    running = ordering_edge(authority, NAME)
    eventually(lambda: row(running)["state"] == "waiting", "another order waits")
    assert authority.relay.count("newOrder") <= 3


def test_hosts_of_routes_get_certificates_without_being_named(acme, ordering_edge):
    authority = acme()
    running = ordering_edge(authority, acme={"hosts": "routed"}, routes=[
        {"host": NAME, "upstream": "app1"}, {"host": "*.wild.test", "upstream": "app1"}])
    assert served(running, authority).names == {NAME}
    assert [each["names"] for each in report(running)["certificates"]] == [[NAME]]


def test_a_directory_of_challenges_is_answered_from_as_before(acme, ordering_edge, directory):
    authority = acme()
    webroot = directory / "webroot"
    webroot.mkdir()
    (webroot / "of-certbot").write_text("of-certbot.thumbprint")
    running = ordering_edge(authority, NAME, acme_challenges=str(webroot))
    served(running, authority)
    with running.plain_client() as client:
        answer = client.request(path="/.well-known/acme-challenge/of-certbot")
        assert (answer.status, answer.body) == (200, b"of-certbot.thumbprint")
