"""A reload takes over every key, or says which need a restart."""

import socket
import ssl

import pytest

from support.admin import ask, command, status
from support.edge import reserve_port
from support.etcd_edges import served
from support.joined import NODE, Joined
from support.joined import command as node
from support.load import Load
from support.processes import eventually


def change(running, **configuration):
    """Writes the file with other values and reloads: exit status and what was printed."""
    running.write({**running.configuration, **configuration})
    code, text, _ = command(running, "reload")
    return code, text


def test_keys_that_need_a_restart_are_named_until_they_are_put_back(edge, scripted, directory):
    running = edge({"app1": [scripted().address]})
    before = {key: running.configuration[key] for key in ("node", "state")}
    code, text = change(running, node="other", state=str(directory / "elsewhere"))
    assert code == 2 and "restart needed: node, state" in text
    told = status(running)
    assert told["server"]["node"] == "edge-test"
    last = told["server"]["last_reload"]
    assert last["ok"] is True and last["partial"] is True and last["restart_needed"] == ["node", "state"]
    assert any("restart needed: node, state" in warning for warning in told["warnings"])
    running.child.wait_for_line("restart needed: node, state")
    # What is still not in force is told again.
    assert change(running)[0] == 2
    code, text = change(running, **before)
    assert (code, text) == (0, "reloaded\n")
    assert status(running)["warnings"] == []


def test_an_admin_socket_that_cannot_be_made_is_told_by_the_reload(edge, scripted):
    running = edge({"app1": [scripted().address]})
    nowhere = f"{running.file}/admin.sock"
    running.write({**running.configuration, "listen": {"admin": f"unix:{nowhere}"}})
    answer = ask(running.admin, "/reload", "POST")
    assert answer.status == 202 and nowhere in answer.body.decode()
    assert nowhere in running.child.wait_for_line("no administration")


def test_a_subscription_port_that_is_taken_is_told_by_the_reload(edge, scripted):
    running = edge({"app1": [scripted().address]})
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        wanted = "127.0.0.1:%d" % other.getsockname()[1]
        code, text = change(running, subscriptions={"listen": wanted})
        assert code == 2 and wanted in text and "Address already in use" in text
        assert any(wanted in warning for warning in status(running)["warnings"])
    eventually(lambda: status(running)["subscriptions"]["listening"] == [wanted], "it is listened on")
    assert change(running)[0] == 0


def test_a_port_is_not_moved_from_all_addresses_to_one_without_a_word(edge, scripted):
    running = edge({"app1": [scripted().address]}, listen={"http": []})
    holder = running.holders[1]
    port = holder.getsockname()[1]
    holder.close()
    assert change(running, listen={"http": [f"0.0.0.0:{port}"]})[0] == 0
    code, text = change(running, listen={"http": [f"127.0.0.1:{port}"]})
    assert code == 1 and f"this server listens on 0.0.0.0:{port}" in text


def test_an_access_log_that_cannot_be_opened_is_told_by_the_reload(edge, scripted, directory):
    running = edge({"app1": [scripted().address]})
    before = running.configuration["log"]
    since = len(running.child.lines)
    code, text = change(running, log={"access": f"{directory}/nowhere/access.log"})
    assert code == 2 and "nowhere/access.log is not written: open: No such file or directory" in text
    assert any("nowhere/access.log" in warning for warning in status(running)["warnings"])
    running.child.wait_for_line("the access log is not written", since=since)
    assert change(running, log=before) == (0, "reloaded\n")
    eventually(lambda: status(running)["warnings"] == [], "the log is written again")
    # One line, and not one for each worker.
    assert sum("access log" in line for line in running.child.lines[since:]) == 1


def test_a_directory_without_a_certificate_is_told_by_the_reload(edge, scripted, directory):
    running = edge({"app1": [scripted().address]})
    before = running.configuration["certificates"]
    code, text = change(running, certificates={"directory": str(directory / "nothing")})
    assert code == 2 and "no usable certificate" in text
    assert running.request().status == 200
    assert [each["key"] for each in status(running)["warning_details"]] == ["certificates"]
    assert change(running, certificates=before) == (0, "reloaded\n")
    assert status(running)["warnings"] == []


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


def test_other_endpoints_of_etcd_are_asked_at_once(fleet, etcd, gates, authority):
    cluster = etcd()
    first, second = authority.issue("*.example.test"), authority.issue("*.example.test")
    cluster.publish("main", first)
    (old,), (new,) = gates(cluster), gates(cluster)
    (running,) = fleet(cluster, 1, etcd_more={"endpoints": [f"http://127.0.0.1:{old.port}"]},
                       tls={"tickets": "etcd"})
    served([running], first)
    with Load(running, lambda client, _: client.request()) as load:
        load.wait_for(5)
        assert change(running, etcd={"endpoints": [f"http://127.0.0.1:{new.port}"]})[0] == 0
        old.shut()
        cluster.publish("main", second)
        served([running], second)
        load.wait_for(20)
    assert not load.failures
    assert status(running)["etcd"]["endpoint"].endswith(str(new.port))
    assert status(running)["warnings"] == []


