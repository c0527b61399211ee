"""docs/moving.md with the real parts: the fastrouter and edgeproxy live on the same announcements."""

import socket
import struct

import pytest

from support.admin import status
from support.edge import reserve_port
from support.processes import Child, eventually

KEY = "app1.example.test"
PLUGINS = "/usr/lib/uwsgi/plugins"


def ask(port, host):
    """A request over the uwsgi protocol, as Apache sends it; the answer, empty when nobody serves the host."""
    variables = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_HOST": host, "SERVER_PROTOCOL": "HTTP/1.1"}
    block = b"".join(
        struct.pack("<H", len(part)) + part.encode() for pair in variables.items() for part in pair)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(struct.pack("<BHB", 0, len(block), 0) + block)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer


@pytest.fixture
def fastrouter(ending):
    """uWSGI's own router: its port for requests and that for announcements."""
    holders = [reserve_port(), reserve_port()]
    requests, announcements = (holder.getsockname()[1] for holder in holders)
    child = Child([
        "uwsgi", "--plugins-dir", PLUGINS, "--plugin", "corerouter", "--plugin", "fastrouter", "--master",
        "--fastrouter", f"127.0.0.1:{requests}", "--fastrouter-subscription-server", f"127.0.0.1:{announcements}"])
    ending.append(child)
    child.wait_for_line("spawned uWSGI fastrouter")
    yield requests, announcements
    child.kill()  # a polite uWSGI reloads
    for holder in holders:
        holder.close()


def test_the_fastrouter_and_edgeproxy_serve_the_same_instances_side_by_side(edge, uwsgi, fastrouter):
    requests, announcements = fastrouter
    running = edge({"apps": {"discover": "subscriptions"}}, routes=[{"host": "*.example.test", "upstream": "apps"}],
                   subscriptions={"listen": "127.0.0.1:0"})
    ours = int(status(running)["subscriptions"]["listening"][0].rpartition(":")[2])
    instance = uwsgi("app1", "a", tcp=True, options=[
        f"--subscribe-to=127.0.0.1:{announcements}:{KEY}", f"--subscribe-to=127.0.0.1:{ours}:{KEY}"])
    eventually(lambda: ask(requests, KEY).startswith(b"HTTP/1.1 200"), "the fastrouter")
    eventually(lambda: running.request(name=KEY).status == 200, "edgeproxy")
    # What the fastrouter does not know is the same host here.
    assert ask(requests, "APP1.example.test:443") == b""
    assert running.request(name=KEY, host="APP1.Example.Test.:443").status == 200
    (key,) = status(running)["subscriptions"]["keys"]
    assert [each["address"] for each in key["instances"]] == [instance.address]
