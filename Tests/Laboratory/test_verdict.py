"""What turns a run red, and what is counted apart: the promises of scripts/lab chaos."""

import pytest

import report

KILL, CUT, INSTANCE, UNABLE = ["edge"], ["edge", "node"], ["node"], ["node", "unable"]


def test_a_quiet_run_holds(run):
    run.request()
    run.order("browser-1", "a")
    assert run.held and "All promises held" in run.text


def test_a_failed_get_breaks_it(run):
    run.request("closed without an answer")
    assert run.status == report.BROKEN and "without an excuse" in run.text


@pytest.mark.parametrize("client", ["browser", "chromium", "curl", "requests"])
def test_every_kind_of_client_counts(run, client):
    run.request("status 503", client=client)
    assert not run.held
    row = next(line for line in run.text.splitlines() if line.split()[:1] == [client])
    assert row.split()[1:4] == ["1", "1", "0"]


def test_a_failed_post_is_not_idempotent(run):
    run.request("status 503", method="POST", path="/hash")
    assert run.held


def test_an_order_that_one_edge_sent_twice_breaks_it(run):
    run.order("browser-1", "same", "same")
    assert not run.held and "executed twice: browser-1" in run.text


def test_an_order_that_a_client_sent_twice_though_its_server_lived_breaks_it(run):
    run.order("chromium-app1-1", "first", "second", client="chromium")
    assert not run.held


def test_an_order_that_a_client_sent_again_because_its_server_died_is_the_clients(run):
    run.fault("edge-kill", breaks=KILL)
    run.order("chromium-app1-1", "first", "second", client="chromium")
    assert run.held and "1 because the client itself" in run.text


def test_an_edge_that_sent_an_order_twice_is_not_excused_by_a_dead_server(run):
    run.fault("edge-kill", breaks=KILL)
    run.order("chromium-app1-1", "same", "same", client="chromium")
    assert not run.held


def test_an_order_answered_and_not_executed_breaks_it(run):
    run.order("browser-1")
    assert not run.held and "never executed" in run.text


def test_an_order_that_failed_and_was_not_executed_holds(run):
    run.order("browser-1", failure="status 502")
    assert run.held


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_torn_answer_breaks_it(run, method):
    run.request("cut", method=method, begun=True, node="s3")
    assert not run.held and "torn" in run.text


def test_a_torn_answer_at_a_killed_server_is_excused(run):
    run.fault("power-loss", breaks=CUT)
    run.request("cut", begun=True)
    assert run.held


def test_a_torn_answer_of_a_killed_instance_is_excused(run):
    run.fault("app-kill", server="s3", breaks=INSTANCE)
    run.request("ended early, unseen", begun=True, node="s3", path="/stream")
    assert run.held


def test_a_torn_answer_of_an_instance_elsewhere_is_not(run):
    run.fault("app-kill", server="s3", breaks=INSTANCE)
    run.request("cut", begun=True, node="s4")
    assert not run.held


def test_wrong_bytes_are_excused_by_nothing(run):
    run.fault("power-loss", breaks=CUT)
    run.request("wrong bytes", begun=True)
    assert not run.held


def test_a_wrong_certificate_is_excused_by_nothing(run):
    run.fault("edge-kill", breaks=KILL)
    run.request("certificate")
    assert not run.held


def test_a_503_is_no_sign_of_a_dead_server(run):
    run.fault("edge-kill", breaks=KILL)
    run.request("status 503")
    assert not run.held


def test_a_503_of_a_server_that_could_not_know_yet_is_excused(run):
    run.fault("unable", breaks=UNABLE)
    run.seen("s2", 13.0, "refused")
    run.request("status 503")
    assert run.held


def test_a_death_at_another_server_excuses_nothing(run):
    run.fault("edge-kill", server="s4", breaks=KILL)
    run.request("closed without an answer")
    assert not run.held


