"""A certificate that is put into etcd is served by every edge at once; a bad one by none."""

import statistics
import subprocess

import pytest

from support.admin import status
from support.authority import openssl
from support.edge import binary
from support.etcd_cluster import PREFIX
from support.etcd_edges import BothLoads, refused, serial, served
from support.processes import eventually

PUTS = 50


def test_every_edge_serves_a_put_within_a_second_and_no_request_fails(fleet, etcd, authority):
    cluster = etcd(count=3)
    some = [authority.issue("*.example.test") for _ in range(4)]
    cluster.publish("main", some[0])
    edges = fleet(cluster)
    served(edges, some[0])
    times = []
    with BothLoads(edges) as loads:
        for number in range(1, PUTS + 1):
            since = cluster.publish("main", some[number % 4])
            times.append(served(edges, some[number % 4], since))
    print(f"put to served by 3 edges, {PUTS} puts under load: p50 {statistics.median(times) * 1000:.0f} ms,"
          f" max {max(times) * 1000:.0f} ms; {loads.answered} requests, none failed")
    assert max(times) < 1


def test_the_log_tells_of_what_is_new_and_of_nothing_else(fleet, etcd, authority, wildcard):
    cluster = etcd()
    cluster.publish("main", wildcard)
    old = {f"app{number}": authority.issue(f"app{number}.example.test") for number in range(3)}
    for name, issued in old.items():
        cluster.publish(name, issued)
    (running,) = fleet(cluster, 1)
    for name, issued in old.items():
        served([running], issued, name=f"{name}.example.test")
        running.child.wait_for_line(f"certificate served.*{PREFIX}{name}$")
    new = authority.issue("app2.example.test")
    since = len(running.child.lines)
    cluster.publish("app2", new)
    served([running], new, name="app2.example.test")
    (line,) = [line for line in running.child.lines[since:] if "certificate served" in line]
    assert f"serial={new.serial:X}" in line and PREFIX + "app2" in line


def test_an_edge_serves_what_its_directory_has_beside_what_etcd_has(fleet, etcd, authority, wildcard):
    cluster = etcd()
    special = authority.issue("app1.example.test")
    (running,) = fleet(cluster, 1, certificates={"etcd": {}})
    served([running], wildcard)
    cluster.publish("special", special)
    served([running], special)
    assert serial(running, "other.example.test") == wildcard.serial


def bad_values(authority):
    good = authority.issue("*.example.test")
    other = authority.issue("*.example.test")
    expired = authority.issue("*.example.test", begins=-3, ends=-1)
    early = authority.issue("*.example.test", begins=1, ends=3)
    crossed = good.chain.read_bytes() + other.key.read_bytes()
    return [
        ("expired", expired.bundle, "expired at"),
        ("not yet valid", early.bundle, "not valid before"),
        ("another's key", crossed, "does not fit"),
        ("cut off", good.bundle[:-100], "not whole|malformed"),
        ("no key", good.chain.read_bytes(), "no private key"),
        ("no certificate", good.key.read_bytes(), "no certificate"),
        ("1 MiB", good.bundle + b"#" * 2**20, "more than the limit"),
        ("binary", bytes(range(256)) * 8, "byte of zero|no certificate"),
        ("text", b"to be done\n", "no certificate"),
        ("empty", b"", "no certificate"),
        ("weak", authority.issue("*.example.test", kind="weak").bundle, "1024 bits is too weak"),
        ("one name less", authority.issue("unrelated.example").bundle, "app1.example.test without a certificate"),
    ]


def test_a_bad_value_is_refused_by_name_and_the_last_good_one_served(fleet, etcd, authority):
    cluster = etcd()
    good = authority.issue("*.example.test")
    cluster.publish("main", good)
    (running,) = fleet(cluster, 1)
    served([running], good)
    for number, (what, value, reason) in enumerate(bad_values(authority)):
        since = len(running.child.lines)
        cluster.put(PREFIX + "main", value)
        refused(running, PREFIX + "main", reason, since)
        assert serial(running) == good.serial, what
        assert running.request().status == 200
        # The way back is as quick, and what is refused no more is not said to be.
        next_good = authority.issue("*.example.test")
        cluster.publish("main", next_good)
        served([running], next_good)
        good = next_good
    assert status(running)["certificates"]["refused"] == []


def test_a_refused_value_is_in_the_status_with_its_reason(fleet, etcd, authority, wildcard):
    cluster = etcd()
    cluster.publish("main", wildcard)
    (running,) = fleet(cluster, 1)
    cluster.put(PREFIX + "other", b"nonsense")
    refused(running, PREFIX + "other", "no certificate")
    # The log has it from the loader's thread, and the status a moment later from its report.
    eventually(lambda: PREFIX + "other" in str(status(running)["certificates"]["refused"]), "it is in the status")


