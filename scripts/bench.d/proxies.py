"""The proxies compared: each gets the same certificate, routes and timeouts in its own language."""

import os
import pwd
import re
import subprocess

import machinery

CONNECT_SECONDS, RESPONSE_SECONDS = 1, 2  # a careful operator's timeouts towards an application
HEALTHY_RESPONSE_SECONDS = 60


class Proxy:
    """One running proxy. `routes` maps a host name to the addresses of its application.

    A host whose name begins with http. has an application that speaks HTTP; all others speak uwsgi.
    """

    speaks_uwsgi = True

    def __init__(self, directory, certificates, routes, careful=False, edgeproxy=None, watcher=()):
        self.directory = os.path.join(directory, self.name)
        os.makedirs(self.directory, exist_ok=True)
        os.chmod(self.directory, 0o755)
        self.certificates, self.edgeproxy = certificates, edgeproxy
        self.routes = {host: each for host, each in routes.items() if self.speaks_uwsgi or speaks_http(host)}
        self.hosts = set(self.routes)
        self.response_seconds = RESPONSE_SECONDS if careful else HEALTHY_RESPONSE_SECONDS
        self.is_watched = bool(watcher)
        self.port, self.log = machinery.free_port(), self.path("output.log")
        self.chain = os.path.join(certificates, "example.test", "fullchain.pem")
        self.key = os.path.join(certificates, "example.test", "privkey.pem")
        self.process = machinery.start([*watcher, *self.command()], [machinery.PROXY_CORE], self.log)
        machinery.wait_for_port(self.port, self.process, self.log)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def cpu_seconds(self):
        return machinery.cpu_seconds(self.process.pid)

    def memory_kib(self):
        return machinery.memory_kib(self.process.pid)

    def end(self):
        machinery.end(self.process)


def speaks_http(host):
    return host.startswith("http.")


def worker_user():
    """Who the workers of a proxy started by root become; nothing to say otherwise."""
    if os.getuid() != 0:
        return None
    return pwd.getpwnam("www-data").pw_name


class EdgeProxy(Proxy):
    name = "edgeproxy"

    @staticmethod
    def version(edgeproxy):
        text = subprocess.run([edgeproxy, "--version"], capture_output=True, text=True).stdout
        return "edgeproxy " + text.strip().removeprefix("edgeproxy ")

    def command(self):
        upstreams = routes = ""
        for number, (host, addresses) in enumerate(self.routes.items()):
            nodes = ", ".join(f'"{address}"' for address in addresses)
            spoken = "http\n    keep_alive: { connections: 64 }" if speaks_http(host) else "uwsgi"
            upstreams += (
                f"  u{number}:\n    protocol: {spoken}\n    nodes: [{nodes}]\n    timeouts: "
                f"{{ connect: {CONNECT_SECONDS}s, response: {self.response_seconds}s, idle: 60s }}\n"
            )
            routes += f"  - {{ host: {host}, upstream: u{number} }}\n"
        configuration = self.write(
            "edgeproxy.yaml",
            f"""node: bench
state: {self.path("state")}
listen:
  https: ["127.0.0.1:{self.port}"]
  http: ["127.0.0.1:{machinery.free_port()}"]
  admin: off
certificates: {{ directory: {self.certificates} }}
upstreams:
{upstreams}routes:
{routes}log: {{ access: {self.path("access.log")}, format: combined }}
limits: {{ connections: 16000, connections_per_address: 16000 }}
timeouts: {{ keep_alive: 300s }}
""",
        )
        return [self.edgeproxy, "--config", configuration, "--workers", "1"]


class Nginx(Proxy):
    name = "nginx"

    @staticmethod
    def version(_):
        text = subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr
        return "nginx " + re.search(r"nginx/([\d.]+)", text)[1]

    def command(self):
        user = worker_user()
        upstreams = servers = ""
        for number, (host, addresses) in enumerate(self.routes.items()):
            nodes = " ".join(f"server {address};" for address in addresses)
            kept = "keepalive 64; keepalive_requests 100000000;" if speaks_http(host) else ""
            upstreams += f"  upstream u{number} {{ {nodes} {kept} }}\n"
            location = (
                f'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;'
                f" proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;"
                f" proxy_pass http://u{number};"
                if speaks_http(host) else f"include /etc/nginx/uwsgi_params; uwsgi_pass u{number};")
            servers += f"""  server {{
    listen 127.0.0.1:{self.port} ssl http2;
    server_name {host};
    location / {{ {location} }}
  }}
"""
        temporary = "".join(
            f"  {name}_temp_path {self.path(name)};\n"
            for name in ("client_body", "uwsgi", "proxy", "fastcgi", "scgi")
        )
        configuration = self.write(
            "nginx.conf",
            f"""{f"user {user};" if user else ""}
worker_processes 1;
worker_rlimit_nofile {machinery.DESCRIPTORS};
daemon off;
master_process {"off" if self.is_watched else "on"};
pid {self.path("nginx.pid")};
error_log {self.path("error.log")} warn;
events {{ worker_connections 16000; }}
http {{
  access_log {self.path("access.log")} combined buffer=64k flush=1s;
  ssl_certificate {self.chain};
  ssl_certificate_key {self.key};
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_tickets on;
  keepalive_requests 100000000;
  keepalive_timeout 300s;
  client_max_body_size 64m;
  uwsgi_connect_timeout {CONNECT_SECONDS}s;
  uwsgi_read_timeout {self.response_seconds}s;
  uwsgi_send_timeout {self.response_seconds}s;
  proxy_connect_timeout {CONNECT_SECONDS}s;
  proxy_read_timeout {self.response_seconds}s;
{temporary}{upstreams}{servers}}}
""",
        )
        return ["nginx", "-p", self.directory, "-c", configuration]