def test_a_server_takes_up_etcd_and_leaves_it_again(edge, scripted, etcd, authority, wildcard):
    cluster = etcd()
    special, other = authority.issue("app1.example.test"), authority.issue("app1.example.test")
    cluster.publish("special", special)
    cluster.put("/other/special", other.bundle)
    running = edge({"app1": [scripted().address]})
    certificates = running.configuration["certificates"]
    served([running], wildcard)
    with Load(running, lambda client, _: client.request()) as load:
        load.wait_for(5)
        code, text = change(running, etcd=cluster.settings(), certificates={**certificates, "etcd": {}},
                            tls={"tickets": "etcd"})
        assert (code, text) == (0, "reloaded\n")
        served([running], special)
        eventually(lambda: b"edge-test" in cluster.control("get", "/edgeproxy/tickets/holder"), "it holds the keys")
        # Another part of the same store.
        code, _ = change(running, certificates={**certificates, "etcd": {"prefix": "/other/"}})
        assert code == 0
        served([running], other)
        # Away from it.
        document = running.configuration
        for key in ("etcd", "tls"):
            document.pop(key)
        assert change(running, certificates=certificates)[0] == 0
        served([running], wildcard)
        eventually(lambda: cluster.control("get", "/edgeproxy/tickets/holder") == b"", "its lease is given up")
        load.wait_for(20)
    assert not load.failures
    assert status(running)["warnings"] == []
    assert "etcd" not in status(running)


def test_a_new_encryption_key_counts_with_the_reload(fleet, etcd, authority, commands, directory):
    cluster, keys = etcd(), directory / "encryption.keys"
    keys.touch(0o600)
    keys.write_text(commands(None)("new-key", "first")[1])
    (running,) = fleet(cluster, 1, wait_for_ready=False, etcd_more={"encryption_keys": str(keys)})
    cert = commands(running)
    first, second = authority.issue("*.example.test"), authority.issue("*.example.test")
    assert cert("put", "main", "--chain", first.chain, "--key", first.key)[0] == 0
    served([running], first)
    keys.write_text(commands(None)("new-key", "second")[1] + keys.read_text())
    assert change(running)[0] == 0
    assert cert("put", "main", "--chain", second.chain, "--key", second.key)[0] == 0
    assert "second" in cert("show", "main")[1]
    served([running], second)


def test_keys_that_cannot_be_read_refuse_the_reload(fleet, etcd, wildcard):
    cluster = etcd()
    cluster.publish("main", wildcard)
    (running,) = fleet(cluster, 1)
    code, text = change(running, etcd=cluster.settings(encryption_keys="/nowhere.keys"))
    assert code == 1 and "/nowhere.keys" in text
    served([running], wildcard)


def test_servers_take_up_one_another_and_part_again(edge, scripted, etcd, commands, directory):
    cluster, peer = etcd(), scripted(directory=directory)
    keys = directory / "encryption.keys"
    keys.touch(0o600)
    edges = Joined()
    for number in (1, 2):
        home = directory / f"home{number}"
        home.mkdir()
        edges.append(edge({"app1": {"nodes": [NODE], "hold": "100ms"}}, home=home, node=f"edge{number}"))
    edges.place(0, peer.address)
    alone = [running.configuration for running in edges]
    eventually(lambda: [running.request().status for running in edges] == [200, 503], "each is on its own")
    holders = [reserve_port() for _ in edges]
    for running, holder in zip(edges, holders, strict=True):
        running.holders.append(holder)
        running.write({
            **running.configuration, "etcd": cluster.settings(encryption_keys=str(keys)), "tls": {"tickets": "etcd"},
            "listen": {"peers": ["127.0.0.1:%d" % holder.getsockname()[1]], "close_when_unable": "fleet"},
            "subscriptions": {"listen": "127.0.0.1:0", "share": "etcd"},
            "upstreams": {"app1": {"protocol": "uwsgi", "nodes": [NODE], "hold": "100ms", "everywhere": True}}})
    keys.write_text(commands(None)("new-key", "first")[1])
    for running in edges:
        assert command(running, "reload")[:2] == (0, "reloaded\n")
    node(edges[0], "init")
    for running in edges:
        node(running, "join")
    edges.wait()
    eventually(lambda: edges[1].request().status == 200, "the other's instance is reached")
    eventually(lambda: status(edges[1])["port"]["fleet_servers"] == 2, "they agree on their ports")
    for running, configuration in zip(edges, alone, strict=True):
        running.write(configuration)
        assert command(running, "reload")[:2] == (0, "reloaded\n")
        told = status(running)
        assert "peers" not in told and "etcd" not in told and told["warnings"] == []
    eventually(lambda: edges[1].request().status == 503, "the other's instance is not reached any more")
    assert edges[0].request().status == 200
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", holders[0].getsockname()[1]), 5)
