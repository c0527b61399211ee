"""A process that a signal ends: what it says, how it ends, and what the next one knows of it."""

import ctypes
import os
import pathlib
import re
import signal
import time

import pytest

from support.admin import ask, command, status
from support.client import Cut

SIGNALS = ["SIGSEGV", "SIGILL", "SIGABRT", "SIGBUS", "SIGFPE", "SIGTRAP"]
TGKILL = {"x86_64": 234, "aarch64": 131}[os.uname().machine]
CLD_KILLED = 2


@pytest.fixture
def patient(scripted):
    """An instance that answers nothing until the proxy is gone."""
    return scripted(lambda connection, request: connection.recv(1))


def crash(running, name="SIGSEGV", send=None):
    """Ends the process with a signal; returns the line that it left, behind time and level."""
    number = getattr(signal, name)
    running.expected.add(-number)
    if send:
        send(number)
    else:
        running.child.signal(number)
    assert running.child.wait() == -number
    line = running.child.wait_for_line(f" critical ended by {name}")
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z critical ended by", line)
    return line.split(" critical ", 1)[1]


def crashes(running):
    return status(running)["crashes"]


@pytest.mark.parametrize("name", SIGNALS)
def test_the_log_names_a_request_that_was_under_way(edge, patient, name):
    running = edge({"app1": [patient.address]})
    with running.client() as client:
        client.send_request("GET", "/reports/7?token=secret", headers=[("Cookie", "secret")])
        patient.wait_for(1)
        line = crash(running, name)
    for word in ("client=127.0.0.1", "host=app1.example.test", "method=GET", "target=/reports/7", "under_way=1",
                 f"sender={os.getpid()}", "thread=edgeproxy"):
        assert f" {word} " in f"{line} "
    assert re.search(r" request_id=[0-9a-f]{32} ", line)
    assert re.search(r" at=(library,)*0x[0-9a-f]+", line), "where in the program"
    assert "secret" not in running.child.text


def test_a_worker_names_the_request_that_it_turned_to_last(edge, patient):
    running = edge({"app1": [patient.address]}, workers=1)
    tasks = pathlib.Path(f"/proc/{running.child.pid}/task")
    worker = next(int(each.name) for each in tasks.iterdir() if (each / "comm").read_text() == "worker-0\n")
    with running.client() as first, running.client() as second:
        first.send_request("GET", "/first")
        patient.wait_for(1)
        second.send_request("GET", "/second")
        patient.wait_for(2)
        line = crash(running, send=lambda number: ctypes.CDLL(None).syscall(TGKILL, running.child.pid, worker, number))
    assert " request=current " in line and " target=/second " in line
    assert line.endswith(" thread=worker-0 under_way=2")


def test_what_a_client_sends_cannot_forge_a_line(edge, patient):
    running = edge({"app1": [patient.address]})
    target = "/a%0a<2>forged/" + "x" * 4000
    with running.client() as client:
        client.send_request("GET", target)
        patient.wait_for(1)
        line = crash(running)
    assert f" target={target[:200]} " in line


def test_the_next_process_counts_how_the_last_one_ended(edge, patient):
    running = edge({"app1": [patient.address]})
    assert crashes(running) == {"count": 0, "killed": 0, "last": None}
    assert "crashes" not in command(running, "status")[1]
    with running.client() as client:
        client.send_request("GET", "/reports/7")
        patient.wait_for(1)
        line = crash(running, "SIGILL")
    running.start()
    told = crashes(running)
    assert (told["count"], told["killed"]) == (1, 0)
    assert (told["last"]["signal"], told["last"]["line"]) == ("SIGILL", line)
    assert "target=/reports/7" in command(running, "status")[1]
    assert any("crashed" in warning for warning in status(running)["warnings"])
    assert b"\nedgeproxy_crashes_total 1\n" in ask(running.admin, "/metrics").body

    running.child.signal(signal.SIGKILL)
    running.child.wait()
    running.start()
    assert "ended without a word" in running.child.text
    assert (crashes(running)["count"], crashes(running)["killed"]) == (1, 1)

    running.drain()
    assert running.child.wait() == 0
    running.start()
    assert (crashes(running)["count"], crashes(running)["killed"]) == (1, 1)
    assert "ended without a word" not in running.child.text


def test_a_reader_of_the_log_that_is_stuck_does_not_keep_the_process(directory, edge, scripted):
    fifo = directory / "log"
    os.mkfifo(fifo)
    reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    running = edge({"app1": [scripted().address]}, words=("sh", "-c", f'exec "$@" 2>{fifo}', "sh"))
    writing = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writing, bytes(4096))
    running.child.signal(signal.SIGSEGV)
    assert running.child.wait(5) == -signal.SIGSEGV
    os.close(reading)
    os.close(writing)
    running.words = ()
    running.start()
    assert crashes(running)["count"] == 1, "the record has it all the same"


def test_no_core_is_written_even_where_the_limit_allows_one(directory, edge, scripted):
    running = edge({"app1": [scripted().address]}, words=("prlimit", "--core=unlimited"), home=directory)
    running.child.signal(signal.SIGSEGV)
    ended = os.waitid(os.P_PID, running.child.pid, os.WEXITED | os.WNOWAIT)
    assert (ended.si_status, ended.si_code) == (signal.SIGSEGV, CLD_KILLED)
    running.child.wait()
    running.start()


def test_clients_are_refused_and_not_kept_waiting(edge, patient):
    running = edge({"app1": [patient.address]})
    with running.client() as client:
        client.send_request("GET", "/")
        patient.wait_for(1)
        crash(running)
        with pytest.raises((Cut, ConnectionError)):
            client.read_response()
    with pytest.raises(ConnectionRefusedError):
        running.client()


def test_a_server_that_cannot_start_leaves_its_service_manager_time(edge, scripted):
    begun = time.monotonic()
    running = edge({"app1": [scripted().address]}, wait=False, rutes=[])
    running.expected.add(78)
    assert running.child.wait() == 78
    assert time.monotonic() - begun > 0.5, "it would be started again at once, for ever"
    assert "unknown key 'rutes'" in running.child.text
