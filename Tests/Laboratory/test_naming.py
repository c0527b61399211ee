"""How soon DNS has to leave out a server that has gone, and what excuses it."""

import pytest

import faults
import plan
import report

GONE, ALL = ["edge", "node"], [1, 2, 3, 4, 5]
OTHERS = ["s1", "s3", "s4", "s5"]


@pytest.fixture
def loss(run):
    """s2 loses its power from 10 s to 20 s; everybody has named everybody."""
    run.dns = "fleet"
    run.fault("power-loss", breaks=GONE, settle=6.0)
    for by in ("s1", "s2", "s3", "s4", "s5"):
        run.named(by, 0.0, *ALL)
    run.named("s2", 10.1, None)
    return run


def leave_out(run, at, who=OTHERS):
    for by in who:
        run.named(by, at, 1, 3, 4, 5)


def test_a_server_that_all_others_leave_out_in_time_holds(loss):
    leave_out(loss, 12.0)
    for by in OTHERS:
        loss.named(by, 55.0, *ALL)
    assert loss.held
    assert "s2 power-loss: left out after 2.0 s, named again 35.0 s after the end" in loss.text


def test_a_server_left_out_too_late_is_a_matter_of_time(loss):
    leave_out(loss, 14.0)
    assert loss.status == report.LATE and "DNS left s2 out after 4.0 s during power-loss" in loss.text


def test_a_server_that_one_of_the_others_goes_on_to_name_is_not_left_out(loss):
    leave_out(loss, 12.0, OTHERS[:-1])
    assert loss.status == report.LATE and "DNS left s2 out never during power-loss" in loss.text


def test_a_server_that_is_named_again_while_it_is_away_is_not_left_out_in_time(loss):
    leave_out(loss, 11.0)
    loss.named("s1", 12.0, *ALL)
    loss.named("s1", 15.0, 1, 3, 4, 5)
    assert loss.status == report.LATE and "DNS left s2 out after 5.0 s" in loss.text


def test_answers_of_a_server_that_is_cut_off_do_not_count(loss):
    loss.fault("cut-servers", server="s1", began=9.0, ended=19.0, breaks=["node"])
    leave_out(loss, 12.0, OTHERS[1:])
    assert loss.held


@pytest.mark.parametrize("client,began,held", [
    ("curl", 15.1, False), ("curl", 14.9, True), ("browser", 19.0, False), ("requests", 16.0, False),
    ("chromium", 19.0, True), ("curl", 20.5, True)])
def test_a_client_that_asks_anew_is_not_sent_to_a_server_that_has_gone(loss, client, began, held):
    leave_out(loss, 12.0)
    loss.request(client=client, began=began, ended=began + 0.9, address="10.77.0.13", tried=["10.77.0.12", "10.77.0.13"])
    assert loss.held == held


def test_no_server_has_to_be_left_out_when_few_others_are_there(loss):
    for server in ("s3", "s4"):
        loss.fault("power-loss", server=server, began=9.0, ended=19.0, breaks=GONE, settle=6.0)
    assert loss.held and "s2 power-loss: named all the time, of few that were left" in loss.text


def test_a_run_in_which_nobody_was_asked_does_not_hold(run):
    run.dns = "fleet"
    run.fault("power-loss", breaks=GONE)
    assert run.status == report.LATE


def test_moments_in_which_the_machine_stood_still_are_added(loss):
    leave_out(loss, 14.0)
    loss.stall(10.5, 1.5)
    assert loss.held


def test_a_monitor_may_take_its_time(loss):
    loss.dns = "monitor"
    leave_out(loss, 18.0)
    assert loss.held and "left out after 8.0 s" in loss.text


def test_a_seed_means_the_same_faults_however_servers_are_named():
    one, other = (plan.make(7, 10, 5, faults.at_random(dns)) for dns in ("monitor", "fleet"))
    different = {(mine.fault.key, its.fault.key) for mine, its in zip(one, other) if mine.fault is not its.fault}
    assert different == {("dns-mistake", "dns-lost")}
    assert [(step.at, step.server, step.seconds) for step in one] == [(step.at, step.server, step.seconds) for step in other]
