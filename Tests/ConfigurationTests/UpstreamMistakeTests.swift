import Testing

@testable import Configuration

@Suite("Upstreams of the configuration")
struct UpstreamMistakeTests {
  /// Each text is the value of `nodes`.
  static let nodes: [Mistake] = [
    Mistake(
      "[]",
      "2:26: 'nodes' must have at least one node"),
    Mistake(
      "5",
      "2:26: 'nodes' must be a list of addresses such as [\"10.0.0.2:3031\"], found '5'; "
        + "did you mean [\"127.0.0.1:5\"]?"),
    Mistake(
      "",
      "2:27: 'nodes' must be a list of addresses such as [\"10.0.0.2:3031\"], found " + "nothing"),
    Mistake(
      "[app..internal:3031]",
      "2:27: 'nodes' must be an address such as unix:/run/app.sock, 10.0.0.2:3031 or "
        + "app.internal:3031, found 'app..internal:3031'"),
    Mistake(
      "[app.internal]",
      "2:27: 'nodes' must be an address such as unix:/run/app.sock, 10.0.0.2:3031 or "
        + "app.internal:3031, found 'app.internal'; the port is missing"),
    Mistake(
      "[app:0]",
      "2:27: 'nodes' must be an address such as unix:/run/app.sock, 10.0.0.2:3031 or "
        + "app.internal:3031, found 'app:0'; a port is a number from 1 to 65535"),
    Mistake(
      "[\"*.internal:3031\"]",
      "2:27: 'nodes' must be an address such as unix:/run/app.sock, 10.0.0.2:3031 or "
        + "app.internal:3031, found '*.internal:3031'"),
    Mistake(
      "[10.0.0.300:3031]",
      "2:27: 'nodes' must be an address such as unix:/run/app.sock, 10.0.0.2:3031 or "
        + "app.internal:3031, found '10.0.0.300:3031'; an IPv4 address has four numbers of "
        + "at most 255"),
    Mistake(
      "[\"app:80\", \"APP:80\"]",
      "2:37: duplicate node 'app:80', first on line 2"),
    Mistake(
      "[\"/run/a.sock\"]",
      "2:27: 'nodes' must be an address such as unix:/run/app.sock, 10.0.0.2:3031 or "
        + "app.internal:3031, found '/run/a.sock'; did you mean 'unix:/run/a.sock'?"),
    Mistake(
      "[\"@a\"]",
      "2:27: 'nodes' must be an address such as unix:/run/app.sock, 10.0.0.2:3031 or "
        + "app.internal:3031, found '@a'; did you mean 'unix:@a'?"),
    Mistake(
      "[\"unix:a.sock\"]",
      "2:27: 'nodes' must be an address such as unix:/run/app.sock, 10.0.0.2:3031 or "
        + "app.internal:3031, found 'unix:a.sock'; the path must begin with '/', or with '@' for an abstract "
        + "name"
    ),
    Mistake(
      "[\"unix:\"]",
      "2:27: 'nodes' must be an address such as unix:/run/app.sock, 10.0.0.2:3031 or "
        + "app.internal:3031, found 'unix:'; the path must begin with '/', or with '@' for an abstract name"
    ),
    Mistake(
      "[\"10.0.0.1:0\"]",
      "2:27: 'nodes' must be an address such as unix:/run/app.sock, 10.0.0.2:3031 or "
        + "app.internal:3031, found '10.0.0.1:0'; a port is a number from 1 to 65535"),
    Mistake(
      "[\"10.0.0.1:70000\"]",
      "2:27: 'nodes' must be an address such as unix:/run/app.sock, 10.0.0.2:3031 or "
        + "app.internal:3031, found '10.0.0.1:70000'; a port is a number from 1 to 65535"),
    Mistake(
      "[\"10.0.0.1\"]",
      "2:27: 'nodes' must be an address such as unix:/run/app.sock, 10.0.0.2:3031 or "
        + "app.internal:3031, found '10.0.0.1'; the port is missing"),
    Mistake(
      "[\"http://10.0.0.1:80\"]",
      "2:27: 'nodes' must be an address such as unix:/run/app.sock, 10.0.0.2:3031 or "
        + "app.internal:3031, found 'http://10.0.0.1:80'; no URL is taken here: "
        + "'10.0.0.1:80' with 'protocol: http'"),
    Mistake(
      "[\"unix:/\(String(repeating: "x", count: 107))\"]",
      "2:27: 'nodes' must be an address such as unix:/run/app.sock, 10.0.0.2:3031 or "
        + "app.internal:3031, found 'unix:/\(String(repeating: "x", count: 54))…'; the path has 108 bytes and "
        + "the kernel takes 107"),
    Mistake(
      "[\"10.0.0.1:80\", \"10.0.0.1:80\"]",
      "2:42: duplicate node '10.0.0.1:80', first on line 2"),
    Mistake(
      "[{ backup: true }]",
      "2:29: missing required key 'address' in upstreams.a.nodes[0]"),
    Mistake(
      "[{ adress: \"10.0.0.1:80\" }]",
      "2:29: unknown key 'adress' in upstreams.a.nodes[0]; did you mean 'address'?"),
    Mistake(
      "[{ address: \"10.0.0.1:80\", backup: \"true\" }]",
      "2:61: 'backup' must be true or false, found 'true'; what is in quotation marks " + "is text"),
    Mistake(
      "[{ address: \"10.0.0.1:80\", backup: yes }]",
      "2:61: 'backup' must be true or false, found 'yes'; did you mean 'true'?"),
    Mistake(
      "[{ address: [\"10.0.0.1:80\"] }]",
      "2:38: 'address' must be an address such as unix:/run/app.sock, 10.0.0.2:3031 or "
        + "app.internal:3031, found a list; did you mean '10.0.0.1:80'?"),
    Mistake(
      "[[\"10.0.0.1:80\"]]",
      "2:27: 'nodes' must be an address such as unix:/run/app.sock, 10.0.0.2:3031 or "
        + "app.internal:3031, found a list; did you mean '10.0.0.1:80'?"),
  ]

