/// Every key there is, in the order of the reference.
package enum Directives {
  static let all: [Directive] = [
    server,
    access,
    listen,
    tls,
    etcd,
    names,
    acme,
    subscriptions,
    upstreams,
    routes,
    health,
    compress,
    stale,
    answers,
    log,
    traces,
    limits,
    timeouts,
  ].flatMap { $0 }

  private static let server: [Directive] = [
    .optional("node", .text, example: "edge-1", "Unique in the fleet; default: the host name"),
    .init(
      "state", .path(or: []), "/var/lib/edgeproxy",
      "What survives a restart, and temporary files for bodies"),
    .init(
      "trusted", .networks, "[]",
      "Proxies whose X-Forwarded-For, -Proto, -Host, -Prefix and X-Request-ID are believed; limits for one"
        + " client do not apply to these networks"),
  ]

  private static let listen: [Directive] = [
    .section("listen", "Where clients come in"),
    .init(
      "listen.https", .listenAddresses, #"["0.0.0.0:443", "[::]:443"]"#,
      "IP addresses and ports"),
    .init(
      "listen.http", .listenAddresses, #"["0.0.0.0:80", "[::]:80"]"#,
      "Health and ACME challenges, the rest is redirected to https; [] for none"),
    .init("listen.http2", .flag, "true", "HTTP/2 for clients that offer it"),
    .init(
      "listen.admin", .administration, "unix:/run/edgeproxy/admin.sock",
      "Status, metrics and commands: unix:PATH; a loopback IP:PORT without commands; a list of at most 4 of"
        + " them; or off"),
    .init(
      "listen.proxy_protocol", .networks, "[]",
      "Load balancers that announce each client with a PROXY header, version 1 or 2, on https and"
        + " http; one that does not is refused"),
    .optional(
      "listen.tcp", .list, example: "",
      "Connections that are passed on as they are, such as those to a database; open while the server"
        + " runs, whatever https does"),
    .required(
      "listen.tcp[].address", .text, example: #""127.0.0.1:4000""#,
      "A loopback IP:PORT: whoever can connect is let through"),
    .required(
      "listen.tcp[].upstream", .text, example: "database",
      "A name under upstreams, of protocol tcp"),
    .init(
      "listen.peers", .listenAddresses, "[]",
      "The other servers of the fleet, which reach instances here through it over mutual TLS; needs"
        + " etcd, and edgeproxy node join on each server"),
    .optional(
      "listen.close_when_unable", .word(CloseWhenUnable.allCases.map(\.rawValue)), example: "fleet",
      "While nothing can be served https is closed, so that clients move on: always, never, or fleet,"
        + " at most half of the servers at a time; default: fleet with etcd, else never"),
    .init(
      "listen.close_after", .duration(.zero ... .hours(1)), "3s",
      "How long nothing could be served before the ports are closed"),
    .init(
      "listen.open_after", .duration(.zero ... .hours(1)), "10s",
      "How long something could be served before they are opened again"),
  ]

  private static let tls: [Directive] = [
    .section("certificates", "Chosen by the name that the client asks for"),
    .init(
      "certificates.directory", .path(or: []), "/etc/edgeproxy/certificates",
      "*.pem bundles, or NAME/fullchain.pem with NAME/privkey.pem; watched; none by default with etcd"
    ),
    .optionalSection(
      "certificates.etcd", "One bundle of chain and key under each key of etcd; watched"),
    .init(
      "certificates.etcd.prefix", .text, "/edgeproxy/certificates/",
      "What the keys of etcd begin with; the rest is any name"),
    .init(
      "certificates.etcd.legacy", .flag, "false",
      "Also fullchain.cer with DOMAIN.key at the root of etcd, once the two fit"),
    .optional(
      "certificates.default", .text, example: "example.org",
      "Whose certificate is served to a client that names no server; default: the first one read"),
    .section("tls", "Mozilla's intermediate recommendation"),
    .init(
      "tls.minimum", .word(TLSSettings.MinimumVersion.allCases.map(\.rawValue)), #""1.2""#,
      "The oldest version of TLS"),
    .init(
      "tls.tickets", .word(TLSSettings.Tickets.allCases.map(\.rawValue)), "local",
      "Resumption; local: by keys that never leave this server, etcd: by any server of the fleet"),
  ]

  private static let etcd: [Directive] = [
    .optionalSection("etcd", "What the servers of a fleet share"),
    .required(
      "etcd.endpoints", .endpoints, example: #"["https://10.0.0.1:2379"]"#,
      "The members; at most \(endpointsMax)"),
    .optional(
      "etcd.ca", .path(or: []), example: "/etc/edgeproxy/etcd/ca.pem",
      "Whom the members' certificates must descend from; default: whom the system trusts"),
    .optional(
      "etcd.certificate", .path(or: []), example: "/etc/edgeproxy/etcd/node.pem",
      "Who this server is; its common name is the user of etcd"),
    .optional(
      "etcd.key", .path(or: []), example: "/etc/edgeproxy/etcd/node.key", "Of that certificate"),
    .optional("etcd.user", .text, example: "edge", "A user of etcd, instead of a certificate"),
    .optional(
      "etcd.password", .text, example: "${ETCD_PASSWORD}",
      "Of that user; better from the environment than in this file"),
    .init(
      "etcd.prefix", .text, "/edgeproxy/",
      "What the keys begin with under which servers share their own things, such as ticket keys"),
    .optional(
      "etcd.encryption_keys", .path(or: []), example: "/etc/edgeproxy/etcd/encryption.keys",
      "Private keys and ticket keys are sealed in etcd; edgeproxy cert new-key makes a line of it"),
  ]

  private static let compress: [Directive] = [
    .section("compress", "zstd, Brotli or gzip, for clients that accept it"),
    .init(
      "compress.default", .word(CompressSettings.Mode.allCases.map(\.rawValue)), "off",
      "For routes that do not say; without-cookies: not answers that set cookies"),
    .init(
      "compress.types", .mediaTypes,
      "[text/html, text/css, text/plain, text/xml, text/csv, text/javascript,"
        + " application/javascript, application/json, application/manifest+json,"
        + " application/ld+json, application/xml, application/xhtml+xml, application/rss+xml,"
        + " application/atom+xml, application/wasm, image/svg+xml]",
      "Media types; text/* is all of a kind"),
    .init(
      "compress.minimum", .size(0...1 << 30), "1KiB",
      "Smaller answers are not worth it; without a Content-Length all are"),
    .init(
      "compress.encodings", .texts, "[zstd, br, gzip]",
      "Of two that a client likes as well, the first"),
    .init("compress.level", .number(1...9), "5", "gzip's, from fast to small"),
    .init("compress.level_br", .number(1...7), "5", "Brotli's, from fast to small"),
    .init("compress.level_zstd", .number(1...9), "6", "zstd's, from fast to small"),
  ]

  private static let answers: [Directive] = [
    .section("health", "For DNS monitors and load balancers"),
    .init(
      "health.path", .text, "/healthz",
      "Answered on http and https, for any Host or none"),
    .optional(
      "acme_challenges", .path(or: []), example: "/var/lib/acme/challenges",
      "The webroot of an ACME client: DIR/TOKEN and DIR/.well-known/acme-challenge/TOKEN answer "
        + "http-01 on http; what is not there is redirected; default: none"),
    .optional(
      "error_pages", .table, example: "", "Files that replace our own pages; default: none"),
    .optional(
      "error_pages.STATUS", .path(or: []), example: "/etc/edgeproxy/503.html",
      "400 to 599; .html, .json or .txt, at most \(ByteSize.text(errorPageBytesMax)); {id},"
        + " {status} and {reason} in it are replaced"),
  ]

  private static let log: [Directive] = [
    .section("log", "Both logs; SIGUSR1 reopens the file"),
    .init(
      "log.access", .path(or: ["off", "stdout"]), "/var/log/edgeproxy/access.log",
      "A file, stdout or off"),
    .init(
      "log.format", .text, "json",
      "Of the access log: json, combined as Apache has it, or a text with fields in braces, such as"
        + " \"{client} {method} {path} {status} {duration}\""),
    .init(
      "log.health", .flag, "true", "Requests for health.path are in the access log"),
    .init(
      "log.level", .word(LogSettings.Level.allCases.map(\.rawValue)), "info",
      "Of the error log, which goes to standard error"),
  ]

  private static let limits: [Directive] = [
    .section("limits", "What one client or one worker may take"),
    .init("limits.head", .size(1 << 10...60 << 10), "32KiB", "A request head; 431 above it"),
    .init(
      "limits.fields", .number(10...100), "100",
      "Fields in a request head; 431 above it, since uWSGI takes 128 variables"),
    .init(
      "limits.request_line", .size(256...60 << 10), "16KiB",
      "Method, target and version; 414 above it"),
    .init(
      "limits.response_head", .size(1 << 10...64 << 10), "64KiB",
      "A node's response head; 502 above it"),
    .init(
      "limits.connections", .number(1...1_000_000), "20000", "Client connections of one worker"),
    .init(
      "limits.connections_per_address", .number(1...1_000_000), "10000",
      "Of one IPv4 address or IPv6 /64 in all workers together"),
    .section(
      "limits.requests_per_address",
      "Requests of one IPv4 address or IPv6 /64 in all workers together; 429 above it"),
    .init(
      "limits.requests_per_address.rate", .number(0...rateMax), "0", "Per second; 0 for no limit"),
    .init(
      "limits.requests_per_address.burst", .number(0...burstMax), "0",
      "What may come at once; 0 for twice the rate"),
    .init(
      "limits.compressors", .number(0...100_000), "128",
      "Answers that one worker compresses at once with gzip, 268 KiB each; zstd takes as much as six of"
        + " them, Brotli as eight; what finds no place is compressed less or not at all"),
    .init(
      "limits.streams", .number(1...1000), "100",
      "Requests that one HTTP/2 connection may have under way"),
    .init(
      "limits.memory", .size(16 << 20...1 << 40), "256MiB",
      "What one worker keeps for clients; above it those for whom most is kept give back first"),
    .init(
      "limits.held", .number(0...1_000_000), "1000",
      "Requests of one worker that wait for a node to come back"),
    .init(
      "limits.queued", .number(0...1_000_000), "1000",
      "Requests of one upstream and one worker that wait for a node to have less to do"),
    .init(
      "limits.body_memory", .size(4 << 10...64 << 20), "64KiB",
      "Of one request body, the rest goes to a temporary file"),
    .init(
      "limits.response_memory", .size(16 << 10...64 << 20), "256KiB",
      "Of one response to a slow client, the rest goes to a temporary file"),
    .init(
      "limits.response_file", .size(0...1 << 40), "1GiB",
      "Of that temporary file; then the node has to wait"),
    .init(
      "limits.temporary_files", .size(0...1 << 50), "4GiB",
      "All temporary files of one worker; above it nodes wait, and the client with most is cut"),
  ]

  private static let timeouts: [Directive] = [
    .section("timeouts", "Towards clients"),
    .init("timeouts.handshake", .duration(client), "10s", "For the TLS handshake"),
    .init("timeouts.head", .duration(client), "10s", "For a complete request head"),
    .init("timeouts.body", .duration(client), "30s", "Between two pieces of a request body"),
    .init("timeouts.send", .duration(client), "30s", "For a client that takes nothing"),
    .init("timeouts.keep_alive", .duration(client), "75s", "Between two requests"),
    .init(
      "timeouts.drain", .duration(.zero ... .hours(1)), "30s",
      "For requests in flight when the server is told to stop"),
  ]

  static let rateMax = 10_000
  static let burstMax = 100_000
  /// More than a balancer or a CDN publishes; each is looked at for a connection.
  static let networksMax = 1024
  /// What `TriedNodes` can count.
  package static let nodesMax = 128
  static let endpointsMax = 16
  static let errorPageBytesMax = 64 << 10
  static let authorityBytesMax = 4 << 20
  private static let client: ClosedRange<Duration> = .milliseconds(10) ... .hours(1)

  private static let rows: [String: Directive] = Dictionary(
    uniqueKeysWithValues: all.map { ($0.path, $0) })
  private static let rowsByParent = Dictionary(grouping: all, by: \.parent)
  private static let rowsByKey = Dictionary(grouping: all, by: \.key)

  /// The rows of what is in a mapping, in order; `parent` is empty for the top.
  static func children(of parent: String) -> [Directive] { rowsByParent[parent] ?? [] }

  /// The row of a key that the code asks for.
  package static func row(_ path: String) -> Directive {
    guard let row = rows[path] else { preconditionFailure("no directive '\(path)'") }
    return row
  }

  /// Whether anything is called so.
  static func isKey(_ key: String) -> Bool { rowsByKey[key] != nil }

  /// The mappings that have a key of this name; empty for the top.
  static func parents(of key: String) -> [String] { (rowsByKey[key] ?? []).map(\.parent) }
}

extension Duration {
  package static func minutes(_ count: Int) -> Duration { .seconds(60 * count) }
  static func hours(_ count: Int) -> Duration { .seconds(3600 * count) }
}
