"""`edgeproxy import-nginx` and `import-apache`: real servers and ours are asked the same."""

import json
import re
import socket
import subprocess

import pytest

from support import REPOSITORY
from support.edge import Edge, binary, check, install
from support.imports import Surroundings, ask, facts, sites, start_apache, start_nginx
from support.pages import blocks
from support.processes import eventually

LAYOUT = "/etc/edgeproxy/certificates"
NAMES = ["example.test", "*.example.test", "*.shop.example.test"]


def imported(language, *files, expected=0):
    done = subprocess.run([binary(), f"import-{language}", *map(str, files)], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == expected, done.stderr + done.stdout
    return done.stdout if expected == 0 else done.stderr


class Imported(Edge):
    """A proxy with an imported configuration, of which only the places are the test's. It is started once its
    certificates are there."""

    text = ""
    may_start = False

    def write(self, configuration):
        sections = re.split(r"^(?=\w+:)", self.text, flags=re.MULTILINE)
        kept = [each for each in sections if not re.match(r"(listen|log|certificates|state):", each)]
        own = {
            "listen": {"https": [f"127.0.0.1:{self.port}"], "http": [f"127.0.0.1:{self.http_port}"],
                       "admin": f"unix:{self.admin}"},
            "state": str(self.directory / "state"),
            "certificates": {"directory": str(self.certificates)},
            "log": {"access": str(self.access_log)},
        }
        lines = [f"{key}: {json.dumps(value)}\n" for key, value in own.items()]
        self.file.write_text("".join(kept) + "".join(lines))

    def start(self, wait=True):
        return super().start(wait) if self.may_start else self

    def install(self, issued):
        """Runs the commands that the comments have; a site without TLS has none."""
        commands = [line[1:].strip() for line in self.text.splitlines() if line.startswith("#   install ")]
        for command in commands:
            # The group is made by the package.
            here = command.replace("-g edgeproxy ", "").replace(LAYOUT, str(self.certificates))
            subprocess.run(here, shell=True, check=True)
        if not commands:
            install(issued, self.certificates / "default")
        self.may_start = True

    @classmethod
    def of(cls, text, directory, authority):
        return type("Made", (cls,), {"text": text})(directory, authority, {}, workers=1)


@pytest.fixture
def around(directory, authority, ending):
    made = Surroundings(directory, authority.issue(*NAMES), authority)
    ending.append(made)
    return made


@pytest.mark.parametrize("site", sites(), ids=str)
def test_the_other_server_and_ours_answer_the_same(site, around, authority, directory, ending):
    around.prepare(site)
    child, main = (start_nginx if site.language == "nginx" else start_apache)(site, around)
    ending.append(child)
    theirs = {"http": around.http, "https": around.https}
    asked = {question.parts.scheme for question in site.questions}
    text = imported(site.language, main)
    running = Imported.of(text, directory / "edge", authority)
    # Before the certificates are in their place nothing else is wrong.
    status, said = check(running.file)
    wrong = [line for line in said.splitlines()[:-1] if ": warning: " not in line and ": note: " not in line]
    assert wrong and all(re.search(r"no (usable )?certificate", line) for line in wrong), f"{said}\n{text}"
    assert status == 1
    running.install(around.issued)
    status, said = check(running.file)
    assert status == 0, f"{said}\n{text}"
    ending.append(running)
    running.start()
    ours = {"http": running.http_port, "https": running.port}
    for scheme in asked:
        eventually(lambda scheme=scheme: answers(theirs[scheme]), f"{site}\n{child.text}")
    for question in site.questions:
        there = facts(question, ask(question, theirs, authority), theirs)
        here = facts(question, ask(question, ours, authority), ours)
        found = {name: (there.get(name, "-"), here.get(name, "-"))
                 for name in there.keys() | here.keys() if there.get(name) != here.get(name)}
        for name, expected in question.differences.items():
            assert found.get(name) == expected, f"{question}: {name} is {found.get(name)}\n{text}"
            del found[name]
        if "status" in question.differences:
            # What follows from another status is not compared.
            continue
        assert not found, f"{question}: {found}\n{text}\n{child.text[-2000:]}"


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


@pytest.fixture(scope="module")
def page():
    """The two files of the example in docs/import.md: nginx's and ours."""
    found = blocks((REPOSITORY / "docs/import.md").read_text())
    return [next(each.text for each in found if each.language == language) for language in ("nginx", "yaml")]


def test_the_example_of_the_page_is_what_the_command_prints(page, directory):
    file = directory / "shop.conf"
    file.write_text(page[0])
    assert imported("nginx", file) == page[1].replace("/etc/nginx/sites-enabled", str(directory))


def test_what_cannot_be_read_is_told_with_its_place_and_nothing_is_printed(directory):
    file = directory / "site.conf"
    file.write_text("server {\n  listen 80;\n  include missing.conf;\n")
    done = subprocess.run([binary(), "import-nginx", file], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{file}:3:3: '{directory}/missing.conf' cannot be read: No such file or directory\n" in done.stderr
    assert f"{file}:1:1: '{{' is never closed by '}}'\n" in done.stderr
    assert "is a directory" in imported("apache", directory, expected=1).lower()


def test_a_restriction_that_is_not_in_the_result_is_told_beside_it(directory):
    file = directory / "site.conf"
    file.write_text("server { listen 443 ssl; server_name a.example; root /srv; location ~ x$ { deny all; } }\n")
    done = subprocess.run([binary(), "import-nginx", file], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert done.stderr.startswith(f"{file}:1:60: warning: location ~ x$: ")


def test_included_names_are_looked_up_where_the_option_says(directory):
    (directory / "there").mkdir()
    (directory / "there" / "b.conf").write_text("server { listen 443 ssl; server_name b.example; root /srv; }\n")
    file = directory / "main.conf"
    file.write_text("include b.conf;\n")
    assert "host: b.example" in imported("nginx", file, "--root", directory / "there")
    assert "b.conf' cannot be read" in imported("nginx", file, expected=1)