  @Test(arguments: nodes)
  func `a node that cannot be asked is refused`(_ mistake: Mistake) {
    mistake.check(
      """
      routes: [{ host: a.org, upstream: a }]
      upstreams: { a: { nodes: \(mistake.text) } }
      """)
  }

  /// Each text is a key of an upstream.
  static let keys: [Mistake] = [
    Mistake(
      "protocol: htp",
      "5:15: 'protocol' must be uwsgi, http, https or tcp, found 'htp'; did you mean 'http'?"),
    Mistake(
      "protocol: fastcgi",
      "5:15: 'protocol' must be uwsgi, http, https or tcp, found 'fastcgi'; FastCGI is "
        + "not spoken here: the application needs uWSGI or an HTTP server in front"),
    Mistake(
      "tls: { name: app.internal }",
      "5:18: 'tls.name' in upstreams.a needs protocol https, found uwsgi"),
    Mistake(
      "tls: { verfy: false }",
      "5:12: unknown key 'verfy' in upstreams.a.tls; did you mean 'verify'?"),
    Mistake(
      "keep_alive: { connections: -1 }",
      "5:32: 'connections' must be a whole number from 0 to 10000, found '-1'; '-1' is "
        + "no limit elsewhere, here 10000 is the most"),
    Mistake(
      "balance: hashing",
      "5:14: 'balance' must be least-requests, round-robin or hash, found 'hashing'"),
    Mistake(
      "balance: round_robin",
      "5:14: 'balance' must be least-requests, round-robin or hash, found 'round_robin'; did "
        + "you mean 'round-robin'?"),
    Mistake(
      "hash_on: header:X-User",
      "5:14: 'hash_on' needs 'balance: hash'"),
    Mistake(
      "hash_on: user",
      "5:14: 'hash_on' needs 'balance: hash'",
      "5:14: 'hash_on' must be address, header:NAME or cookie:NAME, found 'user'"),
    Mistake(
      "sticky: 'a b'",
      "5:13: 'sticky' must be the name of a cookie, found 'a b'"),
    Mistake(
      "modifier1: 22",
      "5:16: 'modifier1' must not be 22: it tells uWSGI to run code from the request"),
    Mistake(
      "modifier1: 17",
      "5:16: 'modifier1' must not be 17: it tells uWSGI to queue a job"),
    Mistake(
      "modifier1: 256",
      "5:16: 'modifier1' must be a whole number from 0 to 255, found '256'"),
    Mistake(
      "modifier1: -1",
      "5:16: 'modifier1' must be a whole number from 0 to 255, found '-1'"),
    Mistake(
      "hold: 1000h",
      "5:11: 'hold' must be from 0s to 10m, found '1000h'"),
    Mistake(
      "timeouts: { connect: 5m }",
      "5:26: 'connect' must be from 1ms to 1m, found '5m'"),
    Mistake(
      "retry: { tries: 0 }",
      "5:21: 'tries' must be a whole number from 1 to 10, found '0'; 1 is the first "
        + "try alone"),
    Mistake(
      "retry: { hedge: on }",
      "5:21: 'hedge' must be auto or off, found 'on'; did you mean 'auto'?"),
    Mistake(
      "retry: { on: connect }",
      "5:18: 'on' must be a list of connect, reset or a status from 400 to 599, found "
        + "'connect'; did you mean [\"connect\"]?"),
    Mistake(
      "retry: { on: [conect, \"502\", 200, reset] }",
      "5:19: 'on' must be connect, reset or a status from 400 to 599, found 'conect'; "
        + "did you mean 'connect'?",
      "5:27: 'on' must be connect, reset or a status from 400 to 599, found '502'; what"
        + " is in quotation marks is text",
      "5:34: 'on' must be connect, reset or a status from 400 to 599, found '200'"),
    Mistake(
      "retry: { within: 0s }",
      "5:22: 'within' must be from 1ms to 1h, found '0s'; 0 is no limit elsewhere, "
        + "here 1h is the most"),
    Mistake(
      "retry: { non_idempotent: maybe }",
      "5:30: 'non_idempotent' must be true or false, found 'maybe'"),
    Mistake(
      "buffer_size: 1MiB",
      "5:18: 'buffer_size' must be from 1KiB to 64KiB, found '1MiB'"),
    Mistake(
      "path: /x",
      "5:5: unknown key 'path' in upstreams.a; it belongs in a route"),
  ]

  @Test(arguments: keys)
  func `a wrong setting of an upstream is refused`(_ mistake: Mistake) {
    mistake.check(
      """
      routes: [{ host: a.org, upstream: a }]
      upstreams:
        a:
          nodes: ["10.0.0.1:80"]
          \(mistake.text)
      """)
  }
}
