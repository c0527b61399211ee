"""A request that ends every instance it reaches ends two of them, not all."""

from support.admin import status
from support.processes import eventually
from support.uwsgi import answer


def dying(connection, request):
    if request.environ["REQUEST_URI"].startswith("/deadly"):
        return
    connection.sendall(answer())


def test_a_request_that_ended_two_instances_gets_one_try_for_a_while(edge, scripted):
    nodes = [scripted(dying) for _ in range(4)]
    running = edge({"app1": [node.address for node in nodes]})
    for _ in range(6):
        assert running.request(path="/deadly").status == 502
    reached = sum(len(node.requests) for node in nodes)
    assert reached == 2 + 5, "the first is tried twice, then once each"
    entries = eventually(lambda: (found := running.access_entries())[5:] and found, "six lines of the log")
    assert [entry["cause"] for entry in entries].count("query-of-death") == 5
    told = status(running)["upstreams"][0]["nodes"]
    assert sum(node["failures"]["closed"] for node in told) == 2, "the instances are not to blame"
    assert running.request(path="/other").status == 200


def test_another_body_is_another_request(edge, scripted):
    nodes = [scripted(dying) for _ in range(3)]
    running = edge({"app1": [node.address for node in nodes]})
    for body in (b"one", b"two", b"one", b"x" * 100_000, b"x" * 100_000):
        assert running.request("PUT", "/deadly", body=body).status == 502
    assert sum(len(node.requests) for node in nodes) == 2 + 2 + 1 + 2 + 1


def test_an_answer_gives_a_request_its_second_tries_back(edge, scripted):
    alive = [False]

    def script(connection, request):
        if alive[0]:
            connection.sendall(answer())

    nodes = [scripted(script) for _ in range(3)]
    running = edge({"app1": [node.address for node in nodes]})
    assert running.request(path="/page").status == 502
    alive[0] = True
    assert running.request(path="/page").status == 200
    alive[0] = False
    before = sum(len(node.requests) for node in nodes)
    assert running.request(path="/page").status == 502
    assert sum(len(node.requests) for node in nodes) == before + 2
