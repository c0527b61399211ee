"""The pages of docs, followed line by line on a machine on which nothing is installed at first.

The pages build on one another: one server, then etcd and a fleet. Each is followed once, whichever tests run.
"""

import contextlib
import json
import pathlib
import socket
import tempfile
import time

import pytest

from support.apache import MODULES, apache_configuration
from support.client import Client
from support.machine import Machine, needs_a_machine
from support.pages import Walk, blocks
from support.processes import eventually

# The certificate authority that certbot asks here, with a DNS of its own in which every name is this machine.
ACME = {"pebble": {
    "listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
    "certificate": "/etc/issued/0.pem", "privateKey": "/etc/issued/0.key", "httpPort": 80, "tlsPort": 443,
    "ocspResponderURL": "", "externalAccountBindingRequired": False}}
ETCD_UNIT = pathlib.Path("/lib/systemd/system/etcd.service")
UNITS = {
    # A unit of Debian's package, which is installed outside already.
    "etcd.service": ETCD_UNIT.read_text() if ETCD_UNIT.exists() else "",
    "names.service": "[Service]\nExecStart=/usr/bin/pebble-challtestsrv -management 127.0.0.1:8055 "
                     "-http01 127.0.0.1:5002 -https01 127.0.0.1:5001 -tlsalpn01 127.0.0.1:5003 "
                     '-dns01 127.0.0.1:8053 -defaultIPv4 127.0.0.1 -defaultIPv6 ""\n',
    "pebble.service": "[Service]\nEnvironment=PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0\n"
                      "ExecStart=/usr/bin/pebble -config /etc/pebble/pebble.json -dnsserver 127.0.0.1:8053\n",
    "multi-user.target": "[Unit]\nWants=names.service pebble.service\n",
}


@contextlib.contextmanager
def bare(prepare, units, *certificates):
    """A machine on which nothing is installed; the certificates are in /etc/issued, with the keys beside them."""
    with tempfile.TemporaryDirectory(prefix="edge.", dir="/tmp") as name:
        put = "\n".join(f"install -D -m 600 {source} /etc/issued/{number}.{kind}"
                        for number, issued in enumerate(certificates)
                        for kind, source in (("pem", issued.chain), ("key", issued.key)))
        booted = Machine(pathlib.Path(name), f"""
echo edge-1 >/etc/hostname
for place in root srv; do mount -t tmpfs "$place" "/$place"; done
for number in 1 2 3; do ip addr add 10.0.0.$number/32 dev lo; done
printf '%s\\n' '127.0.0.1 localhost edge-1 app.example.org app1.example.org' >/etc/hosts
{put}
{prepare}
""", units)
        try:
            booted.wait_for_unit("multi-user.target")
            yield booted
        finally:
            booted.end()


@pytest.fixture(scope="module")
def machine(authority):
    with bare(f"""
mkdir /etc/pebble
echo '{json.dumps(ACME)}' >/etc/pebble/pebble.json
rm -rf /etc/letsencrypt
""", UNITS, authority.issue("localhost", "127.0.0.1")) as booted:
        yield booted


@pytest.fixture(scope="module")
def roots(machine):
    """The root of pebble, which is another at each start; curl trusts it instead of the public ones."""
    def taken():
        return machine.run("curl", "--silent", "--insecure", "https://127.0.0.1:15000/roots/0", check=False)

    text = eventually(taken, f"pebble's root\n{machine.said}")
    machine.path("/etc/pebble/root.pem").write_text(text)
    return "/etc/pebble/root.pem"


@pytest.fixture(scope="module")
def one_server(machine, package, roots):
    """docs/one-server.md, and how long following it takes: its last output and the seconds."""
    walk = Walk(machine, "docs/one-server.md", environment={"CURL_CA_BUNDLE": roots}, instead={
        "/tmp/edgeproxy_*.deb": str(package),
        "certbot certonly": "certbot certonly --server https://127.0.0.1:14000/dir --no-verify-ssl",
    }, repeated=["edgeproxy --check-config"])
    begun = time.monotonic()
    printed = walk.to_the_end()
    return printed, time.monotonic() - begun


