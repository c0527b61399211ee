"""The configurations that the documents show are taken as they stand, on a server that has what they name."""

import re
import shutil

import pytest

from support import REPOSITORY
from support.edge import check, install

PAGES = [
    "README.md",
    "docs/one-server.md",
    "docs/from-nginx.md",
    "docs/acme.md",
    "docs/dns.md",
    "docs/stale.md",
    "docs/measuring.md",
    "docs/operating.md",
    "docs/access.md",
]
PLACES = ("/etc/edgeproxy", "/var/lib/acme", "/srv/shop/static", "/usr/local/bin", "/usr/share/edgeproxy/hooks")
# What a fleet has in its etcd is no matter of a file.
SHOWN = [(page, number, block) for page in PAGES
         for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", (REPOSITORY / page).read_text(), re.DOTALL), 1)
         if page not in ("docs/acme.md", "docs/dns.md") or "\netcd:" not in block]


@pytest.mark.parametrize("page, number, block", SHOWN, ids=lambda part: str(part) if len(str(part)) < 40 else "")
def test_a_configuration_that_is_shown_is_taken(directory, authority, page, number, block):
    text = block if "routes:" in block else block + "routes: [{ host: app.example.org, respond: {} }]\n"
    for place in PLACES:
        (directory / place.strip("/")).mkdir(parents=True, exist_ok=True)
        text = text.replace(place, str(directory / place.strip("/")))
    (directory / "etc/edgeproxy/503.html").write_text("<p>Back soon.</p>\n")
    for name in ("ca.pem", "clients.pem"):
        shutil.copy(authority.pem, directory / "etc/edgeproxy" / name)
    for name, mode in (("etc/edgeproxy/tsig.key", 0o600), ("etc/edgeproxy/zerossl.key", 0o600),
                       ("etc/edgeproxy/cloudns.password", 0o600), ("etc/edgeproxy/dns.env", 0o600),
                       ("usr/local/bin/dns-hook", 0o755), ("usr/share/edgeproxy/hooks/lexicon", 0o755)):
        (directory / name).write_text("ZWRnZXByb3h5LWVkZ2Vwcm94eS1lZGdlcHJveHk=\n")
        (directory / name).chmod(mode)
    (directory / "etc/edgeproxy/users").write_text("alice:$2y$04$sePuj7jyCJEUydOjtGgYEeC4Xje1TjPK17ZagC8rKuTQLoTTbwq/G\n")
    (directory / "etc/edgeproxy/users").chmod(0o600)
    names = [name for line in re.findall(r"host: (.*)", text) for name in re.findall(r"[*a-z.]*example\.org", line)]
    install(authority.issue(*dict.fromkeys(names)), directory / "etc/edgeproxy/certificates/shown")
    text += f"state: {directory}/state\ncertificates: {{ directory: {directory}/etc/edgeproxy/certificates }}\n"
    if "\nlog:" not in f"\n{text}":
        text += f"log: {{ access: {directory}/access.log }}\n"
    text = text.replace("/var/log/edgeproxy", str(directory))
    file = directory / "edgeproxy.yaml"
    file.write_text(text)
    status, output = check(file)
    assert (status, output.splitlines()[-1:]) == (0, ["ok"]), output


def test_every_page_shows_something():
    assert {page for page, _, _ in SHOWN} == set(PAGES)