def test_a_certificate_that_is_not_valid_yet_is_served_when_it_is(fleet, etcd, authority):
    cluster = etcd()
    (running,) = fleet(cluster, 1, wait_for_ready=False)
    soon = authority.issue("*.example.test", begins=4 / 86_400)
    cluster.publish("main", soon)
    refused(running, PREFIX + "main", "not valid before")
    served([running], soon)


def test_a_legacy_pair_is_served_once_it_is_whole_and_never_half(fleet, etcd, authority):
    cluster = etcd()
    first, second = (authority.issue("example.test", "*.example.test") for _ in range(2))
    cluster.put("fullchain.cer", first.chain.read_bytes())
    cluster.put("example.test.key", first.key.read_bytes())
    (running,) = fleet(cluster, 1, etcd_certificates={"legacy": True})
    served([running], first)
    since = len(running.child.lines)
    with BothLoads([running]):
        cluster.put("fullchain.cer", second.chain.read_bytes())
        refused(running, "fullchain.cer", "waiting for the pair to match", since)
        assert serial(running) == first.serial
        cluster.put("example.test.key", second.key.read_bytes())
        served([running], second)
        # And in the other order.
        since = len(running.child.lines)
        cluster.put("example.test.key", first.key.read_bytes())
        refused(running, "fullchain.cer", "waiting for the pair to match", since)
        assert serial(running) == second.serial
        cluster.put("fullchain.cer", first.chain.read_bytes())
        served([running], first)


def test_a_legacy_key_that_comes_late_is_found(fleet, etcd, authority):
    cluster = etcd()
    (running,) = fleet(cluster, 1, etcd_certificates={"legacy": True}, wait_for_ready=False)
    issued = authority.issue("example.test", "*.example.test")
    cluster.put("fullchain.cer", issued.chain.read_bytes())
    refused(running, "fullchain.cer", "no DOMAIN.key|waiting")
    assert serial(running) is None
    cluster.put("example.test.key", issued.key.read_bytes())
    served([running], issued)


def test_a_deleted_certificate_goes_if_another_covers_its_names(fleet, etcd, authority, wildcard):
    cluster = etcd()
    special = authority.issue("app1.example.test")
    cluster.publish("wildcard", wildcard)
    cluster.publish("special", special)
    (running,) = fleet(cluster, 1)
    served([running], special)
    cluster.delete(PREFIX + "special")
    served([running], wildcard)
    assert status(running)["certificates"]["refused"] == []


def test_a_deleted_certificate_that_nothing_covers_is_kept_until_it_is_said_twice(fleet, etcd, wildcard, commands):
    cluster = etcd()
    cluster.publish("main", wildcard)
    (running,) = fleet(cluster, 1)
    served([running], wildcard)
    cert = commands(running)
    code, _, problem = cert("remove", "main")
    assert code == 1 and "nothing else covers" in problem and "--confirm" in problem
    cluster.delete(PREFIX + "main")
    refused(running, PREFIX + "main", "deleted in etcd, kept")
    assert serial(running) == wildcard.serial
    # Also over a restart.
    running.drain()
    assert running.child.wait() == 0
    running.start()
    assert serial(running) == wildcard.serial
    cluster.publish("main", wildcard)
    eventually(lambda: not status(running)["certificates"]["refused"], "it is back")
    code, text, problem = cert("remove", "main", "--confirm")
    assert code == 0, problem
    eventually(lambda: serial(running) is None, "it is not served any more")


