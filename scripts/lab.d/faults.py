"""What can befall a server or the fleet: how it begins, how it ends, and what it may excuse.

`breaks` says what nobody could save: `edge`, requests under way at the server's edgeproxy; `node`, answers
that the server's instances had begun; `unable`, requests that it accepted before its port closed. Everything
else that fails is a broken promise. A server that has a fault, and `settle` seconds after it, gets no other.
"""

import signal
import time

import acts
from acts import cut, each_app, heal, on_member

EVERYBODY = ["edge", "node"]


class Fault:
    def __init__(self, key, title, begin, end=None, seconds=(0, 0), breaks=(), settle=4.0, share=1.0, fleet=False,
                 dns=None):
        self.key, self.title, self.begin, self.end = key, title, begin, end
        self.seconds, self.breaks, self.settle = seconds, list(breaks), settle
        self.share, self.fleet = share, fleet
        self.dns = dns  # the only way of naming servers with which it can happen

    def run(self, fleet, server, seconds):
        """Blocks until all is well again, and records when. `server` is None for what befalls the fleet."""
        subject = fleet if self.fleet else server
        name = "fleet" if self.fleet else server.name
        began = complete = time.monotonic()
        fleet.announce("begins", fault=self.key, server=name)
        try:
            self.begin(subject)
            complete = time.monotonic()
            time.sleep(seconds)
        finally:
            if self.end:
                self.end(subject)
            fleet.announce("fault", fault=self.key, title=self.title, server=name, began=began,
                           complete=complete, ended=time.monotonic(), breaks=self.breaks, settle=self.settle)


STOP, CONT, KILL = signal.SIGSTOP, signal.SIGCONT, signal.SIGKILL

FAULTS = [
    Fault("edge-kill", "edgeproxy killed with -9", lambda server: server.edge.signal(KILL), seconds=(1, 1),
          breaks=["edge"]),
    Fault("edge-freeze", "edgeproxy frozen (SIGSTOP)", lambda server: server.edge.signal(STOP), seconds=(7, 7),
          breaks=["edge"]),
    Fault("edge-restart", "edgeproxy restarted (SIGTERM)", acts.restart_edge, lambda server: server.edge.start(),
          (0.5, 2)),
    Fault("app-kill", "all uWSGI instances of a server killed with -9", each_app("signal", KILL),
          seconds=(2, 2), breaks=["node"]),
    Fault("app-away", "all uWSGI instances of a server away", each_app("pull_the_plug"), each_app("start"),
          (4, 10), breaks=["node"]),
    Fault("worker-kill", "a uWSGI worker of each application killed", each_app("kill_child"), seconds=(1, 1),
          breaks=["node"]),
    Fault("app-freeze", "uWSGI frozen (SIGSTOP)", each_app("signal", STOP), each_app("signal", CONT), (3, 8)),
    Fault("app-reload", "uWSGI reloaded (touch-reload)", acts.touch, seconds=(3, 3), breaks=["node"]),
    Fault("etcd-kill", "an etcd member killed with -9", on_member("signal", KILL), seconds=(2, 2)),
    Fault("etcd-freeze", "an etcd member frozen", on_member("signal", STOP), on_member("signal", CONT), (3, 8)),
    Fault("quorum-lost", "a majority of etcd away", acts.lose_quorum, acts.regain_quorum, (10, 15), share=0.5,
          fleet=True),
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
    Fault("cut-pair", "cut off from one other server", acts.cut_pair, heal, (4, 10), ["node"]),
    Fault("udp-lost", "its datagrams lost", acts.lose_datagrams, acts.pass_datagrams, (8, 12)),
    Fault("disk-full", "the disk of its state full", acts.fill, acts.empty, (5, 10)),
    Fault("unable", "no instance, and none to be reached", acts.strand, acts.restore, (8, 12),
          ["node", "unable"], settle=14, share=0.5),
    Fault("isolated", "no instance, and no other server to be reached", acts.isolate, acts.restore, (8, 12),
          ["node", "unable"], settle=14, share=0.5),
    Fault("certificate", "a new certificate", lambda fleet: fleet.put_certificate(), seconds=(2, 2), fleet=True,
          share=2),
    Fault("reload", "configuration reloaded (SIGHUP)", acts.reload, seconds=(1, 1)),
    Fault("bad-reload", "a configuration with a mistake reloaded", acts.reload_nonsense,
          lambda server: server.write_configuration(), (1, 1), share=0.5),
    Fault("upgrade", "another binary and configuration, restarted", acts.upgrade, lambda server: server.edge.start(),
          (0.2, 1)),
    Fault("cert-mismatch", "a certificate with another's key in etcd", acts.put_mismatched,
          lambda fleet: fleet.put_certificate(), (2, 2), fleet=True, share=0.5),
    Fault("cert-deleted", "the certificate deleted in etcd", acts.delete_certificate,
          lambda fleet: fleet.put_certificate(), (2, 2), fleet=True, share=0.5),
    Fault("cert-expired", "an expired certificate in etcd", acts.put_expired,
          lambda fleet: fleet.put_certificate(), (2, 2), fleet=True, share=0.5),
    Fault("app-restart", "uWSGI stopped and started", acts.restart_apps, each_app("start"), (0.5, 2),
          breaks=["node"]),
    Fault("dns-mistake", "DNS leaves a server out that lives", acts.remove_record, acts.restore_record, (6, 10),
          dns="monitor"),
    Fault("dns-lost", "what is asked of its DNS is lost", acts.lose_questions, heal, (6, 10), dns="fleet"),
    # What no server can help is not among the faults at random.
    Fault("host-away", "all instances of app2 away, everywhere", acts.every_app2("pull_the_plug"),
          acts.every_app2("start"), (8, 8), ["node", "host:app2.example.test"], settle=6, share=0, fleet=True),
]
BY_KEY = {fault.key: fault for fault in FAULTS}


def at_random(dns):
    """Those of a laboratory with this way of naming servers: as many for each, so that a seed means the same."""
    return [fault for fault in FAULTS if fault.dns in (None, dns)]
