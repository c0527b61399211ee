/// What people write who know another server, and what is said to them.
enum Habits {
  /// The row for a key that is not ours, in a mapping whose rows are under `parent`.
  static func key(_ text: String, in parent: String) -> HabitKey? {
    let word = String(
      text.lowercased().map { $0 == "-" || $0 == " " ? "_" : $0 }.prefix(64))
    return keys.first { row in
      (row.places.isEmpty || row.places.contains(parent))
        && row.words.split(separator: " ").contains { $0 == word }
    }
  }

  /// What a key says that holds a value, such as `host:app.example.org`, or names a site.
  static func shape(_ key: String, in parent: String) -> HabitKey? {
    if let colon = key.firstIndex(of: ":") {
      let word = String(key[..<colon])
      if Directives.children(of: parent).contains(where: { $0.key == word }) {
        return HabitKey("", in: [], YAMLSyntax.missingSpace, for: word)
      }
    }
    if parent.isEmpty || parent == "routes[]", isSite(key) {
      return HabitKey(
        "", in: [],
        parent.isEmpty
          ? "each site is an entry of 'routes', such as '- host: app.example.org'"
          : "a route begins with '- host: app.example.org'",
        for: parent.isEmpty ? "routes" : "host")
    }
    if parent == "routes[]", key.hasPrefix("/") {
      return HabitKey("", in: [], "'path' is what paths begin with")
    }
    return LookAlike.hint(in: key).map { HabitKey("", in: [], $0) }
  }

  private static func isSite(_ key: String) -> Bool {
    key.contains(".") && HostPattern.read(key).normal != nil
  }

  // MARK: Words

  static func flag(_ text: String) -> Bool? {
    switch text.lowercased() {
    case "yes", "y", "on", "1", "enable", "enabled", "true", "t", "always": true
    case "no", "n", "off", "0", "disable", "disabled", "false", "f", "never", "none": false
    default: nil
    }
  }

  /// What is said to a word that is none of a row's.
  static func word(_ text: String, at path: String) -> String? {
    let word = text.lowercased().filter { !"_- ".contains($0) }
    if let found = words[path]?[word] {
      return found.contains(" ") ? "; \(found)" : Found.meant(found)
    }
    if path == "tls.minimum" { return tlsVersion(word) }
    guard let truth = flag(text) else { return nil }
    return (truth ? switchedOn : switchedOff)[path].map { Found.meant($0) }
  }

  private static func tlsVersion(_ word: String) -> String? {
    let digits = word.filter { $0.isNumber || $0 == "." }
    if digits == "1.2" || digits == "1.3" { return Found.meant(digits) }
    if digits == "1.21.3" || digits == "1.31.2" {
      return "; one version is enough: the oldest, '1.2' or '1.3'"
    }
    let isOld = ["1", "1.0", "1.1", "2", "3"].contains(digits)
    return isOld ? "; what is older than TLS 1.2 is not served" : nil
  }

  private static let withoutClientCertificates =
    "a host asks for no certificate where 'client_certificates' is left out"

  private static let switchedOn = [
    "compress.default": "on", "routes[].compress": "on", "tls.tickets": "local",
    "upstreams.NAME.retry.hedge": "auto", "listen.close_when_unable": "always",
    "subscriptions.share": "etcd", "upstreams.NAME.discover": "subscriptions",
    "upstreams.NAME.greeting": "any", "upstreams.NAME.on_node_down": "cut",
  ]
  private static let switchedOff = [
    "compress.default": "off", "routes[].compress": "off", "tls.tickets": "off",
    "upstreams.NAME.retry.hedge": "off", "listen.close_when_unable": "never",
    "subscriptions.share": "none", "upstreams.NAME.greeting": "none",
    "upstreams.NAME.on_node_down": "keep", "acme.hosts": "none",
  ]