def test_a_kept_connection_that_died_is_found_out_later(run):
    run.fault("edge-kill", began=10, ended=11, breaks=KILL)
    run.request("closed without an answer", began=25, ended=25.1, opened=5.0)
    assert run.held


def test_a_connection_opened_after_the_death_is_not_excused_by_it(run):
    run.fault("edge-kill", began=10, ended=11, breaks=KILL)
    run.request("closed without an answer", began=25, ended=25.1, opened=24.0)
    assert not run.held


def test_a_client_that_gives_up_on_a_black_hole_is_counted_apart(run):
    run.fault("cut", ended=30.0, breaks=CUT)
    run.request("silence", ended=27.0)
    run.request("no server: silent to SYN", client="curl", ended=42.0, address=None, tried=["10.77.0.12"])
    assert run.held and "2  the client gave up on a black hole (browser 1, curl 1)" in run.text


def test_silence_of_a_server_in_peace_breaks_it(run):
    run.fault("cut", server="s3", ended=30.0, breaks=CUT)
    run.request("silence", ended=27.0)
    assert not run.held


def test_no_server_is_excused_only_when_each_that_was_tried_was_away(run):
    run.fault("cut", breaks=CUT)
    run.request("no server: silent to SYN", tried=["10.77.0.12", "10.77.0.13"])
    assert not run.held
    run.fault("power-loss", server="s3", breaks=CUT)
    assert run.held


def test_no_server_without_knowing_which_was_tried_breaks_it(run):
    run.fault("cut", breaks=CUT)
    run.request("no server", address=None)
    assert not run.held


def test_a_name_without_addresses_breaks_it(run):
    run.fault("cut", breaks=CUT)
    run.request("no address in DNS", address=None)
    assert not run.held


def test_chromium_may_have_been_at_any_server_that_it_had_a_connection_with(run):
    run.fault("edge-kill", breaks=KILL)
    run.request("closed without an answer", client="chromium", address=None, perhaps=["10.77.0.13"])
    assert not run.held
    run.fault("edge-kill", server="s3", breaks=KILL)
    assert run.held


def test_slow_answers_during_a_fault_break_it(run):
    run.fault("app-freeze")
    for _ in range(20):
        run.request(ended=14.5)
    assert run.status == report.LATE and "p99 was 2.50 s" in run.text


def test_each_half_minute_counts_alone(run):
    run.fault("app-freeze", ended=100.0)
    for at in range(10, 100):
        run.request(began=at, ended=at + (2.5 if 40 <= at < 70 else 0.1))
    assert run.status == report.LATE and "p99 was 2.50 s from 30 s to 60 s" in run.text
    assert run.text.count("p99 was") == 1


def test_an_answer_that_came_through_the_edge_of_a_killed_server_is_excused(run):
    run.fault("edge-kill", breaks=KILL)
    run.request("cut", begun=True, address="10.77.0.13", node="s2")
    assert run.held
    run.request("cut", begun=True, address="10.77.0.13", node="s4")
    assert not run.held


def test_a_server_is_unable_when_all_of_the_fault_has_been_done(run):
    run.fault("unable", complete=10.6, breaks=UNABLE)
    run.seen("s2", 14.5, "refused")
    assert run.held


def test_waits_at_a_server_that_was_away_are_not_in_the_p99(run):
    run.fault("cut", breaks=CUT)
    for _ in range(20):
        run.request(ended=19.5)
    assert run.held and "answered in the end" in run.text


def test_the_longest_wait_is_in_the_table(run):
    run.fault("cut", breaks=CUT)
    run.request(ended=19.5)
    run.request(ended=12.4, address="10.77.0.13")
    assert run.held
    row = next(line for line in run.text.splitlines() if line.split()[:1] == ["browser"])
    assert row.split()[1:8] == ["2", "0", "0", "0", "0", "7.50s", "0.40s"]


