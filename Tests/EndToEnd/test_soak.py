"""Everything at once, and nothing remains of it: memory, descriptors, connections, tries, buffers.

`scripts/soak` lets it go on for a minute or longer; here it is some seconds.
"""

import os
import pathlib
import signal
import threading

from support.edge import binary, install
from support.http import good
from support.http2 import DATA, END_STREAM, Peer, frame
from support.remains import resident, rest
from support.traffic import KINDS, Traffic

ECHO = pathlib.Path(__file__).parent / "applications" / "echo_socket.py"
SECONDS = float(os.environ.get("SOAK_SECONDS", "7"))
WARM_UP = min(5, SECONDS)
# A sanitizer keeps what was given back for a while.
GROWTH_KIB = (6 if "build-" not in str(binary()) else 128) * 1024


def test_requests_that_are_over_are_not_counted_as_memory(edge, scripted):
    """Not even those of a burst of more than are kept for the next one."""
    running = edge({"app1": [scripted().address]}, workers=1)
    clients = [Peer(running.port, running.authority) for _ in range(4)]
    begun = [(client, client.start("POST", end_stream=False)) for client in clients for _ in range(100)]
    for client, stream in begun:
        client.send(frame(DATA, 0, stream, bytes(400)))
    assert all(client.ping() for client in clients)
    for client, stream in begun:
        client.send(frame(DATA, END_STREAM, stream, bytes(400)))
    assert {client.answer(stream).status for client, stream in begun} == {200}
    for client in clients:
        client.close()
    rest(running)


def test_nothing_remains_of_mixed_traffic(edge, uwsgi, web, directory, authority, wildcard):
    (directory / "www").mkdir()
    contents = os.urandom(700_000)
    (directory / "www" / "file").write_bytes(contents)
    steady = uwsgi(node="steady", processes=6)
    dying = [uwsgi("app2", node=f"dying{number}", tcp=True) for number in range(2)]
    sockets = uwsgi("app2", node="sockets", processes=3, options=["--wsgi-file", ECHO])
    server = web(good)
    running = edge(
        {"app1": [steady.address], "dying": [each.address for each in dying], "socket": [sockets.address],
         "web": {"protocol": "http", "nodes": [server.address], "keep_alive": {"idle": "2s"}}},
        compress={"default": "on"}, limits={"connections": 1000},
        routes=[{"host": f"{name}.example.test", "upstream": name} for name in ("app1", "dying", "socket", "web")]
        + [{"host": "files.example.test", "files": {"directory": str(directory / "www")}}])
    running.file_bytes = contents
    reloading, pause = threading.Lock(), threading.Event()
    issued = [wildcard, authority.issue("*.example.test", "example.test")]
    turns = {"certificate": 0, "reload": 0}

    def a_certificate_changes():
        turns["certificate"] += 1
        install(issued[turns["certificate"] % 2], running.certificates / "wildcard")
        pause.wait(0.5)

    def the_configuration_changes():
        turns["reload"] += 1
        limits = {"connections": 1000, "held": 100 + turns["reload"] % 2}
        with reloading:
            running.reload({**running.configuration, "limits": limits})
        pause.wait(0.3)

    def an_instance_dies():
        dying[0].signal(signal.SIGKILL)
        dying[0].child.end()
        pause.wait(0.2)
        dying[0].start()
        pause.wait(0.2)

    changes = [a_certificate_changes, the_configuration_changes, an_instance_dies]

    def soak(seconds, seed):
        with Traffic(running, changes, seed) as traffic:
            threading.Event().wait(seconds)
        assert not traffic.failures, "\n".join(traffic.failures[:20])
        missing = {*KINDS, *(change.__name__ for change in changes)} - set(traffic.done)
        assert not missing, f"{missing} never succeeded"
        return traffic.done

    before = rest(running)
    soak(WARM_UP, 1)
    rest(running, before)
    warm = resident(running)
    done = soak(SECONDS, 2)
    rest(running, before)
    grown = resident(running) - warm
    print(f"{sum(done.values())} visits in {SECONDS:g} s: {warm} KiB, {grown:+} KiB\n{dict(done)}")
    assert grown < GROWTH_KIB, f"{grown} KiB more than the {warm} KiB after warming up"
