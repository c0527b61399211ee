"""What turns a run red about the certificates that the fleet orders by itself."""

import pytest

CUT = ["edge", "node"]


def test_an_order_for_each_certificate_holds(run):
    for number, at in enumerate([1.0, 30.0, 60.0]):
        run.order_certificate(at, server=f"s{number + 1}")
        run.issue(at + 1, serial=number)
    run.order_certificate(90.0)  # under way when the run ends
    assert run.held
    assert "shop.example.test: 3 certificates, 4 orders, placed by s1 s2 s3 s1" in run.text


def test_a_second_order_for_one_certificate_breaks_it(run):
    run.order_certificate(1.0)
    run.order_certificate(2.0)
    run.issue(3.0)
    assert not run.held and "shop.example.test by s1 1 times" in run.text


def test_two_servers_that_both_order_break_it(run):
    run.order_certificate(1.0, server="s1")
    run.order_certificate(1.1, server="s2")
    assert not run.held


def test_orders_of_other_names_are_others(run):
    run.order_certificate(1.0)
    run.order_certificate(1.0, name="mail.example.test")
    assert run.held


def test_an_order_that_the_ca_did_not_take_is_none(run):
    run.order_certificate(1.0, status=429)
    run.order_certificate(61.0)
    assert run.held


@pytest.mark.parametrize("fault, server, breaks, held", [
    ("edge-kill", "s1", ["edge"], True), ("cut-servers", "s1", ["node"], True), ("quorum-lost", "fleet", [], True),
    ("etcd-kill", "s4", [], True), ("edge-kill", "s2", ["edge"], False), ("app-kill", "s1", ["node"], False),
    ("certificate", "fleet", [], False)])
def test_an_order_that_a_server_could_not_store_is_excused(run, fault, server, breaks, held):
    run.fault(fault, server=server, breaks=breaks)
    run.order_certificate(9.9, server="s1")
    run.order_certificate(26.0, server="s2")
    run.issue(27.0)
    assert run.held == held


def test_a_fault_long_after_an_order_does_not_excuse_another(run):
    run.fault("edge-kill", server="s1", began=40.0, ended=41.0, breaks=["edge"])
    run.order_certificate(20.0)
    run.order_certificate(42.0, server="s2")
    assert not run.held


def test_each_order_that_came_to_nothing_needs_an_excuse_of_its_own(run):
    run.fault("edge-kill", server="s1", began=10.0, ended=11.0, breaks=["edge"])
    run.order_certificate(9.9)
    run.order_certificate(26.0, server="s2")
    run.order_certificate(27.0, server="s2")
    run.issue(28.0)
    assert not run.held


@pytest.mark.parametrize("fault, breaks, held", [
    ("power-loss", CUT, True), ("reboot", ["node"], True), ("app-kill", ["node"], False), ("etcd-kill", [], False)])
def test_a_refusal_is_excused_when_a_server_was_away(run, fault, breaks, held):
    run.fault(fault, breaks=breaks)
    run.order_certificate(11.0)
    run.refuse(13.0)
    run.order_certificate(73.0)
    run.issue(74.0)
    assert run.held == held


def test_a_refusal_in_peace_is_excused_by_no_death_of_the_server_that_ordered(run):
    run.order_certificate(11.0)
    run.refuse(13.0)
    run.fault("edge-kill", server="s1", began=14.0, ended=15.0, breaks=["edge"])
    run.order_certificate(73.0)
    assert not run.held


def test_a_certificate_that_is_over_is_excused_by_nothing(run):
    run.fault("power-loss", server="s3", breaks=CUT)
    run.distrust(21.0)
    assert not run.held and "shop.example.test at s3" in run.text
