"""The package on a bare machine: installed, upgraded, removed, purged; and what it brings."""

import json
import re
import shutil
import subprocess

import pytest

from support import REPOSITORY
from support.client import Client
from support.edge import binary
from support.installed import CONFIGURATION, FOR_THE_SERVICE, renumbered
from support.machine import Machine, needs_a_machine
from support.processes import eventually

FOUND = ["find", "/etc", "/usr", "/var", "/run", "-xdev", "-name", "*edgeproxy*", "-print"]


@pytest.fixture
def machine(directory, ending):
    """Bare: systemd runs, and nothing is installed."""
    booted = Machine(directory, "true", {})
    ending.append(booted)
    booted.wait_for_unit("multi-user.target")
    return booted


def install(machine, package):
    return machine.run("sh", "-c", f"dpkg --install --force-unsafe-io --force-confold {package} 2>&1")


def health(machine):
    with machine.network(), Client(80, "localhost") as client:
        answer = client.request(path="/healthz")
        return answer.status, answer.body.decode().strip()


def version(machine):
    return machine.run("dpkg-query", "--show", "--showformat", "${Version}", "edgeproxy")


@pytest.fixture(scope="module")
def extracted(package, tmp_path_factory):
    root = tmp_path_factory.mktemp("extracted") / "root"
    subprocess.run(["dpkg-deb", "--raw-extract", package, root], check=True)
    return root


@pytest.mark.skipif(not shutil.which("lintian"), reason="lintian is not installed")
def test_lintian_has_nothing_to_say(package):
    if "libswift" in subprocess.check_output(["ldd", binary()], text=True):
        pytest.skip("the binary has the path of Swift's libraries in it; a release has not")
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", package], capture_output=True,
                          text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_program_package_and_changelog_have_one_version(package):
    said = subprocess.check_output([binary(), "--version"], text=True).strip()
    number = subprocess.check_output(["dpkg-deb", "--field", package, "Version"], text=True).strip()
    heading = re.search(r"^## (\S+),", (REPOSITORY / "CHANGELOG.md").read_text(), re.M)[1]
    assert said == f"edgeproxy {number}" == f"edgeproxy {heading}"


@pytest.mark.skipif(not shutil.which("man"), reason="man is not installed")
@pytest.mark.parametrize("page, words", [
    ("man8/edgeproxy.8", ["edgeproxy cert put", "--check-config", "edgeproxy drain", "/etc/edgeproxy/edgeproxy.yaml"]),
    ("man5/edgeproxy.yaml.5", ["listen.https", "routes[].host", "upstreams.NAME.timeouts.connect", "Default: 3s."]),
])
def test_the_manual_pages_are_formatted_without_a_warning(extracted, page, words):
    done = subprocess.run(
        ["man", "--warnings=w", "--local-file", extracted / f"usr/share/man/{page}.gz"], capture_output=True,
        text=True, env={"MANWIDTH": "200", "LC_ALL": "C.UTF-8", "MAN_KEEP_FORMATTING": "", "PATH": "/usr/bin:/bin"})
    assert (done.returncode, done.stderr) == (0, "")
    for word in words:
        assert word in done.stdout, word


def test_bash_completes_the_commands(extracted):
    script = extracted / "usr/share/bash-completion/completions/edgeproxy"
    said = subprocess.check_output(["bash", "-c", f"source {script} && complete -p edgeproxy"], text=True)
    function = re.search(r"-F (\S+)", said)[1]
    completed = subprocess.check_output(
        ["bash", "-c", f"source {script}; COMP_WORDS=(edgeproxy re); COMP_CWORD=1; {function} edgeproxy re edgeproxy;"
                       " echo ${COMPREPLY[@]}"], text=True)
    assert "reload" in completed.split()


