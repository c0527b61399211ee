"""The installed package under its unit: what the sandbox must let through, and what it must tell.

One machine serves all of these tests; each begins with the configuration that it needs.
"""

import pathlib
import socket
import tempfile

import pytest

from support import REPOSITORY
from support.apache import MODULES, apache_configuration
from support.client import Client
from support.installed import FOR_THE_SERVICE, Installed
from support.machine import needs_a_machine
from support.processes import eventually
from support.uwsgi import PLUGIN_COMMAND

NETWORK = "10.9.0.1"
SOCKETS = {"loopback": "127.0.0.1:0", "network": f"{NETWORK}:0", "unix": "/run/unix/app.sock"}
APPLICATIONS = "/usr/local/share/apps"
ETCD = "/etc/edgeproxy/etcd"

ORDINARY = {
    "upstreams": {
        "static": {"nodes": ["unix:/run/static/app.sock"], "hold": "5s"},
        "apps": {"discover": "subscriptions", "hold": "5s"},
    },
    "subscriptions": {"listen": "127.0.0.1:7000"},
    "routes": [{"host": "static.example.test", "upstream": "static"},
               {"host": "*.example.test", "upstream": "apps"}],
}


def application(name, listen, *words):
    """A unit of real uWSGI that belongs to www-data."""
    return f"""
[Service]
Type=notify
User=www-data
Group=www-data
RuntimeDirectory={name}
Environment=EDGE_NODE={name} PYTHONDONTWRITEBYTECODE=1
ExecStart={PLUGIN_COMMAND} --ini {APPLICATIONS}/app1.ini --socket {listen} --chmod-socket=660 --processes 1 {' '.join(words)}
KillSignal=SIGINT
"""


def etcd_unit():
    """One member that takes nobody without a certificate."""
    words = ["/usr/bin/etcd", "--name", "m", "--data-dir", "/var/lib/etcd-here", "--logger", "zap",
             "--listen-client-urls", "https://127.0.0.1:2379", "--advertise-client-urls", "https://127.0.0.1:2379",
             "--cert-file", "/etc/etcd/server.pem", "--key-file", "/etc/etcd/server.key",
             "--client-cert-auth", "--trusted-ca-file", "/etc/etcd/ca.pem"]
    return f"[Service]\nType=notify\nExecStart={' '.join(words)}\nKillSignal=SIGKILL\n"


def apache_unit(directory):
    return f"[Service]\nExecStart=/usr/sbin/apache2 -D FOREGROUND -f {directory}/apache.conf\nKillSignal=SIGTERM\n"


@pytest.fixture(scope="module")
def machine(package, wildcard, authority):
    with tempfile.TemporaryDirectory(prefix="edge.", dir="/tmp") as name:
        directory = pathlib.Path(name)
        (directory / "apache.conf").write_text(apache_configuration(
            wildcard.chain, wildcard.key, "unix:/run/static/app.sock|uwsgi://localhost/"))
        server, client = authority.issue("localhost", "127.0.0.1"), authority.issue("edge", usage="clientAuth")
        put = " ".join(FOR_THE_SERVICE)
        prepare = f"""
ip addr add {NETWORK}/32 dev lo
cp -r {REPOSITORY}/conf/apps {APPLICATIONS}
chmod -R a+rX {APPLICATIONS}
install -D -m 600 {server.key} /etc/etcd/server.key
install -m 644 {server.chain} /etc/etcd/server.pem
install -m 644 {authority.pem} /etc/etcd/ca.pem
{put} {authority.pem} {ETCD}/ca.pem
{put} {client.chain} {ETCD}/node.pem
{put} {client.key} {ETCD}/node.key
edgeproxy cert new-key | {put} /dev/stdin {ETCD}/encryption.keys
# A disk of its own for the logs and one for the state, which can be filled.
mount -t tmpfs -o size=2m log /var/log/edgeproxy
mount -t tmpfs -o size=2m state /var/lib/edgeproxy
systemd-tmpfiles --create edgeproxy.conf
"""
        units = {
            "static.service": application("static", "/run/static/app.sock"),
            **{f"{name}.service": application(name, socket, f"--subscribe-to 127.0.0.1:7000:{name}.example.test")
               for name, socket in SOCKETS.items()},
            "etcd.service": etcd_unit(), "apache.service": apache_unit(directory),
            "multi-user.target": "[Unit]\nWants=static.service " + " ".join(f"{each}.service" for each in SOCKETS),
        }
        booted = Installed(directory, package, wildcard, ORDINARY, prepare, units)
        try:
            yield booted
        finally:
            booted.end()


def answers(machine, authority, name, port=443):
    """Which application answers for a name, where one does."""
    try:
        answer = machine.ask(authority, f"{name}.example.test", "/", port=port)
    except OSError:
        return None
    return answer.get("X-Node") if answer.status == 200 else None


