"""What is done to a server or to the fleet when a fault begins or ends."""

import signal
import time

from dns_server import MISTAKEN

CERTIFICATE_KEY = "/edgeproxy/certificates/example.test"


# Packets.

def cut(server, *conditions):
    server.fleet.network.cut(f"fault-{server.name}", *[each.format(
        port=f"p{server.number}", address=server.address) for each in conditions])


def heal(server):
    server.fleet.network.heal(f"fault-{server.name}")


def cut_pair(server):
    """The server and the one after it."""
    other = server.fleet.servers[server.number % server.fleet.count]
    cut(server, f'iifname "{{port}}" oifname "p{other.number}"', f'iifname "p{other.number}" oifname "{{port}}"')


def lose_datagrams(server):
    """Announcements among them, which go over the server's own loopback."""
    server.nft("add table inet lab; add chain inet lab input { type filter hook input priority 0; }; "
               "add rule inet lab input meta l4proto udp drop")


def pass_datagrams(server):
    server.nft("delete table inet lab")


def lose_questions(server):
    """Those that come to port 53."""
    cut(server, 'oifname "{port}" udp dport 53', 'oifname "{port}" tcp dport 53')


# Processes.

def each_app(*words):
    def act(server):
        for app in server.apps:
            getattr(app, words[0])(*words[1:])
    return act


def restart_edge(server):
    server.edge.stop()


def touch(server):
    for app in server.apps:
        server.touch_file(app.name).touch()


def strand(server):
    """No instance of its own, and no way to those of others; to etcd it has one."""
    other = "tcp sport != {{2379, 2380}} tcp dport != {{2379, 2380}}"
    cut(server, f'iifname "{{port}}" oifname != "p0" {other}', f'iifname != "p0" oifname "{{port}}" {other}')
    each_app("pull_the_plug")(server)


def isolate(server):
    """No instance of its own, and no way to any other server, etcd included."""
    cut(server, 'iifname "{port}" oifname != "p0"', 'iifname != "p0" oifname "{port}"')
    each_app("pull_the_plug")(server)


def restore(server):
    heal(server)
    each_app("start")(server)


def reload(server):
    """Another bound, which changes nothing that is served, and SIGHUP."""
    server.write_configuration(limits={"streams": 90 + int(time.monotonic()) % 10})
    server.edge.signal(signal.SIGHUP, whole_group=False)


def reload_nonsense(server):
    """A file with a mistake in it, and SIGHUP: what was in force stays so."""
    server.configuration_file.write_text("listen: {https: [nowhere]}\n")
    server.edge.signal(signal.SIGHUP, whole_group=False)


def upgrade(server):
    """As a package does it: another binary under the same name, a configuration that goes with it, then a restart in
    good order, which closes the port while what is under way finishes."""
    server.install_edgeproxy()
    endpoints = server.fleet.endpoints
    turn = 1 + int(time.monotonic()) % (len(endpoints) - 1)
    server.write_configuration(endpoints=endpoints[turn:] + endpoints[:turn])  # for which a reload is not enough
    server.edge.stop()


def fill(server):
    """Not a byte is left on the disk of `state`."""
    with open(server.state / "filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 65536)
        except OSError:
            pass
    try:
        with open(server.state / "filler", "ab", buffering=0) as file:
            while file.write(b"\0" * 512):
                pass
    except OSError:
        pass


def empty(server):
    (server.state / "filler").unlink()


# etcd.

def on_member(*words):
    """At the server's member, or at another's where it has none."""
    def act(server):
        fleet = server.fleet
        member = server if server.has_etcd else fleet.servers[server.number % fleet.members]
        getattr(member.etcd, words[0])(*words[1:])
    return act


def lose_quorum(fleet):
    for server in fleet.servers[:fleet.members // 2 + 1]:
        server.etcd.pull_the_plug()


def regain_quorum(fleet):
    for server in fleet.servers[:fleet.members]:
        if server.powered:
            server.etcd.start()


# Certificates.

def put_raw(fleet, value):
    """Past the command, which would refuse it."""
    fleet.etcdctl("put", CERTIFICATE_KEY, input=value.decode())


def put_mismatched(fleet):
    """A chain with the key of another, as two puts and a read between them leave it."""
    one, other = fleet.issue(), fleet.issue()
    put_raw(fleet, one.chain.read_bytes() + other.key.read_bytes())


def put_expired(fleet):
    put_raw(fleet, fleet.issue(begins=-30, ends=-1).bundle)


def delete_certificate(fleet):
    fleet.etcdctl("del", CERTIFICATE_KEY)


# Applications everywhere, and DNS.

def every_app2(*words):
    def act(fleet):
        for server in fleet.servers:
            getattr(server.apps[1], words[0])(*words[1:])
    return act


def restart_apps(server):
    for app in server.apps:
        app.stop()


def remove_record(server):
    """The monitor of DNS is mistaken about it."""
    (server.fleet.directory / f"{MISTAKEN}{server.address}").touch()


def restore_record(server):
    (server.fleet.directory / f"{MISTAKEN}{server.address}").unlink()