def test_a_hook_waits_for_an_etcd_that_is_away_and_then_stores(fleet, etcd, authority, commands):
    cluster = etcd()
    first, second = authority.issue("*.example.test"), authority.issue("*.example.test")
    cluster.publish("main", first)
    (running,) = fleet(cluster, 1)
    served([running], first)
    cluster.kill()
    words = ["put", "main", "--chain", second.chain, "--key", second.key]
    code, _, problem = commands(running)(*words, "--wait", "0")
    assert code == 1 and "refused" in problem and "--wait" in problem
    hook = subprocess.Popen(
        [str(word) for word in (binary(), "cert", *words, "--wait", "1h", "--config", running.file)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=running.environment)
    try:
        assert "it is tried again for up to 1h" in hook.stderr.readline()
        cluster.start()
        assert hook.wait(30) == 0, hook.stderr.read()
    finally:
        hook.kill()
        hook.wait()
    served([running], second)


def test_the_commands_put_list_show_and_remove(fleet, etcd, authority, commands):
    cluster = etcd()
    first, second = authority.issue("*.example.test"), authority.issue("*.example.test")
    cluster.publish("main", first)
    (running,) = fleet(cluster, 1)
    cert = commands(running)
    code, text, problem = cert("put", "main", "--chain", second.chain, "--key", second.key)
    assert code == 0 and f"{second.serial:X}" in text.upper(), problem
    assert "warning" in problem and "encryption_keys" in problem
    served([running], second)
    bundle = running.directory / "bundle.pem"
    third = authority.issue("more.example.test")
    bundle.write_bytes(third.bundle)
    code, _, problem = cert("put", "more", "--bundle", bundle)
    assert code == 0, problem
    served([running], third, name="more.example.test")
    code, text, _ = cert("list")
    assert code == 0
    assert [line.split()[0] for line in text.splitlines()] == ["main", "more"]
    code, text, _ = cert("show", "more")
    assert code == 0 and "more.example.test" in text and PREFIX + "more" in text
    assert "PRIVATE KEY" not in text
    code, text, _ = cert("remove", "more")
    assert code == 0
    served([running], second, name="more.example.test")
    # What no edge would take is not stored.
    before = cluster.get(PREFIX + "main")
    code, _, problem = cert("put", "main", "--chain", first.chain, "--key", second.key)
    assert code == 1 and "does not fit" in problem
    expired = authority.issue("*.example.test", begins=-3, ends=-1)
    code, _, problem = cert("put", "main", "--chain", expired.chain, "--key", expired.key)
    assert code == 1 and "expired" in problem
    assert cluster.get(PREFIX + "main") == before
    assert cert("show", "nobody")[0] == 1
    assert cert("remove", "nobody")[0] == 1


def test_put_says_which_other_certificate_answers_and_what_clients_refuse(fleet, etcd, authority, commands):
    cluster = etcd()
    older, newer = authority.issue("*.example.test", begins=-2), authority.issue("*.example.test")
    cluster.publish("main", newer)
    (running,) = fleet(cluster, 1)
    cert = commands(running)
    code, _, problem = cert("put", "other", "--chain", older.chain, "--key", older.key)
    assert code == 0, problem
    assert f"'{PREFIX}main' answers for *.example.test, not this certificate: it is newer" in problem
    served([running], newer)
    alone = running.directory / "cert.pem"
    end = b"-----END CERTIFICATE-----\n"
    alone.write_bytes(newer.chain.read_bytes().split(end)[0] + end)
    code, _, problem = cert("put", "main", "--chain", alone, "--key", newer.key)
    assert code == 0 and "fullchain.pem" in problem, problem
    eventually(lambda: any("fullchain.pem" in warning for warning in status(running)["warnings"]), "it is told")
    client_only = authority.issue("*.example.test", usage="clientAuth")
    code, _, problem = cert("put", "main", "--chain", client_only.chain, "--key", client_only.key)
    assert code == 1 and "not for servers" in problem, problem


@pytest.mark.parametrize("domain", [["example.test"], []], ids=["named", "found"])
def test_a_legacy_pair_is_imported(fleet, etcd, authority, commands, domain):
    cluster = etcd()
    issued = authority.issue("example.test", "*.example.test")
    (running,) = fleet(cluster, 1, wait_for_ready=False)
    cert = commands(running)
    code, _, problem = cert("import-legacy", *domain)
    assert code == 1 and "fullchain.cer" in problem
    cluster.put("fullchain.cer", issued.chain.read_bytes())
    code, _, problem = cert("import-legacy", *domain)
    assert code == 1 and "example.test.key" in problem
    cluster.put("example.test.key", issued.key.read_bytes())
    code, said, problem = cert("import-legacy", *domain)
    assert code == 0 and said.startswith("example.test "), problem
    served([running], issued)
    assert cluster.get("fullchain.cer") == issued.chain.read_bytes()
    assert cluster.get("example.test.key") == issued.key.read_bytes()


@pytest.fixture
def encryption_keys(directory, commands):
    """A key file with one key."""
    file = directory / "encryption.keys"
    file.touch(0o600)
    file.write_text(commands(None)("new-key", "first")[1])
    return file


def test_private_keys_lie_encrypted_in_etcd(fleet, etcd, authority, commands, encryption_keys):
    cluster = etcd()
    issued, plain = authority.issue("*.example.test"), authority.issue("*.other.example.test")
    cluster.publish("plain", plain)
    (running,) = fleet(cluster, 1, wait_for_ready=False, etcd_more={"encryption_keys": str(encryption_keys)})
    # Whoever has no key can put nothing there.
    refused(running, PREFIX + "plain", "not encrypted")
    cert = commands(running)
    code, text, problem = cert("put", "main", "--chain", issued.chain, "--key", issued.key)
    assert code == 0 and "encrypted with first" in text, problem
    served([running], issued)
    stored = cluster.get(PREFIX + "main")
    assert b"EDGEPROXY ENCRYPTED KEY" in stored and b"BEGIN PRIVATE KEY" not in stored
    assert b"BEGIN PRIVATE KEY" in cluster.get(PREFIX + "plain")
    # Rekeying seals the plain one, and a second time with the new first key.
    code, text, problem = cert("rekey")
    assert code == 0 and "already encrypted" in text, problem
    assert b"BEGIN PRIVATE KEY" not in cluster.get(PREFIX + "plain")
    served([running], plain, name="x.other.example.test")
    new = commands(None)("new-key", "second")[1]
    encryption_keys.write_text(new + encryption_keys.read_text())
    code, text, problem = cert("rekey")
    assert code == 0 and text.count("encrypted with second") >= 2, problem
    assert "second" in cert("show", "main")[1]
    # The server learns of the new key with a reload or a restart.
    running.drain()
    assert running.child.wait() == 0
    running.start()
    served([running], issued)
    served([running], plain, name="x.other.example.test")


def test_a_value_that_cannot_be_opened_is_refused(fleet, etcd, authority, commands, encryption_keys):
    cluster = etcd()
    good, sealed = authority.issue("*.example.test"), authority.issue("*.example.test")
    cluster.publish("main", good)
    (without,) = fleet(cluster, 1)
    (with_keys,) = fleet(cluster, 1, wait_for_ready=False, etcd_more={"encryption_keys": str(encryption_keys)})
    code, _, problem = commands(with_keys)("put", "main", "--chain", sealed.chain, "--key", sealed.key)
    assert code == 0, problem
    served([with_keys], sealed)
    refused(without, PREFIX + "main", "no encryption keys are configured")
    assert serial(without) == good.serial


def test_a_key_file_that_others_can_read_is_refused(fleet, etcd, wildcard, encryption_keys, commands):
    cluster = etcd()
    cluster.publish("main", wildcard)
    (running,) = fleet(cluster, 1, wait_for_ready=False, etcd_more={"encryption_keys": str(encryption_keys)})
    refused(running, PREFIX + "main", "not encrypted")
    encryption_keys.chmod(0o644)
    code, _, problem = commands(running)("list")
    assert code == 1 and "0644" in problem


def test_encryption_is_switched_on_without_a_gap(fleet, etcd, authority, commands, encryption_keys):
    cluster = etcd()
    issued, forged = authority.issue("*.example.test"), authority.issue("*.example.test", ends=900)
    cluster.publish("main", issued)
    (running,) = fleet(cluster, 1)
    served([running], issued)
    running.drain()
    assert running.child.wait() == 0
    running.write({**running.configuration, "certificates": {"directory": None, "etcd": {}},
                   "etcd": cluster.settings(encryption_keys=str(encryption_keys))})
    running.start()
    # What it has kept goes on, and what anybody may have written is refused.
    refused(running, PREFIX + "main", "not encrypted")
    assert serial(running) == issued.serial
    cluster.publish("forged", forged)
    refused(running, PREFIX + "forged", "not encrypted")
    assert serial(running) == issued.serial
    cluster.delete(PREFIX + "forged")
    code, _, problem = commands(running)("rekey")
    assert code == 0, problem
    eventually(lambda: not status(running)["certificates"]["refused"], "nothing is refused any more")
    assert serial(running) == issued.serial


def key_bytes(issued):
    """Lines of the key in PEM, and its private number in hexadecimal."""
    lines = [line for line in issued.key.read_text().splitlines() if not line.startswith("-----")]
    digits = openssl("pkey", "-in", issued.key, "-noout", "-text").split("priv:")[1].split("pub:")[0]
    return [*lines, "".join(digits.split()).replace(":", "")[-32:]]


def test_no_private_key_is_in_a_log_or_a_status_or_a_file_of_others(fleet, etcd, authority, commands):
    cluster = etcd()
    issued, torn = authority.issue("*.example.test"), authority.issue("*.example.test")
    cluster.publish("main", issued)
    (running,) = fleet(cluster, 1, tls={"tickets": "etcd"})
    served([running], issued)
    cluster.put(PREFIX + "torn", torn.key.read_bytes() + torn.chain.read_bytes()[:-40])
    refused(running, PREFIX + "torn", "not whole")
    cert = commands(running)
    secrets = key_bytes(issued) + key_bytes(torn)
    for text in (running.child.text, str(status(running)), *cert("list")[1:], *cert("show", "main")[1:]):
        assert not [secret for secret in secrets if secret in text]
    state = running.directory / "state"
    kept = [file for file in state.rglob("*") if file.is_file()]
    holding = [file for file in kept if secrets[0].encode() in file.read_bytes()]
    assert holding, "the copy on disk holds the certificate"
    for file in kept:
        if file.name == "ticket-keys" or file in holding:
            assert file.stat().st_mode & 0o777 == 0o600, file
    assert (state / "certificates").stat().st_mode & 0o077 == 0