@needs_a_machine
def test_an_instance_of_www_data_is_reached_over_its_unix_socket(machine, authority):
    machine.serve(ORDINARY)
    assert machine.run("stat", "--format", "%U %G %a", "/run/static/app.sock").strip() == "www-data www-data 660"
    assert answers(machine, authority, "static") == "static"


@needs_a_machine
@pytest.mark.parametrize("name", SOCKETS)
def test_an_announced_instance_is_served(machine, authority, name):
    machine.serve(ORDINARY)
    machine.run("systemctl", "restart", f"{name}.service")
    eventually(lambda: answers(machine, authority, name) == name,
               f"{name} answers: {machine.status['subscriptions']}\n{machine.said[-3000:]}")


@needs_a_machine
def test_a_unit_that_hides_the_addresses_of_the_machine_is_told_in_log_and_status(machine, authority):
    machine.drop_in("families", "[Service]\nRestrictAddressFamilies=\nRestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX\n")
    try:
        before = len(machine.said)
        machine.serve(ORDINARY)
        (warning,) = [each for each in machine.status["warnings"] if "getifaddrs" in each]
        assert "Address family not supported by protocol" in warning and "AF_NETLINK" in warning
        assert machine.said[before:].count("the addresses of this machine cannot be read") == 1
        assert answers(machine, authority, "static") == "static"
    finally:
        machine.take_back("families")


FLEET = {
    **ORDINARY, "node": "edge-1",
    "etcd": {"endpoints": ["https://127.0.0.1:2379"], "ca": f"{ETCD}/ca.pem", "certificate": f"{ETCD}/node.pem",
             "key": f"{ETCD}/node.key", "encryption_keys": f"{ETCD}/encryption.keys"},
}


@pytest.fixture
def etcd(machine):
    machine.run("systemctl", "start", "etcd")
    yield
    machine.run("systemctl", "stop", "etcd")


@needs_a_machine
def test_a_certificate_that_was_put_into_etcd_with_mutual_tls_is_served(machine, authority, etcd):
    machine.serve({
        **FLEET, "certificates": {"directory": "/etc/edgeproxy/certificates", "etcd": {}},
        "routes": [*ORDINARY["routes"], {"host": "www.example.org", "upstream": "static"}]})
    issued = authority.issue("www.example.org")
    machine.run("edgeproxy", "cert", "put", "example.org", "--chain", issued.chain, "--key", issued.key)

    def served():
        with machine.network(), Client(443, "www.example.org", authority) as client:
            return client.request().get("X-Node") == "static"

    eventually(lambda: quiet(served), f"the name in the certificate\n{machine.said[-3000:]}")
    assert machine.status["warnings"] == []


@needs_a_machine
def test_a_server_that_root_has_joined_to_its_fleet_opens_the_port_for_the_others(machine, etcd):
    machine.serve({**FLEET, "listen": {"peers": [f"{NETWORK}:7443"]}})
    for word in ("init", "join"):
        machine.run("edgeproxy", "node", word)

    def is_open():
        with machine.network(), socket.create_connection((NETWORK, 7443), timeout=5):
            return True

    eventually(lambda: quiet(is_open), f"the port\n{machine.said[-3000:]}")


def quiet(question):
    try:
        return question()
    except OSError:
        return False


@needs_a_machine
def test_what_certbot_renewed_is_served_although_only_root_can_read_it(machine, authority):
    machine.serve(ORDINARY)
    hook = "/etc/letsencrypt/renewal-hooks/deploy/edgeproxy"
    machine.run("install", "-D", "-m", "0755", "/usr/share/doc/edgeproxy/examples/certbot-hook", hook)
    lineage = "/etc/letsencrypt/live/new.example.test"
    machine.run("install", "-d", "-m", "0700", "/etc/letsencrypt/live", lineage)
    for _ in range(2):  # the first certificate, and its renewal
        issued = authority.issue("new.example.test")
        machine.run("install", "-m", "0600", issued.key, f"{lineage}/privkey.pem")
        machine.run("install", "-m", "0644", issued.chain, f"{lineage}/fullchain.pem")
        machine.run("env", f"RENEWED_LINEAGE={lineage}", hook)
        eventually(lambda: serial(machine, authority, "new.example.test") == issued.serial, "the new certificate")


def serial(machine, authority, name):
    """The number of the certificate that is served for a name."""
    with machine.network(), Client(443, name, authority) as client:
        return int(client.socket.getpeercert()["serialNumber"], 16)