@needs_a_machine
def test_one_server_has_its_first_page_over_https_in_two_minutes(one_server):
    printed, seconds = one_server
    assert printed.endswith("Hello from uWSGI\n"), printed
    assert seconds < 120


@needs_a_machine
def test_what_certbot_renews_takes_the_place_of_what_one_server_had(machine, one_server, roots):
    def served():
        return machine.run("sh", "-c", "openssl s_client -connect 127.0.0.1:443 -servername app.example.org "
                                       "</dev/null 2>&1 | openssl x509 -noout -serial")

    before = served()
    machine.run("certbot", "renew", "--force-renewal", "--no-verify-ssl", "--no-random-sleep-on-renew")
    eventually(lambda: served() != before, f"the renewed certificate\n{machine.said[-2000:]}")


PLAIN = "http://10.0.0.1:2379"
PLUGINS = "/usr/lib/uwsgi/plugins"
UWSGI = f"/usr/bin/uwsgi --plugins-dir {PLUGINS}"
ENDPOINTS = ["https://10.0.0.1:2379", "https://10.0.0.2:2379", "https://10.0.0.3:2379"]
ETCDCTL = ["etcdctl", "--endpoints", ENDPOINTS[0], "--cacert", "/etc/etcd/ca.pem", "--cert", "/etc/etcd/member.pem",
           "--key", "/etc/etcd/member.key"]
# Of the three servers there is one.
ONE_OF_THREE = {
    ",".join(ENDPOINTS): ENDPOINTS[0],
    ",edge-2=https://10.0.0.2:2380,edge-3=https://10.0.0.3:2380": "",
    "scp ca.pem edge-$number.pem edge-$number.key root@10.0.0.$number:/root/":
        "cp ca.pem edge-$number.pem edge-$number.key /root/",
}


@pytest.fixture(scope="module")
def fleet_page(machine, one_server):
    """docs/fleet.md, followed until etcd runs."""
    walk = Walk(machine, "docs/fleet.md", instead=ONE_OF_THREE)
    printed = walk.through("etcd, with TLS of its own")
    assert "is healthy" in printed, printed
    return walk


@pytest.fixture(scope="module")
def certificates(machine, fleet_page, authority):
    """docs/certificates.md, whose certificates are those of an authority of the tests."""
    issued = authority.issue("example.org", "*.example.org")
    old, legacy = authority.issue("old.example.org"), authority.issue("legacy.example.org")
    walk = Walk(machine, "docs/certificates.md", instead={
        "[" + ", ".join(f'"{each}"' for each in ENDPOINTS) + "]": f'["{ENDPOINTS[0]}"]',
        "--chain fullchain.pem --key privkey.pem": f"--chain {issued.chain} --key {issued.key}",
        "certbot renew": "certbot renew --force-renewal --no-verify-ssl --no-random-sleep-on-renew",
    }, left_out={
        "acme.sh --install-cert -d example.org --fullchain-file /etc/acme/example.org.pem --key-file "
        "/etc/acme/example.org.key \\": "acme.sh is no package of Debian's; its hook is the command that was run",
    })
    walk.through("Store and renew")
    machine.run("edgeproxy", "cert", "put", "old.example.org", "--chain", old.chain, "--key", old.key)
    walk.through("Rotate the encryption keys")
    for name, file in {"fullchain.cer": legacy.chain, "legacy.example.org.key": legacy.key}.items():
        machine.run(*ETCDCTL, "put", name, input=file.read_text())
    walk.to_the_end()
    return walk


