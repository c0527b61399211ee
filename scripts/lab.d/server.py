"""One server of the laboratory: etcd, edgeproxy and two uWSGI instances in a namespace."""

import json
import pathlib
import shutil
import signal

import network
from service import Service, unit_seconds

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
UNIT = REPOSITORY / "conf/systemd/edgeproxy.service"
APPS = ["app1", "app2"]
APP_PORTS = {"app1": 3031, "app2": 3032}
STATE_SIZE = "24m"
ETCD_STOP_SECONDS = 5  # a member that cannot hand its leadership over takes much longer
SYSTEMD_SECONDS = 0.05  # what systemd itself takes from an end to the next start, less the way into the sandbox
SUBSCRIPTIONS = "127.0.0.1:7000"
PEERS_PORT = 7443
# Names whose certificates the fleet orders by itself, each with the way in which the CA asks for them.
ORDERED = {"shop.example.test": "http", "mail.example.test": "tls-alpn"}
ANY = "any"  # the label that stands for all where a name is a wildcard


class Server:
    """`directory` holds what outlives a reboot; `state` in it is a disk of its own that can be filled."""

    def __init__(self, fleet, number):
        self.fleet, self.number, self.name = fleet, number, f"s{number}"
        self.directory = fleet.directory / self.name
        self.state = self.directory / "state"
        self.configuration_file = self.directory / "edgeproxy.yaml"
        self.binary = self.directory / "edgeproxy"
        self.run, self.log = self.directory / "run", self.directory / "log"
        self.sandbox = fleet.sandbox
        self.has_etcd = number <= fleet.members
        self.powered = False

    @property
    def address(self):
        return network.server_address(self.number)

    @property
    def instance_host(self):
        """Where instances listen: for this server alone, or for all of them, in clear."""
        return "127.0.0.1" if self.fleet.edge_to_edge else self.address

    @property
    def services(self):
        return [*([self.etcd] if self.has_etcd else []), *self.apps, self.edge]

    def make(self):
        self.state.mkdir(parents=True)
        network.run("mount", "-t", "tmpfs", "-o", f"size={STATE_SIZE}", "edgelab", self.state)
        for place, mode in ((self.state, 0o700), (self.run, 0o750), (self.log, 0o750)):
            self.sandbox.own(place, mode)
        self.install_edgeproxy()
        self.write_configuration()
        if self.has_etcd:
            self.etcd = self._service("etcd", self._etcd_command(), {}, stop_seconds=ETCD_STOP_SECONDS)
        self.apps = [self._service(app, self._app_command(app), self._app_environment(app),
                                   stop_signal=signal.SIGINT) for app in APPS]
        entered = self.sandbox.enter(
            self.directory, [self.fleet.directory], [self.state, self.run, self.log])
        self.edge = self._service(
            "edge", [*entered, self.binary, "--config", self.configuration_file, "--workers", 1], {},
            restart=SYSTEMD_SECONDS + unit_seconds(UNIT, "RestartSec", 0.1),
            watchdog=unit_seconds(UNIT, "WatchdogSec", None))
        self.powered = True

    def _service(self, name, command, environment, **options):
        def announce(what, **more):
            self.fleet.announce(what, server=self.name, **more)
        return Service(name, self.fleet.network.inside(self.number, *command), self.directory, environment,
                       announce=announce, **options)

    def install_edgeproxy(self):
        """A copy of its own, put in place of the one before in one step, as packages are."""
        new = self.directory / "edgeproxy.new"
        shutil.copy(self.fleet.edgeproxy, new)
        new.rename(self.binary)

    def _etcd_command(self):
        peers = ",".join(f"s{number}=http://{network.server_address(number)}:2380"
                         for number in range(1, self.fleet.members + 1))
        here = f"http://{self.address}"
        return ["etcd", "--name", self.name, "--data-dir", self.directory / "etcd-data", "--logger", "zap",
                "--log-level", "error", "--listen-client-urls", f"{here}:2379", "--advertise-client-urls",
                f"{here}:2379", "--listen-peer-urls", f"{here}:2380", "--initial-advertise-peer-urls",
                f"{here}:2380", "--initial-cluster", peers, "--initial-cluster-token", "edgelab",
                "--heartbeat-interval", 100, "--election-timeout", 1000, "--pre-vote"]

    def _app_command(self, app):
        discovered = self.fleet.discovery == "subscriptions"
        listen = (["--socket", f"{self.instance_host}:0", "--subscribe-to", f"{SUBSCRIPTIONS}:{app}.example.test"]
                  if discovered else
                  ["--socket", self.socket(app), *(
                      [] if self.fleet.edge_to_edge else ["--socket", f"{self.address}:{APP_PORTS[app]}"])])
        return [shutil.which("uwsgi_python3") or "uwsgi", *listen, "--wsgi-file", HERE / "application.py",
                "--need-app", "--strict", "--master", "--processes", 2, "--no-orphans", "--die-on-term",
                "--disable-logging", "--chmod-socket=666", "--touch-reload", self.touch_file(app)]

    def _app_environment(self, app):
        self.touch_file(app).touch()
        return {"APP": app, "SERVER": self.name, "PYTHONDONTWRITEBYTECODE": "1",
                "JOURNAL": str(self.fleet.journals / f"{self.name}-{app}")}

    def socket(self, app):
        return self.directory / f"{app}.sock"

    def touch_file(self, app):
        return self.directory / f"{app}.touch"

    # edgeproxy's configuration: JSON, which is YAML.

    def write_configuration(self, endpoints=None, **changes):
        self.configuration_file.write_text(json.dumps({
            "node": self.name,
            "state": str(self.state),
            "listen": {"https": ["0.0.0.0:443"], "http": ["0.0.0.0:80"],
                       "admin": f"unix:{self.run / 'admin.sock'}",
                       **({"peers": [f"{self.address}:{PEERS_PORT}"]} if self.fleet.edge_to_edge else {})},
            "certificates": {"etcd": {}},
            "etcd": {"endpoints": endpoints or self.fleet.endpoints,
                     "encryption_keys": str(self.fleet.encryption_keys)},
            "tls": {"tickets": "etcd"},
            "acme": {"terms_accepted": True, "ca": str(self.fleet.authority.pem),
                     "issuers": [{"directory": f"https://{network.CLIENT}:{network.CA_PORT}/dir"}],
                     "certificates": [{"names": [name], "challenge": challenge}
                                      for name, challenge in self.fleet.ordered.items()]},
            **self.fleet.names.settings(self),
            **self._applications(),
            "log": {"access": str(self.log / "access.log"), "format": "json"},
            **changes,
        }, indent=2))

    def _applications(self):
        if self.fleet.discovery == "subscriptions":
            return {"subscriptions": {"listen": SUBSCRIPTIONS, "share": "etcd"},
                    "upstreams": {"apps": {"discover": "subscriptions"}},
                    "routes": [{"host": "*.example.test", "upstream": "apps"}]}
        routes = [{"host": f"{app}.example.test", "upstream": app} for app in APPS]
        if self.fleet.edge_to_edge:
            return {"routes": routes, "upstreams": {
                app: {"nodes": [f"unix:{self.socket(app)}"], "everywhere": True} for app in APPS}}
        others = [number for number in range(1, self.fleet.count + 1) if number != self.number]
        return {
            "upstreams": {app: {"nodes": [f"unix:{self.socket(app)}"] + [
                {"address": f"{network.server_address(number)}:{APP_PORTS[app]}", "backup": True}
                for number in others]} for app in APPS},
            "routes": routes}

    def nft(self, script):
        """Rules in the server's own namespace."""
        network.run(*self.fleet.network.inside(self.number, "nft", "-f", "-"), input=script + "\n")

    # What happens to a server.

    def start(self, wait=False):
        for service in self.services:
            service.start()
        if wait:
            self.wait()

    def wait(self):
        for service in self.services:
            service.start(wait=True)

    def power_off(self):
        """As if the cable of the power supply were pulled: no process and no kernel says a last word."""
        self.powered = False
        self.fleet.network.cut(f"power-{self.name}", f'iifname "p{self.number}"', f'oifname "p{self.number}"')
        for service in self.services:
            service.pull_the_plug()
        self.fleet.network.disconnect(self.number)

    def power_on(self):
        self.fleet.network.connect(self.number)
        self.fleet.network.heal(f"power-{self.name}")
        self.powered = True
        self.start()

    def shut_down(self):
        """In the order of a good shutdown: edgeproxy drains, then the applications, then etcd."""
        for service in [self.edge, *self.apps, *([self.etcd] if self.has_etcd else [])]:
            service.stop()
        self.power_off()

    def remove(self):
        for service in self.services if hasattr(self, "edge") else []:
            service.pull_the_plug()
        network.run("umount", "-l", self.state, check=False)
