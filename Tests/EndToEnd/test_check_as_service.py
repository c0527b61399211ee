"""--check-config sees what the service will see: its user's permissions, and what its unit hides."""

import json
import os
import re
import socket
import subprocess

import pytest

from support import REPOSITORY
from support.edge import binary, install

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can look with another user's eyes")

# A user of every Debian, who owns nothing.
SOMEBODY = "nobody"


def check(file, *words, prefix=()):
    """The exit status, and what is said about each line."""
    done = subprocess.run(
        [*prefix, binary(), "--check-config", str(file), *words], capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def place(directory, wildcard):
    """A directory that everybody may enter, with a certificate that everybody may read."""
    for folder in [directory, *directory.parents][:-2]:
        folder.chmod(folder.stat().st_mode | 0o055)
    install(wildcard, directory / "certificates/wildcard")
    for path in [directory / "certificates", *(directory / "certificates").rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    (directory / "log").mkdir(mode=0o777)
    (directory / "log").chmod(0o777)
    return directory


def configure(place, **more):
    text = {
        "state": "/var/lib/edgeproxy", "certificates": f"{{ directory: {place}/certificates }}",
        "log": f"{{ access: {place}/log/access.log }}", "listen": "{ admin: off }",
        "upstreams": '{ app: { nodes: ["unix:@app"] } }',
        "routes": '[{ host: "*.example.test", upstream: app }]', **more}
    file = place / "edge.yaml"
    file.write_text("".join(f"{key}: {value}\n" for key, value in text.items()))
    return file


def refused(output):
    return [line for line in output.splitlines() if "Permission denied (EACCES)" in line]


def test_what_the_user_may_read_is_fine(place):
    code, output = check(configure(place), "--as", SOMEBODY)
    assert (code, refused(output)) == (0, []), output


def test_a_key_of_root_is_named_with_owner_mode_and_what_to_do(place):
    key = place / "certificates/wildcard/privkey.pem"
    key.chmod(0o600)
    code, output = check(configure(place), "--as", SOMEBODY)
    assert code == 1
    [line] = refused(output)
    assert f"'{key}' cannot be read by user 'nobody'" in line
    assert "(root:root, mode 0600)" in line
    assert f"chmod g+r {key}" in line
    assert re.search(r"edge\.yaml:2:28: ", line)
    # The name is covered by what cannot be read, so nothing more is said of it.
    assert "no certificate covers" not in output
    assert check(configure(place), "--as", "root")[0] == 0


def test_the_component_that_refuses_is_named(place):
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    (place / "certificates").rename(closed / "certificates")
    code, output = check(configure(place, certificates=f"{{ directory: {closed}/certificates }}"), "--as", SOMEBODY)
    assert code == 1
    [line] = refused(output)
    assert f"at '{closed}' (root:root, mode 0700)" in line
    assert f"setfacl -m u:nobody:x {closed}" in line


def test_a_socket_that_only_its_owner_may_use_is_an_error(place):
    path = place / "app.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0o600)
        file = configure(place, upstreams=f'{{ app: {{ nodes: ["unix:{path}"] }} }}')
        code, output = check(file, "--as", SOMEBODY)
        assert code == 1
        [line] = refused(output)
        assert f"'{path}' cannot be connected to by user 'nobody'" in line
        assert "chmod-socket" in line
        path.chmod(0o666)
        assert refused(check(file, "--as", SOMEBODY)[1]) == []


def test_a_log_that_root_made_is_an_error(place):
    (place / "log/access.log").touch(mode=0o640)
    code, output = check(configure(place), "--as", SOMEBODY)
    assert code == 1
    [line] = refused(output)
    assert f"chown nobody {place}/log/access.log" in line


def test_files_roots_pages_and_keys_are_looked_at_too(place):
    for name in ("site", "page.html", "subscription-keys"):
        path = place / name
        path.mkdir() if "." not in name else path.touch()
        path.chmod(0o700)
    file = configure(
        place, error_pages=f"{{ 503: {place}/page.html }}",
        subscriptions=f"{{ listen: 127.0.0.1:7000, signing_keys: {place}/subscription-keys }}",
        routes=f'[{{ host: "*.example.test", files: {place}/site }}]')
    code, output = check(file, "--as", SOMEBODY)
    assert code == 1
    assert len(refused(output)) == 3, output


def records(place):
    """A provider's section whose program, variables and secrets only root can use."""
    for name in ("hook", "hook.env"):
        (place / name).touch()
        (place / name).chmod(0o700)
    return (f"{{ provider: exec, zone: example.test, names: [www], command: {place}/hook,"
            f" environment_file: {place}/hook.env }}")


def test_the_program_of_a_provider_and_its_variables_are_looked_at_too(place):
    file = configure(place, public="[203.0.113.1]", records=records(place))
    code, output = check(file, "--as", SOMEBODY)
    assert (code, len(refused(output))) == (1, 2), output
    assert f"'{place}/hook' cannot be run by user 'nobody'" in output
    assert f"'{place}/hook.env' cannot be read by user 'nobody'" in output
    (place / "hook").chmod(0o755)
    (place / "hook.env").chmod(0o644)
    code, output = check(file, "--as", SOMEBODY)
    assert (code, refused(output)) == (0, []), output


def test_a_configuration_that_the_user_cannot_read_is_an_error(place):
    file = configure(place)
    file.chmod(0o600)
    code, output = check(file, "--as", SOMEBODY)
    assert code == 1
    [line] = refused(output)
    assert line.startswith(f"{file}:1:1: '{file}' cannot be read by user 'nobody'")


def test_a_user_that_is_not_there_is_wrong_usage(place):
    code, output = check(configure(place), "--as", "nobody-of-this-name")
    assert code == 64
    assert "no user 'nobody-of-this-name'" in output


def under_a_unit(unit, *command):
    """Words that run a command on a machine that has this unit; seen by nobody else."""
    script = (
        f'mount -t tmpfs none /run && mkdir -p /run/systemd/system && cp "{unit}" /run/systemd/system/edgeproxy.service'
        ' && exec "$@"')
    return ["unshare", "--mount", "sh", "-c", script, "sh", *command]


def can_mount():
    return subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/run"], capture_output=True).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="mount namespaces are needed")
def test_the_installed_unit_says_whose_eyes_and_what_is_hidden(place):
    unit = place / "edgeproxy.service"
    shipped = (REPOSITORY / "conf/systemd/edgeproxy.service").read_text()
    unit.write_text(
        shipped.replace("User=edgeproxy", f"User={SOMEBODY}").replace("Group=edgeproxy", "Group=nogroup")
        .replace("PrivateTmp=true", "PrivateTmp=no"))
    (place / "certificates/wildcard/privkey.pem").chmod(0o600)
    file = configure(place, log="{ access: off }")
    code, output = check(file, prefix=under_a_unit(unit))
    assert (code, len(refused(output))) == (1, 1), output
    assert "user 'nobody'" in output
    unit.write_text(unit.read_text().replace("PrivateTmp=no", "PrivateTmp=true"))
    code, output = check(file, prefix=under_a_unit(unit))
    assert code == 1
    assert f"the service does not see '{place}/certificates'" in output
    assert "PrivateTmp=true in its unit" in output


@pytest.mark.skipif(not can_mount(), reason="mount namespaces are needed")
def test_the_unit_that_is_shipped_may_have_the_port_of_dns_and_one_without_the_capability_may_not(place):
    unit = place / "edgeproxy.service"
    shipped = (REPOSITORY / "conf/systemd/edgeproxy.service").read_text()
    unit.write_text(
        shipped.replace("User=edgeproxy", f"User={SOMEBODY}").replace("Group=edgeproxy", "Group=nogroup")
        .replace("PrivateTmp=true", "PrivateTmp=no"))
    file = configure(
        place, log="{ access: off }", listen='{ admin: off, https: ["127.0.0.1:8443"], http: [] }',
        public="[203.0.113.1]", dns="{ zone: fleet.example.test, servers: [203.0.113.1] }")
    code, output = check(file, prefix=under_a_unit(unit))
    assert (code, "EACCES" in output) == (0, False), output
    unit.write_text(unit.read_text().replace("CAP_NET_BIND_SERVICE", ""))
    code, output = check(file, prefix=under_a_unit(unit))
    assert code == 1
    assert "user 'nobody' cannot listen on '203.0.113.1:53': Permission denied (EACCES) below port 1024" in output


@pytest.mark.skipif(not can_mount(), reason="mount namespaces are needed")
def test_another_user_is_told_what_was_not_looked_at(place):
    unit = place / "edgeproxy.service"
    unit.write_text("[Service]\nUser=daemon\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n")
    (place / "certificates/wildcard/privkey.pem").chmod(0o600)
    prefix = under_a_unit(unit, "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
    code, output = check(configure(place), prefix=prefix)
    assert code == 0, output
    assert "note: looked as user 'nobody'" in output
    assert ": note: " in refused(output)[0]
    assert "was not looked at" in refused(output)[0]


def test_the_ports_of_the_running_server_are_no_news_and_those_of_others_are(edge):
    running = edge({"app": ["unix:@nothing-here"]})
    code, output = check(running.file, "--live", "--as", "root")
    assert "is in use" not in output, output
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        other = running.file.with_name("other.yaml")
        listen = {**running.configuration["listen"], "http": [address]}
        other.write_text(json.dumps({**running.configuration, "listen": listen}))
        code, output = check(other, "--live", "--as", "root")
        assert f"'{address}' is in use by '" in output and f"(process {os.getpid()})" in output, output
        assert output.count("is in use") == 1, output


def test_another_server_at_the_same_ports_is_another(edge):
    running = edge({"app": ["unix:@nothing-here"]})
    other = running.file.with_name("other.yaml")
    listen = {**running.configuration["listen"], "admin": f"unix:{running.directory}/other.sock"}
    with socket.socket(socket.AF_UNIX) as admin:
        admin.bind(f"{running.directory}/other.sock")
        admin.listen()
        other.write_text(json.dumps({**running.configuration, "listen": listen}))
        code, output = check(other, "--live", "--as", "root")
    assert output.count("is in use by another 'edgeproxy'") == 2, output
