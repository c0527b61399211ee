"""The pages of docs, followed line by line on a machine on which nothing is installed at first.

The pages build on one another: one server, then etcd and a fleet. Each is followed once, whichever tests run.
"""

import json
import pathlib
import socket
import tempfile
import time

import pytest

from support.client import Client
from support.machine import Machine, needs_a_machine
from support.pages import Walk, blocks
from support.processes import eventually

# The certificate authority that certbot asks here, with a DNS of its own in which every name is this machine.
ACME = {"pebble": {
    "listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
    "certificate": "/etc/pebble/chain.pem", "privateKey": "/etc/pebble/key.pem", "httpPort": 80, "tlsPort": 443,
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


@pytest.fixture(scope="module")
def machine(authority):
    with tempfile.TemporaryDirectory(prefix="edge.", dir="/tmp") as name:
        directory = pathlib.Path(name)
        issued = authority.issue("localhost", "127.0.0.1")
        (directory / "pebble.json").write_text(json.dumps(ACME))
        booted = Machine(directory, f"""
echo edge-1 >/etc/hostname
for place in root srv; do mount -t tmpfs "$place" "/$place"; done
for number in 1 2 3; do ip addr add 10.0.0.$number/32 dev lo; done
install -D -m 644 {directory}/pebble.json /etc/pebble/pebble.json
install -m 644 {issued.chain} /etc/pebble/chain.pem
install -m 600 {issued.key} /etc/pebble/key.pem
printf '%s\\n' '127.0.0.1 localhost edge-1 app.example.org' >/etc/hosts
rm -rf /etc/letsencrypt
""", UNITS)
        try:
            booted.wait_for_unit("multi-user.target")
            yield booted
        finally:
            booted.end()


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
