"""The pages of docs, followed line by line on a machine on which nothing is installed at first.

The pages build on one another: one server, then etcd and a fleet. Each is followed once, whichever tests run.
"""

import json
import pathlib
import tempfile
import time

import pytest

from support.machine import Machine, needs_a_machine
from support.pages import Walk, blocks
from support.processes import eventually

# The certificate authority that certbot asks here, with a DNS of its own in which every name is this machine.
ACME = {"pebble": {
    "listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
    "certificate": "/etc/pebble/chain.pem", "privateKey": "/etc/pebble/key.pem", "httpPort": 80, "tlsPort": 443,
    "ocspResponderURL": "", "externalAccountBindingRequired": False}}
UNITS = {
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
hostname edge-1
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
    })
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

In `/etc/part.yaml`, beside the rest:

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
