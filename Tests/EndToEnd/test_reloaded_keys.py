"""A reload takes over every key, or says which need a restart."""

import socket
import ssl

import pytest

from support.admin import command


def change(running, **configuration):
    """Writes the file with other values and reloads: exit status and what was printed."""
    running.write({**running.configuration, **configuration})
    code, text, _ = command(running, "reload")
    return code, text


def test_another_version_of_tls_counts_from_the_next_handshake_on(edge, scripted):
    running = edge({"app1": [scripted().address]})

    def connect(version):
        context = ssl.create_default_context(cafile=running.authority.pem)
        context.maximum_version = version
        with socket.create_connection(("127.0.0.1", running.port), 5) as plain:
            with context.wrap_socket(plain, server_hostname="app1.example.test") as secure:
                return secure.version()

    assert connect(ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    with running.client() as kept:
        assert kept.request("GET", "/").status == 200
        assert change(running, tls={"minimum": "1.3"})[0] == 0
        with pytest.raises(ssl.SSLError):
            connect(ssl.TLSVersion.TLSv1_2)
        assert connect(ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
        assert kept.request("GET", "/").status == 200
    assert change(running, tls={"minimum": "1.2", "tickets": "off"})[0] == 0
    assert connect(ssl.TLSVersion.TLSv1_2) == "TLSv1.2"


def test_another_level_of_the_error_log_counts_at_once(edge, scripted):
    running = edge({"app1": [scripted().address]})
    assert change(running, log={"level": "error"})[0] == 0
    since = len(running.child.lines)
    assert change(running)[0] == 0
    assert change(running, log={"level": "debug"})[0] == 0
    running.child.wait_for_line("reloaded", since=since)
    assert sum("reloaded" in line for line in running.child.lines[since:]) == 1