  /// Folded words of others: one of ours, or a sentence.
  private static let words: [String: [String: String]] = [
    "routes[].client_certificates.mode": [
      "on": "require", "required": "require", "requireandverify": "require",
      "requireandverifyclientcert": "require", "verify": "require",
      "verifyifgiven": "optional", "verifyclientcertifgiven": "optional", "request": "optional",
      "optionalnoca": "every certificate that is shown is verified: require or optional",
      "off": withoutClientCertificates, "none": withoutClientCertificates,
    ],
    "log.level": [
      "warn": "warning", "err": "error", "crit": "error", "critical": "error", "alert": "error",
      "emerg": "error", "fatal": "error", "trace": "debug", "verbose": "debug",
      "information": "info", "quiet": "error",
    ],
    "log.format": [
      "common": "combined", "clf": "combined", "main": "combined", "apache": "combined",
      "nginx": "combined", "text": "combined", "plain": "combined", "console": "combined",
    ],
    "upstreams.NAME.protocol": [
      "http1": "http", "http1.1": "http", "http/1.1": "http", "http/1": "http",
      "http2": "nodes are asked by HTTP/1.1: http or https",
      "h2": "nodes are asked by HTTP/1.1: http or https",
      "h2c": "nodes are asked by HTTP/1.1: http or https",
      "grpc": "nodes are asked by HTTP/1.1: http or https",
      "fastcgi":
        "FastCGI is not spoken here: the application needs uWSGI or an HTTP server in front",
      "fcgi": "FastCGI is not spoken here: the application needs uWSGI or an HTTP server in front",
      "scgi": "SCGI is not spoken here: the application needs uWSGI or an HTTP server in front",
      "ajp": "AJP is not spoken here: the application needs uWSGI or an HTTP server in front",
      "ssl": "https", "tls": "https", "wsgi": "uwsgi", "mysql": "tcp", "postgres": "tcp",
      "postgresql": "tcp", "redis": "tcp", "stream": "tcp",
      "unix": "a unix socket is an address of 'nodes', whatever is spoken there",
      "ws": "http", "websocket": "http", "wss": "https",
    ],
    "upstreams.NAME.balance": [
      "rr": "round-robin", "roundrobin": "round-robin", "weighted": "round-robin",
      "wrr": "round-robin", "staticrr": "round-robin", "leastconn": "least-requests",
      "leastconnections": "least-requests", "leasttime": "least-requests",
      "random": "least-requests",
      "iphash": "hash", "source": "hash", "uri": "hash", "consistent": "hash",
      "cookie": "'sticky: NAME' binds a browser to a node by a cookie of that name",
    ],
    "compress.default": codings,
    "routes[].compress": codings,
    "upstreams.NAME.discover": [
      "dns": "a name in 'nodes', such as app.internal:3031, is looked up every 10s",
      "etcd": "'discover: subscriptions' with 'subscriptions: { share: etcd }'",
      "fastrouter": "subscriptions", "uwsgi": "subscriptions", "subscribe": "subscriptions",
    ],
    "upstreams.NAME.health.type": [
      "http": "request", "https": "request", "httpchk": "request", "get": "request",
      "connect": "tcp", "uwsgi": "ping", "mariadb": "mysql", "tidb": "mysql",
    ],
    "upstreams.NAME.greeting": ["mariadb": "mysql", "tidb": "mysql", "smtp": "any", "ssh": "any"],
    "upstreams.NAME.on_node_down": ["close": "cut", "kill": "cut", "drop": "cut"],
    "tls.tickets": ["shared": "etcd", "fleet": "etcd"],
    "acme.hosts": ["all": "routed", "routes": "routed", "auto": "routed", "any": "routed"],
    "acme.certificates[].challenge": [
      "http01": "http", "webroot": "http", "standalone": "http", "httpchallenge": "http",
      "dns01": "dns", "dnschallenge": "dns", "rfc2136": "dns", "wildcard": "dns", "hook": "dns",
      "tlsalpn01": "tls-alpn", "alpn": "tls-alpn", "tls": "tls-alpn", "https": "tls-alpn",
      "tlschallenge": "tls-alpn", "tlssni": "tls-alpn", "tlssni01": "tls-alpn",
    ],
    "acme.certificates[].key": [
      "ec": "ecdsa", "ec256": "ecdsa", "p256": "ecdsa", "prime256v1": "ecdsa",
      "secp256r1": "ecdsa", "ecc": "ecdsa", "rsa2048": "rsa", "2048": "rsa", "dual": "both",
      "all": "both", "ec384": "ECDSA keys are P-256 here, which every client knows",
      "p384": "ECDSA keys are P-256 here, which every client knows",
      "rsa4096": "RSA keys have 2048 bits here: longer ones only cost time",
      "4096": "RSA keys have 2048 bits here: longer ones only cost time",
      "ed25519": "no CA that browsers trust takes Ed25519",
    ],
    "acme.dns.update.algorithm": algorithms,
    "records.algorithm": algorithms,
    "records.provider": [
      "update": "rfc2136", "updates": "rfc2136", "nsupdate": "rfc2136", "tsig": "rfc2136",
      "rfc2136tsig": "rfc2136", "bind": "rfc2136", "bind9": "rfc2136", "named": "rfc2136",
      "knot": "rfc2136", "powerdns": "rfc2136", "pdns": "rfc2136", "ddns": "rfc2136",
      "dyndns": "rfc2136", "cloudns.net": "cloudns", "cloud": "cloudns",
      "hook": "exec", "script": "exec", "program": "exec", "command": "exec", "shell": "exec",
      "lego": "exec", "external": "exec", "lexicon": lexicon, "acmesh": lexicon,
      "cloudflare": lexicon, "route53": lexicon, "aws": lexicon, "ovh": lexicon,
      "hetzner": lexicon, "digitalocean": lexicon, "gandi": lexicon, "godaddy": lexicon,
      "azure": lexicon, "gcloud": lexicon, "google": lexicon, "linode": lexicon,
      "namecheap": lexicon, "inwx": lexicon, "ionos": lexicon, "netcup": lexicon,
      "desec": lexicon, "duckdns": lexicon, "vultr": lexicon, "porkbun": lexicon,
      "fleet": "'dns' at the top is the zone that the servers answer, and needs no provider",
    ],
    "records.mode": [
      "edgeproxy": "own", "default": "own", "addresses": "own", "present": "lego",
      "exec": "lego", "acme": "lego", "txt": "lego",
    ],
  ]
  private static let algorithms = [
    "sha256": "hmac-sha256", "sha512": "hmac-sha512", "hmacsha256.": "hmac-sha256",
    "hmacsha512.": "hmac-sha512",
    "hmacmd5": "MD5 is not taken: tsig-keygen makes a key for hmac-sha256",
    "hmacsha1": "SHA-1 is not taken: tsig-keygen makes a key for hmac-sha256",
  ]
  private static let lexicon =
    "it is reached through 'provider: exec' with a program such as"
    + " /usr/share/edgeproxy/hooks/lexicon"
  private static let codings = [
    "gzip": "on", "br": whichCoding, "brotli": whichCoding, "zstd": whichCoding,
  ]
  private static let whichCoding =
    "'encodings' under 'compress' at the top says which codings, and here it is on or off"

  // MARK: No limit

  /// Whether a value means that there shall be no bound.
  static func isUnlimited(_ text: String) -> Bool {
    ["0", "-1", "unlimited", "none", "off", "never", "infinity", "infinite", "no", "false", "max"]
      .contains(text.lowercased())
  }
}