@needs_a_machine
def test_certificates_are_stored_encrypted_and_served_from_etcd(machine, certificates, authority):
    listed = machine.run("edgeproxy", "cert", "list")
    # The second is what the hook for certbot stored; the legacy pair is refused, and so is not served from there.
    names = [line.split()[0] for line in listed.splitlines() if "key encrypted with second" in line]
    assert names == ["app.example.org", "example.org", "legacy.example.org"], listed
    assert "PRIVATE KEY-----" not in machine.run(*ETCDCTL, "get", "--prefix", "/edgeproxy/certificates/").replace(
        "ENCRYPTED PRIVATE KEY-----", "")
    for name in ("www.example.org", "legacy.example.org"):
        with machine.network(), Client(443, name, authority) as client:
            assert client.request(path="/").status == 404


def is_open(machine, address, port):
    with machine.network():
        try:
            socket.create_connection((address, port), timeout=5).close()
        except OSError:
            return False
    return True


@pytest.fixture(scope="module")
def fleet(machine, fleet_page, certificates):
    """The rest of docs/fleet.md; what the list of servers was before and after."""
    fleet_page.through("The servers")
    machine.run("sh", "-ec", "(cat /etc/edgeproxy/edgeproxy.yaml; printf '%s\\n' 'node: edge-2' 'state: /root/edge-2') "
                ">/root/edge-2.yaml; install -d -o edgeproxy /root/edge-2\n"
                "edgeproxy node join --config /root/edge-2.yaml --address 10.0.0.2:7443")
    before = machine.run("edgeproxy", "node", "list")
    eventually(lambda: is_open(machine, "10.0.0.1", 7443), f"the port for the others\n{machine.said[-2000:]}")
    fleet_page.to_the_end()
    return before, machine.run("edgeproxy", "node", "list")


@needs_a_machine
def test_servers_join_a_fleet_and_leave_it(machine, fleet):
    before, after = fleet
    assert [line.split()[0] for line in before.splitlines()] == ["edge-1", "edge-2"], before
    assert [line.split()[0] for line in after.splitlines()] == ["edge-1"], after


OLD_UNITS = {
    "etcd.service": "[Service]\nType=notify\nExecStart=/usr/bin/etcd --data-dir /var/lib/etcd-here "
                    f"--listen-client-urls {PLAIN} --advertise-client-urls {PLAIN}\nKillSignal=SIGKILL\n",
    "apache2.service": "[Service]\nExecStart=/usr/sbin/apache2 -D FOREGROUND -f /etc/issued/apache.conf\n"
                       "[Install]\nWantedBy=multi-user.target\n",
    "fastrouter.service": f"[Service]\nExecStart={UWSGI} --plugin corerouter --plugin fastrouter --master --fastrouter "
                          "127.0.0.1:3017 --fastrouter-subscription-server 0.0.0.0:7000\nKillSignal=SIGINT\n"
                          "[Install]\nWantedBy=multi-user.target\n",
    "emperor.service": f"[Service]\nType=notify\nExecStart={UWSGI} --emperor /etc/uwsgi/vassals --vassals-include "
                       "/etc/uwsgi/announce.ini\nKillSignal=SIGINT\n",
    "multi-user.target": "[Unit]\nWants=etcd.service apache2.service fastrouter.service emperor.service\n",
}
VASSAL = f"""[uwsgi]
plugins-dir = {PLUGINS}
plugin = python3
master = true
address = app1.example.org
socket = 10.0.0.1:0
wsgi-file = /srv/app1.py
"""


@pytest.fixture(scope="module")
def old_server(authority):
    """What docs/moving.md begins with: Apache, the fastrouter, an emperor, and a certificate in etcd."""
    issued = authority.issue("example.org", "*.example.org")
    apache = apache_configuration("/etc/issued/0.pem", "/etc/issued/0.key", "uwsgi://127.0.0.1:3017/")
    with bare(f"""
cat >/etc/issued/apache.conf <<'END'
{apache}
END
mkdir -p /etc/uwsgi/vassals
cat >/etc/uwsgi/vassals/app1.ini <<'END'
{VASSAL}
END
printf '%s\\n' '[uwsgi]' 'subscribe-to = 10.0.0.1:7000:%(address)' >/etc/uwsgi/announce.ini
cat >/srv/app1.py <<'END'
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"app1"]
END
""", OLD_UNITS, issued) as booted:
        for name, file in {"fullchain.cer": issued.chain, "example.org.key": issued.key}.items():
            booted.run("etcdctl", "--endpoints", PLAIN, "put", name, input=file.read_text())
        yield booted


