"""Who may use a site: docs/access.md as it stands, and what attackers try."""

import base64
import os
import pathlib
import pty
import re
import subprocess
import threading

import pytest
import yaml

from support import REPOSITORY
from support.edge import binary, check
from support.processes import Child, eventually

PAGE = (REPOSITORY / "docs/access.md").read_text()


def example(heading):
    """The configuration that the page shows under a heading."""
    part = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)[1]
    return yaml.safe_load(re.search(r"```yaml\n(.*?)```", part, re.DOTALL)[1])


def shown(heading, nodes, replaced=None):
    """The same for names of the tests' certificate, with nodes of the tests for the upstreams that it names."""
    configuration = example(heading)
    for name, node in nodes.items():
        configuration["upstreams"][name]["nodes"] = [node.address]
    for route in configuration["routes"]:
        route["host"] = "app1.example.test"
    configuration.update(replaced or {})
    return configuration


def noted(running):
    """Users and causes in the access log; the workers write their lines in no order."""
    running.drain()
    running.child.wait()
    return {(entry.get("user"), entry.get("cause")) for entry in running.access_entries()}


@pytest.mark.parametrize("client, statuses", [
    ("198.51.100.1", (200, 403)), ("10.1.2.3", (200, 200)), ("10.9.1.1", (200, 403)), ("192.0.2.66", (403, 403)),
    ("2001:db8::1", (200, 200)), ("::ffff:10.1.2.3", (200, 200))])
def test_the_example_of_addresses_does_what_the_page_says(edge, scripted, client, statuses):
    configuration = shown("By address", {"app": scripted()}, {"trusted": ["127.0.0.1"]})
    running = edge(configuration.pop("upstreams"), **configuration)
    asked = [running.request(path=path, headers=[("X-Forwarded-For", client)]) for path in ("/", "/admin/users")]
    assert tuple(answer.status for answer in asked) == statuses


# By name and password


