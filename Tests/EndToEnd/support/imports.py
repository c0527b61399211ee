"""Sites of other servers, as the files in `imports` have them, and the real servers that run them.

A file is the other server's own configuration, with words such as @HTTPS@ for what a test makes. Lines that are
comments to the other server say what is asked:

    #+ www/a.css: text          a file that is there
    #? GET https://a.example.test/a.css Name:value     a question
    #! status 403 404 because …                        the one before is answered so there, and so here, and why
"""

import os
import pathlib
import re
import shlex
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urljoin, urlsplit

from . import REPOSITORY
from .apache import MODULES
from .client import Client, client_context
from .edge import reserve_port
from .processes import Child
from .uwsgi import ScriptedUWSGI, answer

PLACE = REPOSITORY / "Tests/EndToEnd/imports"
# What of an answer is compared, where it is none of the server's own pages of errors.
FIELDS = ["cache-control", "x-frame-options", "x-content-type-options", "referrer-policy", "content-security-policy",
          "set-cookie", "access-control-allow-origin", "x-served", "link"]


@dataclass
class Question:
    method: str
    url: str
    headers: list
    # What is answered otherwise on purpose: theirs, ours, and why.
    differences: dict = field(default_factory=dict)

    @property
    def parts(self):
        return urlsplit(self.url)

    def __str__(self):
        return f"{self.method} {self.url}"


class Site:
    """One file of `imports`."""

    def __init__(self, path):
        self.path, self.language = path, path.parent.name
        self.text = path.read_text()
        self.files, self.questions = {}, []
        for line in self.text.splitlines():
            mark, _, rest = line.strip().partition(" ")
            if mark == "#+":
                name, _, content = rest.partition(": ")
                self.files[name] = content
            elif mark == "#?":
                method, url, *headers = shlex.split(rest)
                self.questions.append(Question(method, url, [tuple(each.split(":", 1)) for each in headers]))
            elif mark == "#!":
                said, _, reason = rest.partition(" because ")
                name, theirs, ours = shlex.split(said)
                assert reason.strip(), f"{path}: {line} says no reason"
                self.questions[-1].differences[name] = (theirs, ours)

    def __str__(self):
        return f"{self.language}-{self.path.stem}"


def sites():
    return [Site(path) for path in sorted(PLACE.glob("*/*.conf"))]


class Application(BaseHTTPRequestHandler):
    """The application behind http, where the other server had PHP, Grafana or whatever: it says what it was asked."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        told = [f"{name}: {self.headers.get(name)}" for name in self.headers.get("X-Tell", "").split(",") if name]
        body = "\n".join([f"{self.server.name} {self.command} {self.path}", *told]).encode()
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        status = 200
        for number in (404, 500, 302, 401):
            status = number if f"/answer-{number}" in self.path else status
        authenticates = self.path.startswith("/check")
        if authenticates and "session" not in self.headers.get("Cookie", ""):
            status = 401
        self.send_response(status)
        if authenticates and status == 200:
            self.send_header("X-User", "alice")
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        if status == 302:
            self.send_header("Location", "/accounts/login/?next=/")
        if "/cookie" in self.path:
            self.send_header("Set-Cookie", "session=1; Path=/")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_GET

    def log_message(self, *_):
        pass


def serve(name):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Application)
    server.name, server.daemon_threads = name, True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def say(connection, request):
    """The application behind uwsgi."""
    told = request.environ
    status = "404 Not Found" if "/answer-404" in told.get("PATH_INFO", "") else "200 OK"
    cookie = ["Set-Cookie: session=1; Path=/"] if "/cookie" in told.get("PATH_INFO", "") else []
    body = (f"{told['REQUEST_METHOD']} {told.get('SCRIPT_NAME', '')}|{told.get('PATH_INFO', '')}"
            f"?{told.get('QUERY_STRING', '')} {told.get('HTTP_HOST')} {told.get('HTTPS')}")
    connection.sendall(answer(body.encode(), status, ["Content-Type: text/plain", *cookie]))


class Surroundings:
    """What a site needs: applications, files, a certificate, ports. `words` are in the place of @WORD@."""

    def __init__(self, directory, issued, authority):
        self.directory, self.issued, self.authority = directory, issued, authority
        # Workers of the other servers are other users.
        directory.chmod(0o755)
        self.holders = [reserve_port(), reserve_port()]
        self.http, self.https = (holder.getsockname()[1] for holder in self.holders)
        self.servers = [serve("first"), serve("second")]
        self.uwsgi = ScriptedUWSGI(say, directory)
        os.chmod(self.uwsgi.path, 0o666)
        self.uwsgi_port = ScriptedUWSGI(say)
        for name, source in (("fullchain.pem", issued.chain), ("privkey.pem", issued.key)):
            (directory / name).write_bytes(source.read_bytes())
        self.words = {
            "HTTP": f"127.0.0.1:{self.http}", "HTTPS": f"127.0.0.1:{self.https}", "DIR": directory,
            "APP": "127.0.0.1:%d" % self.servers[0].server_address[1],
            "SECOND": "127.0.0.1:%d" % self.servers[1].server_address[1],
            "SOCKET": self.uwsgi.path, "UWSGI": self.uwsgi_port.address,
            "CERTIFICATE": directory / "fullchain.pem", "KEY": directory / "privkey.pem",
        }

    def fill(self, text):
        return re.sub(r"@([A-Z]+)@", lambda found: str(self.words[found[1]]), text)

    def prepare(self, site):
        for name, content in site.files.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.fill(content) + "\n")

    def end(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()
        for each in (self.uwsgi, self.uwsgi_port):
            each.end()
        for holder in self.holders:
            holder.close()


def start_nginx(site, around):
    """nginx with a site, as Debian includes it; its main file is what is imported."""
    place = around.directory / "nginx"
    (place / "sites-enabled").mkdir(parents=True)
    (place / "sites-enabled" / site.path.name).write_text(around.fill(site.text))
    main = place / "nginx.conf"
    temporary = "\n".join(f"{kind}_temp_path {place}/{kind};" for kind in (
        "client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;" if os.geteuid() == 0 else ""
    main.write_text(f"""{user}