@pytest.mark.parametrize("at, held", [(13.9, True), (14.1, False), (None, False)])
def test_a_port_that_cannot_serve_refuses_within_four_seconds(run, at, held):
    run.fault("unable", breaks=UNABLE)
    if at:
        run.seen("s2", at, "refused")
    assert run.held == held


@pytest.mark.parametrize("stalled, held", [(11.0, True), (40.0, False)])
def test_a_machine_that_stood_still_meanwhile_is_no_late_port(run, stalled, held):
    run.fault("unable", breaks=UNABLE)
    run.seen("s2", 14.3, "refused")
    run.stall(stalled, 0.5)
    assert run.held == held


@pytest.mark.parametrize("at, held", [(30.9, True), (31.2, False), (None, False)])
def test_a_certificate_is_served_everywhere_within_a_second(run, at, held):
    run.certificate(1, 1.0, 1.1)
    run.certificate(2, 29.8, 30.0)
    for server in ["s1", "s2", "s3", "s4"]:
        run.seen(server, 30.1, serial=2)
    if at:
        run.seen("s5", at, serial=2)
    assert run.held == held


@pytest.mark.parametrize("at, held", [(40.9, True), (42.0, False)])
def test_a_second_counts_from_the_end_of_the_cut(run, at, held):
    run.fault("cut-servers", began=25.0, ended=40.0, server="s5")
    run.seen("s5", 28.0, "silent", serial=None)
    run.certificate(1, 1.0, 1.1)
    run.certificate(2, 29.8, 30.0)
    for server in ["s1", "s2", "s3", "s4"]:
        run.seen(server, 30.1, serial=2)
    run.seen("s5", at, serial=2)
    assert run.held == held


@pytest.mark.parametrize("replaced, held", [(39.0, True), (41.0, False), (29.0, False)])
def test_a_certificate_is_not_awaited_that_was_replaced_before_the_end_of_the_cut(run, replaced, held):
    run.fault("cut-servers", began=25.0, ended=40.0, server="s5")
    run.fault("cert-expired", began=replaced, ended=replaced + 2, server="fleet")
    run.certificate(1, 1.0, 1.1)
    run.certificate(2, 29.8, 30.0)
    for server in ["s1", "s2", "s3", "s4"]:
        run.seen(server, 30.1, serial=2)
    run.certificate(3, 44.0, 44.1)
    for server in ["s1", "s2", "s3", "s4", "s5"]:
        run.seen(server, 44.5, serial=3)
    assert run.held == held


@pytest.mark.parametrize("serial, held", [(2, True), (1, False)])
def test_a_port_that_was_closed_opens_with_the_new_certificate(run, serial, held):
    run.certificate(1, 1.0, 1.1)
    run.certificate(2, 29.8, 30.0)
    for server in ["s1", "s2", "s3", "s4"]:
        run.seen(server, 30.1, serial=2)
    run.seen("s5", 20.0, "refused", serial=None)
    assert run.held
    run.seen("s5", 45.0, serial=serial)
    assert run.held == held


def test_a_certificate_is_not_awaited_from_a_server_that_is_off(run):
    run.fault("power-loss", began=25.0, ended=40.0, server="s5", breaks=CUT)
    run.certificate(1, 1.0, 1.1)
    run.certificate(2, 29.8, 30.0)
    for server in ["s1", "s2", "s3", "s4"]:
        run.seen(server, 30.1, serial=2)
    assert run.held


@pytest.mark.parametrize("status, held", [(0, True), (-9, True), (-11, False), (1, False)])
def test_an_edgeproxy_that_ends_by_itself_breaks_it(run, status, held):
    run.crash(status)
    assert run.held == held


@pytest.mark.parametrize("host, held", [("app1.example.test", True), ("app2.example.test", False)])
def test_a_503_for_an_application_without_any_instance_is_excused(run, host, held):
    run.fault("host-away", server="fleet", breaks=[f"host:{host}"])
    run.request("status 503")  # of app1
    assert run.held == held
