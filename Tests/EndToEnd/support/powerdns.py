"""The HTTP API of a PowerDNS server with one zone, so far as lexicon asks it (doc.powerdns.com, http-api/zone)."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class PowerDNS:
    """`records` are `(name, type, content)` with names that end with a dot."""

    def __init__(self, zone, key):
        self.zone, self.key, self.records = zone, key, set()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.server.powerdns = self
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def end(self):
        self.server.shutdown()
        self.server.server_close()

    def sets(self):
        names = sorted({(name, kind) for name, kind, _ in self.records})
        return [{"name": name, "type": kind, "ttl": 60, "records": [
            {"content": content, "disabled": False}
            for each, of, content in sorted(self.records) if (each, of) == (name, kind)]} for name, kind in names]

    def change(self, changes):
        for each in changes["rrsets"]:
            place = (each["name"], each["type"])
            self.records = {record for record in self.records if record[:2] != place}
            if each["changetype"] == "REPLACE":
                self.records |= {(*place, record["content"]) for record in each["records"]}


class _Handler(BaseHTTPRequestHandler):
    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_call(self, act):
        server = self.server.powerdns
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("X-API-Key") != server.key:
            return self.answer(401, {"error": "Unauthorized"})
        if self.path.rstrip("/") != f"/api/v1/servers/localhost/zones/{server.zone}.":
            return self.answer(404, {"error": "Not Found"})
        return act(server, body)

    def do_GET(self):
        self.handle_call(lambda server, _: self.answer(200, {"kind": "Native", "rrsets": server.sets()}))

    def do_PATCH(self):
        def act(server, body):
            server.change(json.loads(body))
            self.answer(200, {})
        self.handle_call(act)

    def log_message(self, format, *args):
        pass