def basic(user, password):
    return [("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())]


def htpasswd(file, user, password, *options):
    subprocess.run(["htpasswd", "-bB", *options, *([] if file.exists() else ["-c"]), file, user, password], check=True,
                   capture_output=True)


@pytest.fixture
def users(directory):
    """A file of real htpasswd with alice and bob."""
    file = directory / "users"
    for user in ("alice", "bob"):
        htpasswd(file, user, f"{user}'s", "-C", "4")
    file.chmod(0o600)
    return file


def test_the_example_of_passwords_does_what_the_page_says(edge, scripted, users):
    peer = scripted()
    configuration = shown("By name and password", {"app": peer})
    configuration["routes"][0]["basic_auth"]["file"] = str(users)
    running = edge(configuration.pop("upstreams"), **configuration)
    refused = running.request()
    assert refused.status == 401
    assert refused.get("WWW-Authenticate") == 'Basic realm="Staging", charset="UTF-8"'
    assert running.request(headers=basic("alice", "wrong")).status == 401
    forged = [("Remote-User", "bob"), ("REMOTE_USER", "bob"), ("X-Remote-User", "bob")]
    assert running.request(headers=basic("alice", "alice's") + forged).status == 200
    told, = (request.environ for request in peer.requests)
    assert (told["REMOTE_USER"], told["HTTP_REMOTE_USER"]) == ("alice", "alice")
    assert told["HTTP_AUTHORIZATION"].startswith("Basic ")
    assert noted(running) == {(None, "password-missing"), (None, "password-wrong"), ("alice", None)}
    assert "alice's" not in running.child.text


def test_a_changed_file_of_users_counts_without_a_reload(edge, users):
    running = edge({}, routes=[
        {"host": "app1.example.test", "respond": {"body": "in"}, "basic_auth": {"file": str(users)}}])
    assert running.request(headers=basic("carol", "carol's")).status == 401
    htpasswd(users, "carol", "carol's", "-C", "4")
    eventually(lambda: running.request(headers=basic("carol", "carol's")).status == 200, "carol is let in")
    subprocess.run(["htpasswd", "-D", users, "alice"], check=True, capture_output=True)
    eventually(lambda: running.request(headers=basic("alice", "alice's")).status == 401, "alice is kept out")
    users.write_text("bob:plain\n")
    eventually(lambda: "line 1" in running.child.text, "the log tells of the mistake")
    assert running.request(headers=basic("bob", "bob's")).status == 200


@pytest.mark.parametrize("options, words", [
    (["-m"], "line 1: the password of 'bob' is hashed with MD5"), (["-s"], "SHA-1"), (["-d"], "DES"),
    (["-p"], "is no hash of a password")])
def test_other_schemes_are_refused_with_their_line_and_what_to_do(directory, options, words):
    file = directory / "users"
    subprocess.run(["htpasswd", "-bc", *options, file, "bob", "bob's"], check=True, capture_output=True)
    configuration = directory / "edge.yaml"
    configuration.write_text(f"""
state: {directory}
certificates: {{ directory: {directory} }}
routes: [{{ host: app.example.org, respond: {{}}, basic_auth: {{ file: {file} }} }}]
""")
    status, output = check(configuration)
    assert status != 0 and words in output and "htpasswd -B" in output
    assert "4:" in output.split(words)[0].split("\n")[-1]
    assert "bob's" not in output


def test_the_program_makes_a_line_that_it_takes(edge, directory):
    made = subprocess.run([binary(), "password", "alice", "--cost", "4"], input="se cret\n", text=True, check=True,
                          capture_output=True).stdout
    (directory / "users").write_text(made)
    running = edge({}, routes=[{"host": "app1.example.test", "respond": {"body": "in"},
                                "basic_auth": {"file": str(directory / "users")}}])
    assert running.request(headers=basic("alice", "se cret")).status == 200
    assert subprocess.run(["htpasswd", "-vb", directory / "users", "alice", "se cret"], check=False).returncode == 0


def test_the_program_asks_at_a_terminal_without_showing_the_password():
    ours, theirs = pty.openpty()
    child = subprocess.Popen([binary(), "password", "alice", "--cost", "4"], stdin=theirs, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
    for question in ("Password: ", "Again: "):
        assert child.stderr.read(len(question)) == question
        os.write(ours, b"secret\n")
        assert child.stderr.read(1) == "\n"
    made, _ = child.communicate()
    assert child.returncode == 0 and made.startswith("alice:$2y$04$")
    os.set_blocking(ours, False)
    with pytest.raises(BlockingIOError):
        assert b"secret" not in os.read(ours, 1000)
        os.read(ours, 1000)
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize("text", ["", "\n", "a" * 73, "a\tb\n"])
def test_the_program_refuses_what_is_no_password(text):
    made = subprocess.run([binary(), "password", "alice"], input=text, text=True, capture_output=True, check=False)
    assert made.returncode != 0 and made.stdout == "" and "password" in made.stderr


def test_a_flood_of_wrong_passwords_keeps_no_user_out(edge, directory):
    file = directory / "users"
    for user in ("alice", "bob"):
        htpasswd(file, user, f"{user}'s", "-C", "10")
    running = edge({}, trusted=["127.0.0.1"], routes=[
        {"host": "app1.example.test", "respond": {"body": "in"}, "basic_auth": {"file": str(file)}}])
    assert running.request(headers=basic("alice", "alice's")).status == 200
    over, statuses = threading.Event(), []

    def guess(number):
        with running.client() as client:
            count = 0
            while not over.is_set():
                count += 1
                password = basic("alice", f"{number}-{count}")
                statuses.append(client.request(headers=[*password, ("X-Forwarded-For", "192.0.2.66")]).status)

    guessing = [threading.Thread(target=guess, args=(number,)) for number in range(20)]
    for thread in guessing:
        thread.start()
    try:
        eventually(lambda: 429 in statuses, "the one who guesses is told to stop")
        # One who is known, and one who comes for the first time.
        assert [running.request(headers=basic("alice", "alice's")).status for _ in range(20)] == [200] * 20
        assert running.request(headers=[*basic("bob", "bob's"), ("X-Forwarded-For", "198.51.100.9")]).status == 200
    finally:
        over.set()
        for thread in guessing:
            thread.join()
    assert set(statuses) <= {401, 429}


# By another application

AUTHENTICATOR = pathlib.Path(__file__).parent / "applications/authenticator.py"


class Authenticator:
    """A small real one: Flask, over HTTP."""

    def __init__(self, directory):
        self.file = directory / "asked"
        self.file.touch()
        self.child = Child(["/usr/bin/python3", AUTHENTICATOR, self.file])
        self.address = "127.0.0.1:" + eventually(lambda: self.asked(0), "it says its port")[0]

    def asked(self, since=1):
        return self.file.read_text().split("\n")[since:-1]

    def end(self):
        self.child.end()


@pytest.fixture
def authenticator(directory, ending):
    made = Authenticator(directory)
    ending.append(made)
    return made


def guarded(edge, scripted, authenticator, **more):
    peer = scripted()
    configuration = shown("By another application", {"app": peer, "auth": authenticator}, more)
    return edge(configuration.pop("upstreams"), **configuration), peer


def test_the_example_of_an_authenticator_does_what_the_page_says(edge, scripted, authenticator):
    running, peer = guarded(edge, scripted, authenticator)
    refused = running.request(path="/cart?item=1", headers=[("Remote-User", "admin")])
    assert (refused.status, refused.get("Location")) == (
        302, "https://login.example.test/?rd=https://app1.example.test/cart?item=1&method=GET")
    assert refused.get_all("Set-Cookie") == ["state=1; Path=/", "seen=yes; Path=/"]
    assert b"log in" in refused.body
    names = ("Remote-User", "Remote_User", "REMOTE-USER", "Remote-Groups", "remote.groups")
    forged = [(name, "admin") for name in names]
    posted = running.request("POST", "/cart", headers=[("Cookie", "session=alice"), *forged], body=b"x" * 100_000)
    assert posted.status == 200
    request, = peer.requests
    assert (request.environ["REMOTE_USER"], request.environ["HTTP_REMOTE_USER"]) == ("alice", "alice")
    assert request.environ["HTTP_REMOTE_GROUPS"] == "staff"
    assert "admin" not in str(request.environ)
    assert len(request.body) == 100_000
    assert authenticator.asked() == ["GET /cart?item=1 None 0", "POST /cart None 0"]
    assert noted(running) == {(None, "authenticator-refused"), ("alice", None)}


def test_nobody_is_let_in_when_the_authenticator_ends(edge, scripted, authenticator):
    configuration = shown("By another application", {"app": scripted(), "auth": authenticator})
    configuration["upstreams"]["auth"]["hold"] = "0s"
    running = edge(configuration.pop("upstreams"), **configuration)
    cookie = [("Cookie", "session=alice")]
    assert running.request(headers=cookie).status == 200
    authenticator.end()
    assert running.request(headers=cookie).status in (502, 503)