@needs_a_machine
@pytest.mark.parametrize("admin", ["127.0.0.1:9180", "off", "unix:/run/edgeproxy/elsewhere.sock"])
def test_systemctl_reload_works_where_no_socket_takes_its_command(machine, authority, admin):
    machine.serve({**ORDINARY, "listen": {"admin": admin}})
    # The new file names another socket than the one that the server has.
    machine.write({**ORDINARY, "routes": [{"host": "new.example.test", "upstream": "static"}],
                   "listen": {"admin": "unix:/run/edgeproxy/another.sock"}})
    machine.run("systemctl", "reload", "edgeproxy")
    eventually(lambda: answers(machine, authority, "new") == "static", f"the new route\n{machine.said[-2000:]}")


@needs_a_machine
def test_logrotate_leaves_whole_logs_and_the_server_goes_on_in_a_new_one(machine, authority):
    machine.serve(ORDINARY)
    logs = machine.path("/var/log/edgeproxy")
    assert machine.ask(authority, "static.example.test", "/before").status == 404
    eventually(lambda: "/before" in (logs / "access.log").read_text(), "the line of the log")
    machine.run("logrotate", "--force", "/etc/logrotate.d/edgeproxy")
    assert "/before" in (logs / "access.log.1").read_text()
    eventually((logs / "access.log").exists, "the new log")
    assert machine.ask(authority, "static.example.test", "/after").status == 404
    eventually(lambda: "/after" in (logs / "access.log").read_text(), "the line of the new log")
    assert "/before" not in (logs / "access.log").read_text()
    assert machine.run("stat", "--format", "%U %G", "/var/log/edgeproxy/access.log").strip() == "edgeproxy edgeproxy"


@needs_a_machine
def test_requests_are_served_while_the_disks_of_log_and_state_are_full(machine, authority):
    machine.serve(ORDINARY)
    places = [machine.path(each) / "filler" for each in ("/var/log/edgeproxy", "/var/lib/edgeproxy")]
    for place in places:
        fill(place)
    try:
        body = bytes(300_000)
        for _ in range(3):
            answer = machine.ask(authority, "static.example.test", "/upload", method="POST", body=body)
            assert b'"length":300000' in answer.body
        eventually(lambda: "No space left on device" in machine.said, "the line that tells it")
    finally:
        for place in places:
            place.unlink()
    machine.ask(authority, "static.example.test", "/up")
    log = machine.path("/var/log/edgeproxy/access.log")
    eventually(lambda: machine.ask(authority, "static.example.test", "/room") and "/room" in log.read_text(), "the log")


def fill(place):
    with open(place, "ab", buffering=0) as filler:
        try:
            while filler.write(bytes(4096)):
                pass
        except OSError:
            return


@needs_a_machine
@pytest.mark.skipif(not pathlib.Path(MODULES).exists(), reason="Apache is not installed")
def test_a_server_moves_from_apache_and_back_with_both_installed(machine, authority):
    machine.run("systemctl", "stop", "edgeproxy")
    machine.run("systemctl", "start", "apache")
    eventually(lambda: answers(machine, authority, "static") == "static", f"Apache answers\n{machine.said[-3000:]}")
    machine.serve({**ORDINARY, "listen": {"https": ["0.0.0.0:8443"], "http": ["0.0.0.0:8080"]}})
    assert answers(machine, authority, "static", port=8443) == "static"
    # The server takes Apache's place, and gives it back.
    machine.run("systemctl", "stop", "apache")
    machine.serve(ORDINARY)
    assert answers(machine, authority, "static") == "static"
    machine.run("systemctl", "stop", "edgeproxy")
    machine.run("systemctl", "start", "apache")
    eventually(lambda: answers(machine, authority, "static") == "static", f"Apache answers\n{machine.said[-3000:]}")
    machine.run("systemctl", "stop", "apache")


@needs_a_machine
def test_a_kernel_without_ipv6_serves_over_ipv4_and_says_so(machine, authority):
    # A family that the unit does not permit is refused as by a kernel that lacks it.
    machine.drop_in("families", "[Service]\nRestrictAddressFamilies=\nRestrictAddressFamilies=AF_INET AF_UNIX AF_NETLINK\n")
    try:
        machine.serve(ORDINARY)
        assert answers(machine, authority, "static") == "static"
        assert any("[::]:443" in each for each in machine.status["warnings"]), machine.status["warnings"]
    finally:
        machine.take_back("families")


@needs_a_machine
def test_a_server_with_a_mistake_in_its_configuration_is_failed_at_once_and_starts_when_it_is_right(machine, authority):
    machine.write({**ORDINARY, "rutes": []})
    machine.run("systemctl", "restart", "edgeproxy", check=False)
    eventually(lambda: machine.told("edgeproxy.service", "ActiveState") == "failed", "it is failed")
    assert "edgeproxy.service" in machine.run("systemctl", "--failed", "--plain")
    assert machine.told("edgeproxy.service", "ExecMainStatus") == "78"
    assert machine.told("edgeproxy.service", "NRestarts") == "0"
    machine.serve(ORDINARY)
    assert answers(machine, authority, "static") == "static"
