"""What becomes of orders when the authority, the names, the disk or the server itself fails."""

import pytest

from support.acme_edges import NAME, metric, report, row, served, settings
from support.admin import command, status
from support.processes import eventually

OTHER = "app2.example.test"


def issue(edge, *words):
    """`edgeproxy acme issue`: its exit status, and what it printed."""
    done, out, problem = command(edge, "acme", "issue", *words)
    return done, out + problem


def issuers(*authorities):
    return {"issuers": [each.url for each in authorities]}


@pytest.mark.parametrize("kind", ["newOrder", "newAccount"])
def test_an_authority_that_was_asked_too_often_is_left_and_the_next_is_asked_at_once(acme, ordering_edge, kind):
    first, second = acme(), acme()
    first.relay.refuse(kind, retry_after=7200, times=None)
    running = ordering_edge(first, NAME, acme=issuers(first, second))
    second.lead_to(running)
    assert served(running, second).names == {NAME}
    assert first.relay.count(kind) == 1
    assert eventually(lambda: row(running)["state"] == "served", "it is told")
    assert row(running)["issuer"] == second.url and command(running, "acme", "status")[0] == 0


def test_an_authority_that_is_overloaded_is_asked_again_when_it_says(acme, ordering_edge):
    authority = acme()
    authority.relay.refuse("newOrder", 503, "serverInternal", "overloaded", retry_after=1, times=2)
    running = ordering_edge(authority, NAME)
    served(running, authority)
    asked = [each.at for each in authority.relay.of("newOrder")]
    assert len(asked) == 3 and all(later - earlier >= 0.9 for earlier, later in zip(asked, asked[1:]))
    assert row(running)["attempts"] == 0


def failed_once(edge, problem):
    """The order has failed, everybody is told why, and it waits."""
    edge.child.wait_for_line(f"no certificate was issued.*{problem}")
    one = row(edge)
    assert (one["state"], one["attempts"]) == ("waiting", 1)
    assert problem in one["last_failure"]["problem"] and one["next"] > one["last_failure"]["at"]
    assert metric(edge, "acme_last_failure_timestamp_seconds")[f'name="{NAME}"'] == one["last_failure"]["at"]
    assert [each for each in status(edge)["warnings"] if problem in each]
    done, out, _ = command(edge, "acme", "status")
    assert done == 1 and problem in out


def test_a_name_that_leads_elsewhere_is_told_and_ordered_at_once_after_the_mend(acme, ordering_edge, web):
    authority = acme()
    elsewhere = web()
    running = ordering_edge(authority, NAME)
    running.child.kill()
    authority.http.lead_to(int(elsewhere.address.rpartition(":")[2]))
    running.start(wait=False)
    failed_once(running, "unauthorized")
    done, said = issue(running, NAME)
    assert done == 1 and "unauthorized" in said
    assert authority.relay.count("newOrder") == 2
    authority.lead_to(running)
    done, said = issue(running, NAME)
    assert done == 0 and "issued by" in said
    served(running, authority)
    assert authority.relay.count("newOrder") == 3
    assert metric(running, "acme_last_failure_timestamp_seconds") == {f'name="{NAME}"': 0}
    assert not [each for each in status(running)["warnings"] if NAME in each]


def test_an_order_that_the_authority_gives_up_is_told_and_not_repeated_at_once(acme, ordering_edge):
    authority = acme()
    authority.relay.invalidate()
    running = ordering_edge(authority, NAME)
    failed_once(running, "the test says so")
    orders = authority.relay.count("newOrder")
    assert orders == 1
    # The server has had the time to do something foolish: it has answered.
    assert issue(running, NAME)[0] == 1
    assert authority.relay.count("newOrder") == orders + 1


def test_an_authority_whose_clock_is_another_is_not_believed(acme, ordering_edge):
    authority = acme()
    authority.relay.clock = -3600
    running = ordering_edge(authority, NAME)
    running.child.wait_for_line("no certificate was issued.*the clock of this server is 3[56]..? s ahead")
    assert row(running)["state"] == "waiting" and authority.relay.count("newOrder") == 0
    assert [each for each in status(running)["warnings"] if "NTP" in each]
    authority.relay.clock = 0
    assert issue(running, NAME)[0] == 0
    served(running, authority)


def test_a_third_order_of_the_same_names_is_refused_unless_it_is_forced(acme, ordering_edge):
    authority = acme()
    running = ordering_edge(authority, NAME)
    first = served(running, authority)
    assert issue(running, NAME)[0] == 0
    done, said = issue(running, NAME)
    assert done == 1 and "2 times in 7 days" in said and "--force" in said
    assert authority.relay.count("newOrder") == 2
    assert issue(running, NAME, "--force")[0] == 0
    assert authority.relay.count("newOrder") == 3
    served(running, authority, other_than=first.serial)
    assert issue(running, "nobody.example.test")[0] == 1


def test_a_disk_that_is_full_is_told_and_what_is_served_goes_on(acme, ordering_edge, small_disk):
    authority = acme()
    held = authority.relay.hold("certificate")
    running = ordering_edge(authority, NAME, certificates={}, state=str(small_disk.place / "state"))
    held.wait()
    small_disk.fill()
    authority.relay.heal()
    running.child.wait_for_line("no certificate was issued.*No space left")
    running.child.wait_for_line("nothing is ordered until it can be written down.*No space left")
    assert running.request().status == 200
    done, out, _ = command(running, "acme", "status")
    assert done == 1 and "no certificate can be ordered" in out and "No space left" in out
    assert [each for each in status(running)["warnings"] if "No space left" in each]
    done, said = issue(running, NAME)
    assert done == 1 and "No space left" in said
    assert authority.relay.count("certificate") == 1
    small_disk.free()
    eventually(lambda: report(running)["reason"] is None, "it can be written down again")
    assert issue(running, NAME)[0] == 0
    served(running, authority)
    assert authority.relay.count("newOrder") == 1


def test_a_full_disk_at_the_start_makes_no_server_ask_without_end(acme, ordering_edge, small_disk):
    authority = acme()
    small_disk.fill()
    (small_disk.place / "state").mkdir()
    running = ordering_edge(authority, NAME, certificates={}, state=str(small_disk.place / "state"))
    eventually(lambda: report(running)["reason"], "what is wrong is told")
    assert running.request().status == 200
    assert authority.relay.requests == []
    assert len([line for line in running.child.lines if "no certificate was issued" in line]) <= 1
    small_disk.free()
    eventually(lambda: report(running)["reason"] is None, "it can be written down again")
    assert issue(running, NAME)[0] == 0
    served(running, authority)


def test_a_reload_that_adds_a_name_orders_it_and_one_without_the_section_ends_all(acme, ordering_edge):
    authority = acme()
    running = ordering_edge(authority, NAME)
    first = served(running, authority)
    configuration = {**running.configuration, "certificates": {"directory": None}}
    running.reload({**configuration, "acme": settings(authority, NAME, OTHER)})
    second = served(running, authority, other_than=first.serial)
    assert second.names == {NAME, OTHER}
    running.reload({key: value for key, value in configuration.items() if key != "acme"})
    done, out, problem = command(running, "acme", "status")
    assert done == 1 and "'acme'" in problem, out + problem
    orders = authority.relay.count("newOrder")
    assert orders == 2 and "issuance" not in status(running)
    running.reload(configuration)
    assert eventually(lambda: report(running)["certificates"], "it issues again")
