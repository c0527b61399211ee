"""What can befall a server or the fleet: how it begins, how it ends, and what it may excuse.

`breaks` says what nobody could save: `edge`, requests under way at the server's edgeproxy; `node`, answers
that the server's instances had begun; `unable`, requests that it accepted before its port closed. Everything
else that fails is a broken promise. A server that has a fault, and `settle` seconds after it, gets no other.
"""

import signal
import time

EVERYBODY = ["edge", "node"]


class Fault:
    def __init__(self, key, title, begin, end=None, seconds=(0, 0), breaks=(), settle=4.0, share=1.0, fleet=False):
        self.key, self.title, self.begin, self.end = key, title, begin, end
        self.seconds, self.breaks, self.settle = seconds, list(breaks), settle
        self.share, self.fleet = share, fleet

    def run(self, fleet, server, seconds):
        """Blocks until all is well again, and records when. `server` is None for what befalls the fleet."""
        subject = fleet if self.fleet else server
        name = "fleet" if self.fleet else server.name
        began = time.monotonic()
        fleet.announce("begins", fault=self.key, server=name)
        try:
            self.begin(subject)
            time.sleep(seconds)
        finally:
            if self.end:
                self.end(subject)
            fleet.announce("fault", fault=self.key, title=self.title, server=name, began=began,
                           ended=time.monotonic(), breaks=self.breaks, settle=self.settle)


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


STOP, CONT, KILL = signal.SIGSTOP, signal.SIGCONT, signal.SIGKILL

FAULTS = [
    Fault("edge-kill", "edgeproxy killed with -9", lambda server: server.edge.signal(KILL), seconds=(1, 1),
          breaks=["edge"]),
    Fault("edge-freeze", "edgeproxy frozen (SIGSTOP)", lambda server: server.edge.signal(STOP), seconds=(7, 7),
          breaks=["edge"]),
    Fault("edge-restart", "edgeproxy restarted (SIGTERM)", restart_edge, lambda server: server.edge.start(),
          (0.5, 2)),
    Fault("app-kill", "all uWSGI instances of a server killed with -9", each_app("signal", KILL),
          seconds=(2, 2), breaks=["node"]),
    Fault("app-away", "all uWSGI instances of a server away", each_app("pull_the_plug"), each_app("start"),
          (4, 10), breaks=["node"]),
    Fault("worker-kill", "a uWSGI worker of each application killed", each_app("kill_child"), seconds=(1, 1),
          breaks=["node"]),
    Fault("app-freeze", "uWSGI frozen (SIGSTOP)", each_app("signal", STOP), each_app("signal", CONT), (3, 8)),
    Fault("app-reload", "uWSGI reloaded (touch-reload)", touch, seconds=(3, 3), breaks=["node"]),
    Fault("etcd-kill", "an etcd member killed with -9", on_member("signal", KILL), seconds=(2, 2)),
    Fault("etcd-freeze", "an etcd member frozen", on_member("signal", STOP), on_member("signal", CONT), (3, 8)),
    Fault("quorum-lost", "a majority of etcd away", lose_quorum, regain_quorum, (10, 15), share=0.5, fleet=True),
    Fault("power-loss", "power lost: no RST, no answer", lambda server: server.power_off(),
          lambda server: server.power_on(), (5, 12), EVERYBODY, settle=6, share=2),
    Fault("reboot", "rebooted in good order", lambda server: server.shut_down(),
          lambda server: server.power_on(), (2, 5), ["node"], settle=6, share=2),
    Fault("cut", "cut off from everybody", lambda server: cut(server, 'iifname "{port}"', 'oifname "{port}"'),
          heal, (4, 10), EVERYBODY, settle=6),
    Fault("cut-out", "what it sends is lost", lambda server: cut(server, 'iifname "{port}"'), heal, (4, 10),
          EVERYBODY, settle=6),
    Fault("cut-in", "what is sent to it is lost", lambda server: cut(server, 'oifname "{port}"'), heal, (4, 10),
          EVERYBODY, settle=6),
    Fault("cut-servers", "cut off from the other servers, not from clients",
          lambda server: cut(server, 'iifname "{port}" oifname != "p0"', 'iifname != "p0" oifname "{port}"'),
          heal, (4, 10), ["node"]),
    Fault("cut-pair", "cut off from one other server", cut_pair, heal, (4, 10), ["node"]),
    Fault("udp-lost", "its datagrams lost", lose_datagrams, pass_datagrams, (8, 12)),
    Fault("disk-full", "the disk of its state full", fill, empty, (5, 10)),
    Fault("unable", "no instance, and none to be reached", strand, restore, (8, 12),
          ["node", "unable"], settle=14, share=0.5),
    Fault("isolated", "no instance, and no other server to be reached", isolate, restore, (8, 12),
          ["node", "unable"], settle=14, share=0.5),
    Fault("certificate", "a new certificate", lambda fleet: fleet.put_certificate(), seconds=(2, 2), fleet=True,
          share=2),
    Fault("reload", "configuration reloaded (SIGHUP)", reload, seconds=(1, 1)),
    Fault("bad-reload", "a configuration with a mistake reloaded", reload_nonsense,
          lambda server: server.write_configuration(), (1, 1), share=0.5),
    Fault("upgrade", "another binary and configuration, restarted", upgrade, lambda server: server.edge.start(),
          (0.2, 1)),
]
BY_KEY = {fault.key: fault for fault in FAULTS}
