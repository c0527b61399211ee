"""What `edgeproxy dns` tells the people who enter records at a provider, and those who look for a mistake."""

import json

from support.admin import command
from support.names import ALL, PARENT

WILDCARD = f"*.{PARENT}"
RESOLVER = ("--resolver", "127.0.0.1")


def test_what_setup_prints_is_what_has_to_be_entered_and_it_sees_that_it_is_there(named):
    fleet = named(dns={"names": [WILDCARD]}, delegated=False)
    code, text, problem = command(fleet[0].edge, "dns", "setup", "--no-check", "--json")
    assert code == 0, problem
    # What it prints for people is in the form of a zone file, which the provider here reads.
    code, text, problem = command(fleet[0].edge, "dns", "setup", "--no-check")
    assert code == 0, problem
    for name, addresses in fleet.name_servers().items():
        assert name in text and all(address in text for address in addresses), text
    assert ALL in text and WILDCARD in text
    fleet.delegate()
    code, text, problem = command(fleet[0].edge, "dns", "setup", *RESOLVER)
    assert code == 0, text + problem


def test_status_and_query_show_which_server_is_away(named):
    fleet = named(4)
    code, text, problem = command(fleet[0].edge, "dns", "status")
    assert code == 0 and all(address in text for address in fleet.addresses), text + problem
    gone, asked = fleet[3], fleet[0]
    gone.power_off()
    fleet.wait_until_named(*fleet[:3])
    code, text, _ = command(asked.edge, "dns", "status", "--json")
    states = {row["address"]: row for server in json.loads(text)["servers"] for row in server["addresses"]}
    assert code == 1 and states[gone.address]["state"] == "away" and not states[gone.address]["answered"]
    assert states[asked.address]["state"] == "living"
    code, text, problem = command(asked.edge, "dns", "query", "all")
    assert code == 1 and text.count(f"{fleet[1].address}") >= 3, text + problem
    code, text, problem = command(asked.edge, "dns", "query", "all", "AAAA", "--server", asked.address)
    assert code == 0, text + problem