def announced_to(machine):
    """Where edgeproxy takes announcements, once it has heard of an instance there."""
    told = {}

    def is_heard_of():
        told.update(json.loads(machine.run("edgeproxy", "status", "--json"))["subscriptions"])
        return [each["key"] for each in told["keys"]] == ["app1.example.org"]

    eventually(is_heard_of, f"the announcement: {told}")
    return told["listening"]


@needs_a_machine
@pytest.mark.skipif(not pathlib.Path(MODULES).exists(), reason="Apache is not installed")
def test_a_server_moves_from_apache_and_each_step_is_taken_back(old_server, package, authority):
    def served(server, port=443):
        def answers():
            name = "app1.example.org"
            with contextlib.suppress(OSError), old_server.network(), Client(port, name, authority) as client:
                answer = client.request(path="/")
                return answer.body == b"app1" and ("Apache" in (answer.get("Server") or "")) == (server == "Apache")
            return False

        eventually(answers, f"{server} serves app1\n{old_server.said[-3000:]}")

    served("Apache")
    walk = Walk(old_server, "docs/moving.md", environment={"CURL_CA_BUNDLE": str(authority.pem)}, instead={
        "/tmp/edgeproxy_*.deb": str(package),
        '["http://10.0.0.1:2379", "http://10.0.0.2:2379", "http://10.0.0.3:2379"]': f'["{PLAIN}"]',
    }, repeated=["edgeproxy --check-config --live", "curl --fail https://app1.example.org/"])
    walk.through("1. Beside Apache")
    served("Apache")
    served("edgeproxy", 8443)
    walk.through("Back from step 1")
    served("Apache")
    walk.again("1. Beside Apache")
    walk.through("2. In Apache's place")
    served("edgeproxy")
    walk.through("Back from step 2")
    served("Apache")
    walk.again("2. In Apache's place")
    for section in ("3. The other servers", "Back from step 3"):
        walk.through(section)
        served("edgeproxy")
    walk.again("3. The other servers")
    walk.through("4. No more lists of servers")
    served("edgeproxy")
    assert announced_to(old_server) == ["127.0.0.1:7000"]
    walk.to_the_end()
    served("edgeproxy")
    assert announced_to(old_server) == ["10.0.0.1:7001"]


SAMPLE = """# Page

Type this:

    one
      two

    three

`/etc/whole` has this:

```ini
[a]
```

## Second

Some more. In `/etc/part.yaml`, beside the rest:

```yaml
b: 2
```

Nothing names it.

```yaml
c: 3
```
"""


def test_commands_files_and_parts_of_files_are_told_from_one_another():
    told = [(each.section, each.line, each.language, each.text, each.file, each.is_part) for each in blocks(SAMPLE)]
    assert told == [
        ("Page", 5, None, "one\n  two\n\nthree\n", None, False),
        ("Page", 12, "ini", "[a]\n", "/etc/whole", False),
        ("Second", 20, "yaml", "b: 2\n", "/etc/part.yaml", True),
        ("Second", 26, "yaml", "c: 3\n", None, False)]


def test_a_block_that_nobody_follows_and_an_exception_that_no_block_needs_are_mistakes(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Page\n\nNothing names it.\n\n```yaml\nc: 3\n```\n")
    with pytest.raises(AssertionError, match="no sentence says which file"):
        Walk(None, page).to_the_end()
    with pytest.raises(AssertionError, match="does not have what the test .* {'gone'}"):
        Walk(None, page, left_out={"c: 3": "an example", "gone": "a block of an older page"}).to_the_end()
