"""What operators have a server do with certificates that it has ordered."""

import json

from support.acme_edges import NAME, killed, report, row, served
from support.admin import command
from support.authority import openssl
from support.processes import eventually


def public_key(edge):
    bundle = edge.directory / "state" / "acme" / "certificates" / f"{NAME}.pem"
    return openssl("x509", "-in", bundle, "-noout", "-pubkey")


def account(edge):
    """The account's record, as it is kept."""
    return json.loads(next((edge.directory / "state" / "acme").glob("accounts-*")).read_text())


def test_a_rehearsal_at_another_directory_changes_nothing_that_is_served(acme, ordering_edge):
    authority, staging = acme(), acme()
    running = ordering_edge(authority, NAME, acme={"issuers": [{"directory": authority.url, "staging": staging.url}]})
    staging.lead_to(running)
    first, key = served(running, authority), public_key(running)
    done, out, problem = command(running, "acme", "issue", NAME, "--staging")
    assert done == 0 and "would come to its end" in out, out + problem
    assert staging.relay.wait_for("finalize") and authority.relay.count("newOrder") == 1
    assert served(running, authority).serial == first.serial and public_key(running) == key
    staging.relay.invalidate()
    done, out, problem = command(running, "acme", "issue", NAME, "--staging")
    assert done == 1 and "the test says so" in out + problem
    # A rehearsal that fails is no failure of what is served.
    assert command(running, "acme", "status")[0] == 0
    assert served(running, authority).serial == first.serial


def test_a_command_that_comes_during_an_order_is_answered_by_that_order(acme, ordering_edge):
    authority = acme()
    held = authority.relay.hold("certificate")
    running = ordering_edge(authority, NAME)
    held.wait()
    asked = command(running, "acme", "issue", NAME, "--wait", "0")[1].split()[0]
    authority.relay.heal()
    served(running, authority)
    outcome = eventually(lambda: row(running)["outcome"], "the command is answered")
    assert (outcome["request"], outcome["done"]) == (asked, True)
    assert not row(running)["asked"] and authority.relay.count("newOrder") == 1


def test_a_certificate_that_is_revoked_is_replaced_by_one_with_another_key(acme, ordering_edge):
    authority = acme()
    running = ordering_edge(authority, NAME)
    first, key = served(running, authority), public_key(running)
    for number in (2, 3, 4):
        done, out, problem = command(running, "acme", "revoke", NAME, "--reason", "keyCompromise")
        assert done == 0 and "is revoked" in out, out + problem
        asked = authority.relay.of("revokeCert")
        assert len(asked) == number - 1 and (asked[-1].status, asked[-1].payload["reason"]) == (200, 1)
        second = served(running, authority, other_than=first.serial)
        assert public_key(running) != key
        assert authority.relay.count("newOrder") == number
        first, key = second, public_key(running)


def test_the_key_of_an_account_is_changed_and_orders_go_on(acme, ordering_edge):
    authority = acme()
    running = ordering_edge(authority, NAME)
    first, before = served(running, authority), account(running)
    done, out, problem = command(running, "acme", "account", "--rotate")
    assert done == 0 and "another key" in out, out + problem
    after = account(running)
    assert after["key"] != before["key"] and after["url"] == before["url"] and "successor" not in after
    assert [each.status for each in authority.relay.of("keyChange")] == [200]
    killed(running)
    assert command(running, "acme", "renew", NAME)[0] == 0
    served(running, authority, other_than=first.serial)
    assert authority.relay.count("newAccount") == 1


def test_an_answer_about_another_key_that_was_lost_costs_no_account(acme, ordering_edge):
    authority = acme()
    held = authority.relay.hold("keyChange", after=True)
    running = ordering_edge(authority, NAME)
    first = served(running, authority)
    command(running, "acme", "account", "--rotate", "--wait", "0")
    held.wait()
    # The authority has the new key, and the server has not heard of it.
    authority.relay.heal()
    killed(running)
    assert command(running, "acme", "renew", NAME)[0] == 0
    served(running, authority, other_than=first.serial)
    assert authority.relay.count("newAccount") == 1 and "successor" not in account(running)
    assert report(running)["accounts"] == [{"issuer": authority.url, "url": account(running)["url"]}]
