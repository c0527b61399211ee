"""Certificates by challenge dns at the provider of records: `acme.dns: records`."""

import pytest

from support.acme_edges import served
from support.cloudns import Cloudns

NAMES = ("*.example.test", "example.test")
HOOK = """#!/usr/bin/python3
import json, os, sys, urllib.request
what, name, kind, value, seconds = sys.argv[1:]
assert (kind, seconds, os.environ["EDGEPROXY_ZONE"], os.environ["TOKEN"]) == ("TXT", "60", "example.test", "s3cret")
path = "set-txt" if what == "add" else "clear-txt"
content = {{"host": name + ".", **({{"value": value}} if what == "add" else {{}})}}
urllib.request.urlopen("http://127.0.0.1:{port}/" + path, json.dumps(content).encode()).read()
"""


@pytest.fixture
def cloudns(authority, ending):
    made = Cloudns(authority)
    ending.append(made)
    return made


def test_a_program_puts_the_values_of_a_wildcard_there(acme, ordering_edge, directory):
    ca = acme()
    hook, environment = directory / "records-hook", directory / "hook.env"
    hook.write_text(HOOK.format(port=ca.names.management))
    hook.chmod(0o755)
    environment.touch(mode=0o600)
    environment.write_text("# of the provider\nTOKEN='s3cret'\n")
    running = ordering_edge(
        ca, *NAMES, acme={"dns": "records"}, public=["127.0.0.1"],
        records={"provider": "exec", "zone": "example.test", "names": ["*"], "command": str(hook),
                 "environment_file": str(environment), "dry_run": True})
    assert served(running, ca, "any.example.test").names == set(NAMES)


def test_cloudns_is_asked_for_the_values_of_a_wildcard_and_keeps_none(
        acme, ordering_edge, cloudns, directory, authority):
    ca = acme()

    def told(is_there, record):
        name = f"{record.host}.{cloudns.zone}"
        ca.names.set_txt(name, record.value) if is_there else ca.names.clear_txt(name)

    cloudns.told, cloudns.late = told, 1
    running = ordering_edge(
        ca, *NAMES, acme={"dns": "records"}, public=["127.0.0.1"],
        records=cloudns.section(directory, authority, dry_run=True))
    assert served(running, ca, "any.example.test").names == set(NAMES)
    cloudns.wait_for((), type="TXT", host="_acme-challenge")
    assert cloudns.count("add-record") == 2 and cloudns.count("update-status") >= 2
    # The order and the keeper of the address records each take five a second, and ClouDNS allows 20.
    assert cloudns.most_in_a_second() <= 12
    assert cloudns.password not in running.child.text