def test_the_hooks_for_records_can_be_run_where_they_lie(extracted):
    for name in ("lexicon", "acme.sh"):
        hook = extracted / "usr/share/edgeproxy/hooks" / name
        assert f"/usr/share/edgeproxy/hooks/{name}" in hook.read_text()
        done = subprocess.run([hook], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
        assert done.returncode == 1 and done.stderr.startswith("usage: "), done.stderr


def test_the_alerts_and_the_dashboard_are_in_the_package(extracted):
    place = extracted / "usr/share/edgeproxy"
    subprocess.run(["promtool", "check", "rules", place / "alerts.yml"], check=True, capture_output=True)
    board = json.loads((place / "grafana/edgeproxy.json").read_text())
    assert board["title"] == "EdgeProxy"


@needs_a_machine
def test_a_fresh_installation_runs_answers_healthz_and_says_what_to_do_next(machine, package, authority):
    said = install(machine, package)
    assert f"what to do next is in {CONFIGURATION}" in said
    assert "What to do next" in machine.path(CONFIGURATION).read_text()
    machine.wait_for_unit("edgeproxy.service")
    assert machine.run("systemctl", "is-enabled", "edgeproxy").strip() == "enabled"
    assert eventually(lambda: health(machine), "an answer") == (503, "no-certificate")
    # Its first advice, followed.
    issued = authority.issue("*.example.org")
    for source, name in ((issued.chain, "fullchain.pem"), (issued.key, "privkey.pem")):
        machine.run(*FOR_THE_SERVICE, source, f"/etc/edgeproxy/certificates/example.org/{name}")
    eventually(lambda: health(machine)[0] == 200, "a server that can serve")
    assert machine.run("edgeproxy", "--check-config").splitlines()[-1] == "ok"
    with machine.network(), Client(443, "app.example.org", authority) as client:
        assert b"EdgeProxy is installed" in client.request().body


@needs_a_machine
def test_the_service_reads_its_configuration_and_cannot_change_it(machine, package):
    install(machine, package)
    for place, wanted in (("/etc/edgeproxy", "root edgeproxy 750"), (CONFIGURATION, "root edgeproxy 640"),
                          ("/etc/edgeproxy/certificates", "root edgeproxy 750"),
                          ("/var/lib/edgeproxy", "edgeproxy edgeproxy 700"),
                          ("/var/log/edgeproxy", "edgeproxy edgeproxy 750")):
        assert machine.run("stat", "--format", "%U %G %a", place).strip() == wanted, place
        assert machine.run("runuser", "-u", "edgeproxy", "--", "test", "-r", place) == ""
    writable = machine.run("runuser", "-u", "edgeproxy", "--", "find", "/etc/edgeproxy", "-writable")
    assert writable == ""
    machine.run("systemctl", "restart", "edgeproxy")
    assert machine.run("stat", "--format", "%U %a", "/etc/edgeproxy").strip() == "root 750", "after a start, too"


@needs_a_machine
def test_an_upgrade_keeps_what_was_configured_and_runs_the_new_program(machine, package, directory):
    install(machine, package)
    before = machine.told("edgeproxy.service", "MainPID")
    file = machine.path(CONFIGURATION)
    file.write_text(file.read_text() + "# mine\n")
    install(machine, renumbered(package, directory, "99.0.0"))
    assert version(machine) == "99.0.0"
    machine.wait_for_unit("edgeproxy.service")
    assert machine.told("edgeproxy.service", "MainPID") != before
    assert file.read_text().endswith("# mine\n")
    assert machine.run("stat", "--format", "%U %G %a", CONFIGURATION).strip() == "root edgeproxy 640"
    assert eventually(lambda: health(machine), "an answer") == (503, "no-certificate")


@needs_a_machine
def test_a_unit_that_was_installed_by_hand_and_hides_the_package_s_is_named(machine, package):
    machine.path("/etc/systemd/system/edgeproxy.service").write_text("[Service]\nExecStart=/bin/true\n")
    assert "edgeproxy.service hides the unit of this package" in install(machine, package)


@needs_a_machine
def test_a_service_that_was_disabled_stays_so_through_an_upgrade(machine, package, directory):
    install(machine, package)
    machine.run("systemctl", "disable", "--now", "edgeproxy")
    install(machine, renumbered(package, directory, "99.0.0"))
    assert machine.run("systemctl", "is-enabled", "edgeproxy", check=False).strip() == "disabled"
    assert machine.told("edgeproxy.service", "ActiveState") == "inactive"


@needs_a_machine
def test_removing_keeps_the_configuration_and_purging_leaves_nothing(machine, package):
    before = set(machine.run(*FOUND).split())
    install(machine, package)
    machine.wait_for_unit("edgeproxy.service")
    machine.path("/etc/edgeproxy/certificates/own.pem").write_text("mine\n")
    drop_in = machine.path("/etc/systemd/system/edgeproxy.service.d/own.conf")
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\n")
    file = machine.path(CONFIGURATION)
    file.write_text(file.read_text() + "# mine\n")
    machine.run("dpkg", "--remove", "edgeproxy")
    assert machine.told("edgeproxy.service", "ActiveState") == "inactive"
    assert not machine.path("/usr/bin/edgeproxy").exists()
    assert file.read_text().endswith("# mine\n")

    install(machine, package)
    machine.wait_for_unit("edgeproxy.service")
    assert file.read_text().endswith("# mine\n")

    machine.run("dpkg", "--purge", "edgeproxy")
    assert set(machine.run(*FOUND).split()) == before
    for database in ("passwd", "group"):
        assert machine.run("getent", database, "edgeproxy", check=False) == ""