worker_processes 1;
pid {place}/nginx.pid;
error_log stderr;
events {{ worker_connections 64; }}
http {{
    {temporary}
    access_log off;
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    include sites-enabled/*;
}}
""")
    for holder in around.holders:
        holder.close()
    child = Child(["nginx", "-e", "stderr", "-c", main, "-p", place, "-g", "daemon off;"])
    return child, main


NEEDED = """mpm_event authn_core authn_file authz_core authz_host authz_user auth_basic access_compat alias autoindex dir
env expires filter deflate headers log_config mime negotiation rewrite setenvif slotmem_shm socache_shmcb ssl proxy
proxy_http proxy_uwsgi proxy_balancer lbmethod_byrequests unixd""".split()


def start_apache(site, around):
    """Apache with a site, as Debian includes it; its main file is what is imported."""
    place = around.directory / "apache2"
    (place / "sites-enabled").mkdir(parents=True)
    (place / "sites-enabled" / site.path.name).write_text(around.fill(site.text))
    main = place / "apache2.conf"
    loads = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in NEEDED
                      if pathlib.Path(MODULES, f"mod_{name}.so").exists())
    main.write_text(f"""ServerRoot "{place}"
{loads}
PidFile {place}/apache.pid
DefaultRuntimeDir {place}
ErrorLog /dev/stderr
User www-data
Group www-data
Listen {around.words["HTTP"]}
Listen {around.words["HTTPS"]}
TypesConfig /etc/mime.types
<Directory />
    Options FollowSymLinks
    AllowOverride None
    Require all denied
</Directory>
<Directory {around.directory}/www>
    Options Indexes FollowSymLinks
    AllowOverride None
    Require all granted
</Directory>
AccessFileName .htaccess
<FilesMatch "^\\.ht">
    Require all denied
</FilesMatch>
IncludeOptional sites-enabled/*.conf
""")
    for holder in around.holders:
        holder.close()
    return Child(["apache2", "-D", "FOREGROUND", "-f", main]), main


def ask(question, ports, authority):
    """The answer of the server at these ports."""
    parts = question.parts
    port = ports[parts.scheme]
    name = parts.hostname
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    context = client_context(authority, verify_name=False) if parts.scheme == "https" else None
    with Client(port, name, context=context) as client:
        body = b"x" if question.method in ("POST", "PUT") else None
        return client.request(question.method, path or "/", question.headers, body)


def facts(question, response, ports):
    """What of an answer is compared with that of the other server."""
    told = {"status": str(response.status), "location": response.get("Location") or "-"}
    if told["location"] != "-":
        # A path is an address of the same site, RFC 9110 §10.2.2.
        told["location"] = urljoin(question.url, told["location"])
    for port in ports.values():
        told["location"] = told["location"].replace(f":{port}/", "/").replace(f":{port}", "")
    told["www-authenticate"] = (response.get("WWW-Authenticate") or "-").split(",")[0]
    if response.status < 400:
        for name in FIELDS:
            value = ", ".join(response.get_all(name)) or "-"
            told[name] = value
        cookie = told["set-cookie"]
        told["set-cookie"] = "; ".join(sorted({part.strip().lower() for part in cookie.split(";")}))
        transport = response.get("Strict-Transport-Security") or "-"
        told["strict-transport-security"] = transport.lower().replace(" ", "")
    if response.status >= 300:
        # Redirects of ours are not stored.
        told.pop("cache-control", None)
    else:
        told["body"] = response.body.decode("latin-1").strip()
    return told
