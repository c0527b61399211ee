"""The ready hooks for records: lexicon itself, and acme.sh's way to be called."""

import shutil
import subprocess

import pytest

from support import REPOSITORY
from support.powerdns import PowerDNS

LEXICON, ACMESH = REPOSITORY / "conf/hooks/lexicon", REPOSITORY / "conf/hooks/acme.sh"
ZONE = "shop.example.org"


def call(hook, *words, **environment):
    """As the server calls a hook: with PATH, its file's variables and the zone, and nothing else."""
    return subprocess.run(
        [hook, *words], capture_output=True, text=True, timeout=120,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "EDGEPROXY_ZONE": ZONE, **environment})


@pytest.fixture
def provider(ending):
    server = PowerDNS(ZONE, "s3cret")
    ending.append(server)
    return server


@pytest.fixture
def lexicon(provider, directory):
    if not shutil.which("lexicon"):
        pytest.skip("lexicon is not installed")

    def run(*words, **changes):
        # A proxy that is not there keeps lexicon from asking the Internet for the list of public suffixes.
        return call(LEXICON, *words, **{
            "LEXICON_PROVIDER": "powerdns", "LEXICON_POWERDNS_AUTH_TOKEN": provider.key,
            "LEXICON_POWERDNS_PDNS_SERVER": provider.url, "TLDEXTRACT_CACHE_PATH": str(directory / "suffixes"),
            "https_proxy": "http://127.0.0.1:1", "HOME": str(directory), **changes})
    return run


def test_lexicon_adds_and_removes_single_records_of_a_zone_below_another(lexicon, provider):
    wildcard, challenge = f"*.{ZONE}.", f"_acme-challenge.{ZONE}."
    records = [(wildcard, "A", "203.0.113.1"), (wildcard, "A", "203.0.113.2"), (f"{ZONE}.", "AAAA", "2001:db8::1"),
               (challenge, "TXT", '"-begins-with-a-dash"')]
    for name, kind, content in records:
        done = lexicon("add", name.rstrip("."), kind, content.strip('"'), "60")
        assert done.returncode == 0, done.stdout + done.stderr
    assert provider.records == set(records)
    for name, kind, content in records[1:]:
        done = lexicon("remove", name.rstrip("."), kind, content.strip('"'), "60")
        assert done.returncode == 0, done.stdout + done.stderr
    assert provider.records == set(records[:1])


def test_lexicon_says_why_it_failed(lexicon):
    done = lexicon("add", f"*.{ZONE}", "A", "203.0.113.1", "60", LEXICON_POWERDNS_AUTH_TOKEN="wrong")
    assert done.returncode != 0 and "401" in done.stderr.splitlines()[-1]
    done = lexicon("present", f"_acme-challenge.{ZONE}.", "value")
    assert done.returncode == 1 and "usage:" in done.stderr
    done = lexicon("add", f"*.{ZONE}", "A", "203.0.113.1", "60", LEXICON_PROVIDER="")
    assert done.returncode != 0 and "LEXICON_PROVIDER: is not in the environment file" in done.stderr


# What acme.sh does when a shell reads it: it runs its words, has functions for the scripts of dnsapi, and may keep keys.
ACME = """#!/usr/bin/env sh
_info() { echo "$@"; }
_err() { echo "$@" >&2; return 1; }
_saveaccountconf_mutable() { echo "$1=$2" >>"$RECORD/kept"; }
_readaccountconf_mutable() { cat "$RECORD/kept"; }
main() {
  [ -z "$1" ] && echo "showhelp" && return
  if [ "${1#-}" != "$1" ]; then echo "an option: $1" >&2; exit 9; else "$@"; fi
}
main "$@"
"""
SCRIPT = """#!/usr/bin/env sh
dns_test_add() {
  TEST_Key="${TEST_Key:-$(_readaccountconf_mutable TEST_Key)}"
  [ "$TEST_Key" = s3cret ] || { _err "You do not specify the key yet: $unset"; return 1; }
  _saveaccountconf_mutable TEST_Key "$TEST_Key"
  touch "$HTTP_HEADER" && _info "Adding"
  echo "add $1 $2" >>"$RECORD/calls"
}
dns_test_rm() { echo "rm $1 $2" >>"$RECORD/calls"; }
"""


@pytest.fixture
def acme(directory):
    home = directory / "acme"
    (home / "dnsapi").mkdir(parents=True)
    (home / "acme.sh").write_text(ACME)
    (home / "dnsapi/dns_test.sh").write_text(SCRIPT)
    (directory / "tmp").mkdir()

    def run(*words, **changes):
        return call(ACMESH, *words, **{
            "ACMESH_HOME": str(home), "ACMESH_DNSAPI": "dns_test", "TEST_Key": "s3cret", "RECORD": str(directory),
            "TMPDIR": str(directory / "tmp"), **changes})
    return run


def test_acme_sh_is_called_for_texts_in_both_forms_and_keeps_no_key(acme, directory):
    name = f"_acme-challenge.{ZONE}"
    for words in (("add", name, "TXT", "-one", "60"), ("remove", name, "TXT", "-one", "60"),
                  ("present", f"{name}.", "two"), ("cleanup", f"{name}.", "two")):
        done = acme(*words)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        assert "showhelp" not in done.stdout
    assert (directory / "calls").read_text().splitlines() == [
        f"add {name} -one", f"rm {name} -one", f"add {name} two", f"rm {name} two"]
    assert not (directory / "kept").exists() and not list((directory / "tmp").iterdir())


def test_acme_sh_says_why_it_failed(acme, directory):
    done = acme("add", f"_acme-challenge.{ZONE}", "TXT", "one", "60", TEST_Key="")
    assert done.returncode == 1 and "dns_test_add failed" in done.stderr.splitlines()[-1]
    done = acme("add", f"*.{ZONE}", "A", "203.0.113.1", "60")
    assert done.returncode == 1 and "keep TXT records alone" in done.stderr
    done = acme("present", "x", "y", ACMESH_DNSAPI="dns_none")
    assert done.returncode == 1 and "dns_none.sh cannot be read" in done.stderr
    done = acme("present", "x", "y", ACMESH_HOME="")
    assert done.returncode != 0 and "ACMESH_HOME: is not in the environment file" in done.stderr
    done = acme("present", "x")
    assert done.returncode == 1 and "usage:" in done.stderr
    assert not (directory / "calls").exists()
