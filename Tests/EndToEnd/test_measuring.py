"""What is counted, told to Prometheus, logged and traced, and what is shipped to watch it with."""

import json
import re
import subprocess
import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families

from support import REPOSITORY
from support.admin import ask, command, status
from support.processes import eventually

DASHBOARD = REPOSITORY / "conf/grafana/edgeproxy.json"
ALERTS = REPOSITORY / "conf/alerts.yml"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def scrape(edge):
    """The metrics: name and labels to value."""
    families = text_string_to_metric_families(ask(edge.admin, "/metrics").body.decode())
    return {(each.name, *sorted(each.labels.items())): each.value for family in families for each in family.samples}


def total(found, name, **labels):
    return sum(value for (key, *rest), value in found.items()
               if key == f"edgeproxy_{name}" and labels.items() <= dict(rest).items())


def promtool(*words, **options):
    done = subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def drop(connection, _):
    """A node that takes the request and ends the connection without a word."""
    connection.close()


# Metrics.


def test_promtool_finds_nothing_wrong_with_the_metrics_of_a_busy_server(edge, scripted):
    good, bad = scripted(), scripted()
    running = edge({"app1": [good.address], "app2": {"nodes": [bad.address], "hold": "0s"}})
    bad.stop()
    for name in ("app1", "app1", "app2", "app9"):
        assert running.request(name=f"{name}.example.test").status in (200, 404, 503)
    eventually(lambda: total(scrape(running), "requests_total") == 4, "all are counted")
    lint = subprocess.run(["promtool", "check", "metrics"], input=ask(running.admin, "/metrics").body,
                          capture_output=True)
    assert (lint.returncode, lint.stdout, lint.stderr) == (0, b"", b"")
    found = scrape(running)
    assert total(found, "route_requests_total", route="app1.example.test", code="200") == 2
    assert total(found, "route_requests_total", route="app2.example.test", code="503") == 1
    assert total(found, "route_requests_total", route="none", code="404") == 1
    assert total(found, "upstream_tries_total", upstream="app1", outcome="ok") == 2
    assert total(found, "upstream_tries_total", upstream="app2", outcome="refused") >= 1
    assert total(found, "node_state", upstream="app1", state="up") == 1
    assert total(found, "node_state", upstream="app2", state="up") == 0
    assert total(found, "node_state", upstream="app2") == 1
    assert total(found, "upstream_duration_seconds_count", upstream="app1") == 2
    routes = {each["route"]: each for each in status(running)["routes"]}
    assert routes["app1.example.test"]["codes"] == {"200": 2}
    assert routes["app1.example.test"]["durations"]["count"] == 2
    text = command(running, "status")[1]
    assert re.search(r"^ +app1\.example\.test +2 +0 +0 ", text, re.MULTILINE), text


def test_scrapes_under_load_sum_up_exactly_and_never_go_backwards(edge, scripted):
    nodes = [scripted(), scripted()]
    running = edge({"app1": [nodes[0].address], "app2": [nodes[1].address]}, workers=2)
    each, scrapes, problems, over = 60, [], [], threading.Event()

    def load(name):
        try:
            with running.client(f"{name}.example.test") as client:
                for _ in range(each):
                    assert client.request("GET", "/").status == 200
        except Exception as problem:
            problems.append(problem)

    def watch():
        while not over.is_set():
            scrapes.append(scrape(running))

    watcher = threading.Thread(target=watch)
    watcher.start()
    clients = [threading.Thread(target=load, args=(name,)) for name in ("app1", "app2") * 4]
    for client in clients:
        client.start()
    # Reloads in between take nothing away from what was counted.
    for _ in range(3):
        running.reload(running.configuration)
    for client in clients:
        client.join()
    over.set()
    watcher.join()
    assert not problems
    eventually(lambda: total(scrape(running), "requests_total") == 8 * each, "all are counted")
    scrapes.append(scrape(running))
    assert len(scrapes) > 3
    for before, after in zip(scrapes, scrapes[1:]):
        for key, value in after.items():
            if key[0].endswith(("_total", "_bucket", "_count", "_sum")):
                assert value >= before.get(key, 0), key
    for found in scrapes:
        for name in ("request_duration_seconds", "upstream_duration_seconds"):
            assert total(found, f"{name}_bucket", le="+Inf") == total(found, f"{name}_count")
    found = scrapes[-1]
    for name in ("app1", "app2"):
        assert total(found, "route_requests_total", route=f"{name}.example.test") == 4 * each
        assert total(found, "request_duration_seconds_count", route=f"{name}.example.test") == 4 * each
        assert total(found, "upstream_tries_total", upstream=name, outcome="ok") == 4 * each
        assert total(found, "upstream_duration_seconds_count", upstream=name) == 4 * each
    assert total(found, "route_requests_total") == total(found, "requests_total") == 8 * each
    assert total(found, "tries_total") == total(found, "upstream_tries_total") == 8 * each
    assert 0 < total(found, "request_duration_seconds_sum") < 8 * each


