"""A fleet that orders certificates among troubles: many at once, etcd away or full of refusals, a key that is missing."""

from support.acme_fleet import ACME, NAME, answered, new_keys, report, row, section
from support.admin import command
from support.etcd_cluster import Identity
from support.load import Load
from support.processes import eventually

PASSWORD = "secret"
LIMITED = {"identity": Identity(user="edge"), "environment": {"ETCD_PASSWORD": PASSWORD}}


def test_twenty_certificates_are_ordered_one_after_another_while_requests_go_on(ordering):
    made = ordering(NAME, count=3)
    made.issued()
    names = [f"n{number}.example.test" for number in range(20)]
    before = made.relay.count("newOrder")
    with Load(made.edges[0], lambda client, _: client.request(), threads=2) as load:
        made.want(NAME, *names)
        made.relay.wait_for("certificate", before + len(names), 30)
        for name in names:
            made.issued(name)
        load.wait_for(5)
    assert load.answered and not load.failures
    steps = [each.kind for each in made.relay.requests if each.kind in ("newOrder", "finalize", "certificate")]
    assert steps == ["newOrder", "finalize", "certificate"] * (before + len(names))
    # The CA came to each of them.
    assert all(answered(edge) for edge in made.edges)


def test_nothing_is_ordered_while_etcd_is_away_and_everything_is_served(ordering):
    made = ordering(NAME)
    serial = made.issued()
    orders = made.relay.count("newOrder")
    made.cluster.kill()
    for edge in made.edges:
        eventually(lambda: "etcd is away" in (report(edge)[1]["reason"] or ""), "it says why it does not order")
    made.want(NAME, "late.example.test")
    code, text, problem = command(made.edges[0], "acme", "renew", NAME)
    assert code == 1 and "etcd is away" in text + problem
    code, text, _ = command(made.edges[1], "acme", "status")
    assert code == 1 and "no certificate can be ordered: etcd is away" in text
    assert made.issued() == serial
    assert made.relay.count("newOrder") == orders
    made.cluster.start()
    made.issued("late.example.test", seconds=30)
    assert made.relay.count("newOrder") == orders + 1
    for edge in made.edges:
        eventually(lambda: report(edge)[0] == 0, "all is well again")


def test_a_server_with_another_encryption_key_writes_nothing_and_says_so(ordering, fleet, directory):
    made = ordering(NAME)
    made.issued()
    before = made.records("accounts/")
    wrong = new_keys(directory / "wrong.keys", "wrong")
    (stranger,) = fleet(
        made.cluster, 1, wait_for_ready=False, etcd_more={"encryption_keys": str(wrong)},
        acme=section(made.ca, NAME, "late.example.test"))
    (account,) = before
    stranger.child.wait_for_line("info administration")
    eventually(lambda: report(stranger)[1]["refused_records"], "it says what it cannot read")
    code, text, _ = command(stranger, "acme", "status")
    assert code == 1 and "accounts/" in text and "cannot be read" in text
    # It is alone, and does not take the place of those that can.
    for edge in made.edges:
        edge.drain()
    for edge in made.edges:
        assert edge.child.wait() == 0
    eventually(lambda: report(stranger)[1]["holder"] is None, "nobody orders")
    made.ca.lead_to(made.edges[0])
    (first,) = made.edges[:1]
    first.write({
        **first.configuration, "acme": section(made.ca, NAME, "late.example.test"),
        "certificates": {"directory": None, "etcd": {}}})
    first.start(wait=False)
    made.issued("late.example.test", edges=[first])
    assert made.records("accounts/").keys() == {account}
    assert (made.relay.count("newOrder"), len({each.protected["kid"] for each in made.relay.of("newOrder")})) == (2, 1)
    # Nothing that was sealed with the other key lies there.
    assert b"wrong" not in made.cluster.control("get", ACME, "--prefix", "--print-value-only")


def allow(cluster, *places):
    """Lets the user `edge` read all, and write below these places only."""
    words = ("role", "grant-permission", "edge", "--prefix=true")
    cluster.control(*words, "read", "/edgeproxy/")
    for place in ("certificates/", "nodes/", "acme/holder", "acme/seen/", *places):
        cluster.control(*words, "readwrite", "/edgeproxy/" + place)


def make_user(cluster, *places):
    cluster.control("user", "add", f"edge:{PASSWORD}")
    cluster.control("role", "add", "edge")
    allow(cluster, *places)
    cluster.control("user", "grant-role", "edge", "edge")
    cluster.enable_users(PASSWORD)


def test_the_ca_is_not_asked_to_look_where_etcd_does_not_take_what_it_is_to_see(ordering):
    made = ordering(
        NAME, count=1, **LIMITED, prepare=lambda _, cluster: make_user(cluster, "acme/accounts/", "acme/orders/"))
    made.edges[0].child.wait_for_line("no certificate was issued.*the CA was not asked to look")
    assert made.relay.count("challenge") == 0
    eventually(lambda: row(made.edges[0])["state"] == "waiting", "it waits")


def test_the_ca_is_not_asked_at_all_where_etcd_takes_no_records(ordering):
    places = ["acme/accounts/", "acme/orders/", "acme/renewals/", "acme/journal/", "acme/requests/", "acme/challenges/"]
    made = ordering(NAME, count=1, **LIMITED, prepare=lambda _, cluster: make_user(cluster, *places))
    made.issued()
    (edge,) = made.edges
    eventually(lambda: row(edge)["state"] == "served", "all is written")
    for place in places[:-1]:
        key = "/edgeproxy/" + place
        made.cluster.control("role", "revoke-permission", "edge", key, "--prefix=true")
    orders = made.relay.count("newOrder")
    made.want(NAME, "late.example.test")
    edge.child.wait_for_line("no certificate was issued.*etcd")
    with edge.client() as client:
        for _ in range(200):
            assert client.request().status == 200
    assert made.relay.count("newOrder") == orders
    assert edge.child.text.count("no certificate was issued") == 1
