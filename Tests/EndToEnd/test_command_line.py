"""The command line and what --check-config says."""

import subprocess

import pytest

from support.edge import binary, check, install

GOOD = """\
certificates: {{ directory: {directory}/certificates }}
upstreams:
  app:
    nodes: ["unix:{directory}/app.sock"]
routes:
  - {{ host: "*.example.test", upstream: app }}
"""


@pytest.fixture
def checked(directory, wildcard):
    """checked(text): writes edge.yaml beside a good certificate and checks it."""
    install(wildcard, directory / "certificates/wildcard")

    def run(text):
        (directory / "edge.yaml").write_text(text.format(directory=directory))
        return check(directory / "edge.yaml")

    return run


def test_a_good_file_is_ok_even_while_the_application_is_away(checked):
    status, output = checked(GOOD)
    assert status == 0, output
    assert output.splitlines()[-1] == "ok"


def test_every_mistake_is_reported_at_once_with_its_place_and_a_suggestion(checked):
    status, output = checked(GOOD + """\
  - { host: www.example.test, upstraem: app }
limits: { head: lots }
""".replace("{", "{{").replace("}", "}}"))
    assert status == 1
    lines = output.splitlines()
    assert any("edge.yaml:7:" in line and "upstraem" in line and "did you mean 'upstream'" in line for line in lines)
    assert any("edge.yaml:8:" in line and "'lots'" in line for line in lines), output
    assert lines[-1].endswith("errors")


def test_a_routed_host_without_certificate_is_named(checked):
    status, output = checked(GOOD + '  - {{ host: www.elsewhere.test, upstream: app }}\n')
    assert "www.elsewhere.test" in output, output


@pytest.mark.parametrize("key", ["peers: {}", "discovery: {}"])
def test_keys_that_are_not_there_yet_are_unknown(checked, key):
    status, output = checked(GOOD + key.replace("{}", "{{}}") + "\n")
    assert status == 1
    assert "unknown key" in output


def test_wrong_usage_exits_64():
    done = subprocess.run([binary(), "--no-such-option"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 64
    assert done.stderr