def test_tries_are_counted_by_how_they_ended(edge, scripted):
    broken, good = scripted(drop), scripted()
    running = edge({"app1": {"nodes": [broken.address, {"address": good.address, "backup": True}]}}, workers=1)
    assert running.request().status == 200
    eventually(lambda: total(scrape(running), "requests_total") == 1, "it is counted")
    found = scrape(running)
    assert total(found, "upstream_tries_total", outcome="closed") + total(
        found, "upstream_tries_total", outcome="reset") == 1
    assert total(found, "upstream_tries_total", outcome="ok") == 1
    assert total(found, "upstream_duration_seconds_count") == 1


# What the pages and the files that are shipped name.


def told_metrics():
    """The names in the tables of metrics."""
    pages = [(REPOSITORY / f"docs/{page}.md").read_text() for page in ("troubleshooting", "measuring")]
    return set(re.findall(r"`([a-z0-9_]+)`", "".join(line for page in pages for line in page.splitlines(True))))


def test_every_metric_of_a_server_is_explained(edge, scripted):
    running = edge({"app1": [scripted().address]})
    running.reload(running.configuration)
    families = text_string_to_metric_families(ask(running.admin, "/metrics").body.decode())
    told = told_metrics()
    names = {f"{family.name}_total" if family.type == "counter" else family.name for family in families}
    assert len(names) > 40
    assert {name for name in names if name.removeprefix("edgeproxy_") not in told} == set()


def test_the_alerts_are_rules_that_say_what_they_should_say(directory):
    promtool("check", "rules", ALERTS)
    promtool("test", "rules", REPOSITORY / "Tests/Vectors/alerts.test.yml")
    rules = re.findall(r"alert: (\w+)", ALERTS.read_text())
    tested = set(re.findall(r'alertname="(\w+)"', (REPOSITORY / "Tests/Vectors/alerts.test.yml").read_text()))
    assert len(rules) > 20 and set(rules) == tested


def test_the_configuration_of_prometheus_that_is_shown_is_taken(directory):
    blocks = re.findall(r"```yml\n(.*?)```", (REPOSITORY / "docs/measuring.md").read_text(), re.DOTALL)
    assert len(blocks) == 2
    file = directory / "prometheus.yml"
    file.write_text("".join(blocks).replace("/usr/share/edgeproxy/alerts.yml", str(ALERTS)))
    promtool("check", "config", file)


def test_the_dashboard_asks_prometheus_what_it_understands(directory):
    board = json.loads(DASHBOARD.read_text())
    targets = [(panel["title"], target["expr"]) for panel in board["panels"] for target in panel.get("targets", [])]
    assert len(targets) > 40
    rules = []
    for number, (title, expression) in enumerate(targets):
        for variable, value in (("$__rate_interval", "5m"), ("$instance", ".*"), ("$route", ".*"), ("$upstream", ".*")):
            expression = expression.replace(variable, value)
        assert "$" not in expression, title
        rules.append({"record": f"panel{number}", "expr": expression})
    file = directory / "panels.yml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", file)
    # Panels lie beside one another, and each has a number of its own.
    taken = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken and max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_what_the_dashboard_shows_of_a_server_is_there(edge, scripted):
    running = edge({"app1": [scripted().address]}, workers=1)
    assert running.request().status == 200
    eventually(lambda: total(scrape(running), "requests_total") == 1, "it is counted")
    labels = {}
    for name, *pairs in scrape(running):
        labels.setdefault(name, set()).update(label for label, _ in pairs)
    text = DASHBOARD.read_text()
    asked = set(re.findall(r"edgeproxy_\w+", text + ALERTS.read_text()))
    # Parts that this server does not have: a fleet, names, orders and records.
    other = re.compile(r"edgeproxy_(acme|dns|etcd|fleet|records|peer|warning$|last_reload)")
    missing = {name for name in asked - labels.keys() if not other.match(name)}
    assert missing == set()