class Apache(Proxy):
    name = "apache"
    modules = "/usr/lib/apache2/modules"

    @staticmethod
    def version(_):
        text = subprocess.run(["apache2", "-v"], capture_output=True, text=True).stdout
        return "Apache " + re.search(r"Apache/([\d.]+)", text)[1]

    def target(self, number, host, addresses):
        """A `ProxyPass` for one address, a balancer for several."""
        worker = f"connectiontimeout={CONNECT_SECONDS} timeout={self.response_seconds} retry=10"
        scheme = "http" if speaks_http(host) else "uwsgi"
        urls = [
            f"{address}|{scheme}://{host}/" if address.startswith("unix:") else f"{scheme}://{address}/"
            for address in addresses
        ]
        if len(urls) == 1:
            return f"  ProxyPass / {urls[0]} connectiontimeout={CONNECT_SECONDS}\n"
        members = "".join(f"    BalancerMember {url.rstrip('/')} {worker}\n" for url in urls)
        return (
            f"  <Proxy balancer://u{number}>\n{members}    ProxySet failontimeout=On\n  </Proxy>\n"
            f"  ProxyPass / balancer://u{number}/\n"
        )

    def command(self):
        user = worker_user()
        names = (
            "mpm_event authz_core ssl http2 proxy proxy_http proxy_uwsgi slotmem_shm proxy_balancer lbmethod_byrequests"
        ).split()
        loads = "".join(
            f"LoadModule {name}_module {self.modules}/mod_{name}.so\n"
            for name in names
            if os.path.exists(f"{self.modules}/mod_{name}.so")
        )
        hosts = "".join(
            f"<VirtualHost 127.0.0.1:{self.port}>\n  ServerName {host}\n  SSLEngine on\n"
            f"  SSLCertificateFile {self.chain}\n  SSLCertificateKeyFile {self.key}\n"
            f"{self.target(number, host, addresses)}</VirtualHost>\n"
            for number, (host, addresses) in enumerate(self.routes.items())
        )
        configuration = self.write(
            "apache.conf",
            f"""ServerRoot {self.directory}
ServerName bench.example.test
DefaultRuntimeDir {self.directory}
PidFile {self.path("apache.pid")}
{loads}{f"User {user}" if user else ""}
{f"Group {user}" if user else ""}
Listen 127.0.0.1:{self.port}
ErrorLog {self.path("error.log")}
LogLevel error
LogFormat "%h %l %u %t \\"%r\\" %>s %O \\"%{{Referer}}i\\" \\"%{{User-Agent}}i\\"" combined
CustomLog {self.path("access.log")} combined
BufferedLogs On
StartServers 1
ServerLimit 4
ThreadLimit 128
ThreadsPerChild 128
MaxRequestWorkers 512
AsyncRequestWorkerFactor 100
MinSpareThreads 1
MaxSpareThreads 512
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 300
Timeout 60
SSLProtocol -all +TLSv1.2 +TLSv1.3
Protocols h2 http/1.1
SSLSessionTickets on
SSLSessionCache none
ProxyTimeout {self.response_seconds}
{hosts}""",
        )
        return ["apache2", "-D", "FOREGROUND", "-d", self.directory, "-f", configuration]


class HAProxy(Proxy):
    """It does not speak uwsgi, so it takes part only where the application speaks HTTP."""

    name = "haproxy"
    speaks_uwsgi = False

    @staticmethod
    def version(_):
        text = subprocess.run(["haproxy", "-v"], capture_output=True, text=True).stdout
        return "HAProxy " + re.search(r"version ([\d.]+)", text)[1]

    def command(self):
        backends = uses = ""
        for number, (host, addresses) in enumerate(self.routes.items()):
            uses += f"  use_backend u{number} if {{ hdr(host) -i {host} }}\n"
            servers = "".join(f"  server s{place} {address}\n" for place, address in enumerate(addresses))
            backends += f"backend u{number}\n  http-reuse safe\n{servers}"
        with open(self.path("both.pem"), "w") as both:
            both.writelines(open(part).read() for part in (self.chain, self.key))
        configuration = self.write(
            "haproxy.cfg",
            f"""global
  nbthread 1
  maxconn 4000
  log {self.path("log.socket")} local0
defaults
  mode http
  log global
  option httplog
  option forwardfor
  timeout connect {CONNECT_SECONDS}s
  timeout server {self.response_seconds}s
  timeout client 300s
frontend main
  bind 127.0.0.1:{self.port} ssl crt {self.path("both.pem")} ssl-min-ver TLSv1.2
{uses}{backends}""",
        )
        return ["haproxy", "-db", "-f", configuration]


ALL = {proxy.name: proxy for proxy in (EdgeProxy, Nginx, Apache, HAProxy)}