# Logs.


def test_a_log_of_ones_own_form(edge, scripted):
    running = edge({"app1": [scripted().address]}, workers=1,
                   log={"format": '{client} {user} [{time_apache}] "{request}" {status} {node} {header:X-Deep} '
                                  "{duration}"})
    with running.client() as client:
        assert client.request("GET", "/a?b=%20c", headers=[("X-Deep", 'one "two"')]).status == 200
    line = eventually(running.access_text, "the line is written")
    assert re.fullmatch(
        r'127\.0\.0\.1 - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET /a\?b=%20c HTTP/1\.1" 200 \S+ '
        r'one\\x20\\"two\\" \d+\.\d{6}\n', line), line


@pytest.mark.parametrize("form", ['{host} "{user_agent}" {target}', '{method} {path} {query} "{header:User-Agent}"'])
def test_odd_bytes_never_end_a_line_of_ones_own_form(edge, scripted, form):
    running = edge({"app1": [scripted().address]}, workers=1, log={"format": form})
    odd = "".join(map(chr, (*range(1, 10), 34, 92, 127, *range(128, 256))))
    for raw in (f"GET / HTTP/1.1\r\nHost: app1.example.test\r\nUser-Agent: a {odd}\r\nConnection: close\r\n\r\n",
                f"GET /{odd} HTTP/1.1\r\nHost: app1.example.test\r\nConnection: close\r\n\r\n"):
        with running.client() as client:
            client.send(raw.encode("latin-1"))
            assert client.read_response().status in (200, 400)
    eventually(lambda: running.access_text().count("\n") == 2, "both lines are written")
    text = running.access_log.read_bytes()
    assert text.count(b"\n") == 2 and all(byte == 10 or 32 <= byte < 127 for byte in text)


def test_requests_for_the_health_may_stay_out_of_the_log(edge, scripted):
    running = edge({"app1": [scripted().address]}, workers=1, log={"health": False})
    for path in ("/healthz", "/up"):
        assert running.request("GET", path).status == 200
    with running.plain_client() as client:
        assert client.request("GET", "/healthz").status == 200
    eventually(lambda: total(scrape(running), "requests_total") == 3, "all are counted")
    assert [entry["target"] for entry in eventually(running.access_entries, "a line")] == ["/up"]
    running.reload({**running.configuration, "log": {**running.configuration["log"], "health": True}})
    assert running.request("GET", "/healthz").status == 200
    eventually(lambda: [each["target"] for each in running.access_entries()] == ["/up", "/healthz"], "now it is there")


# Traces.


@pytest.mark.parametrize("kind", ["uwsgi", "http"])
@pytest.mark.parametrize("mode", ["pass", "make"])
def test_a_trace_reaches_applications_and_the_log(edge, scripted, web, kind, mode):
    peer = (scripted if kind == "uwsgi" else web)()
    running = edge({"app1": {"protocol": kind, "nodes": [peer.address]}}, traces={"mode": mode}, workers=1)

    def told(fields):
        assert running.request(headers=fields).status == 200
        request = peer.requests[-1]
        given = request.variables if kind == "uwsgi" else request.headers
        found = {name.lower().removeprefix("http_"): value for name, value in given}
        return found.get("traceparent"), found.get("tracestate")

    assert told([("traceparent", PARENT), ("tracestate", "a=1")]) == (PARENT, "a=1")
    broken, state = told([("traceparent", PARENT[:-1]), ("tracestate", "a=1")])
    none, _ = told([])
    eventually(lambda: len(running.access_entries()) == 3, "all lines are written")
    logged = [entry.get("trace_id") for entry in running.access_entries()]
    assert state is None and logged[0] == TRACE
    if mode == "pass":
        assert (broken, none, logged[1:]) == (None, None, [None, None])
    else:
        for made, name in ((broken, logged[1]), (none, logged[2])):
            assert re.fullmatch(rf"00-{name}-[0-9a-f]{{16}}-01", made) and name != TRACE
