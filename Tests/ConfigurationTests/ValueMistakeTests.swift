import Testing

@testable import Configuration

@Suite("Values of the configuration")
struct ValueMistakeTests {
  /// Each text follows two good lines.
  static let values: [Mistake] = [
    // Sizes and durations.
    Mistake(
      "limits: { head: lots }",
      "3:17: 'head' must be a size such as 20MiB, found 'lots'"),
    Mistake(
      "limits: { head: 20MB }",
      "3:17: 'head' must be a size such as 20MiB, found '20MB'; did you mean '20MiB'?"),
    Mistake(
      "limits: { head: 16384 }",
      "3:17: 'head' must be a size such as 20MiB, found '16384'; did you mean '16KiB'?"),
    Mistake(
      "limits: { head: 1B }",
      "3:17: 'head' must be from 1KiB to 60KiB, found '1B'"),
    Mistake(
      "limits: { head: 99999999999999999999999GiB }",
      "3:17: 'head' must be from 1KiB to 60KiB, found '99999999999999999999999GiB'"),
    Mistake(
      "limits: { head: 9007199254740993TiB }",
      "3:17: 'head' must be from 1KiB to 60KiB, found '9007199254740993TiB'"),
    Mistake(
      "limits: { head: -1KiB }",
      "3:17: 'head' must be a size such as 20MiB, found '-1KiB'"),
    Mistake(
      "limits: { head: 1.5MiB }",
      "3:17: 'head' must be a size such as 20MiB, found '1.5MiB'; did you mean "
        + "'1536KiB'?"),
    Mistake(
      "limits: { head: [1KiB] }",
      "3:17: 'head' must be a size such as 20MiB, found a list; did you mean '1KiB'?"),
    Mistake(
      "limits: { head: }",
      "3:17: 'head' has no value; it must be a size such as 20MiB"),
    Mistake(
      "limits: { head: \"\" }",
      "3:17: 'head' is empty; it must be a size such as 20MiB"),
    Mistake(
      "limits: { head: null }",
      "3:17: 'head' has no value; it must be a size such as 20MiB"),
    Mistake(
      "timeouts: { head: soon }",
      "3:19: 'head' must be a duration such as 10s, found 'soon'"),
    Mistake(
      "timeouts: { head: 10 sec }",
      "3:19: 'head' must be a duration such as 10s, found '10 sec'; did you mean '10s'?"),
    Mistake(
      "timeouts: { head: 10 }",
      "3:19: 'head' must be a duration such as 10s, found '10'; did you mean '10s'?"),
    Mistake(
      "timeouts: { head: 2d }",
      "3:19: 'head' must be a duration such as 10s, found '2d'; did you mean '48h'?"),
    Mistake(
      "timeouts: { head: 0s }",
      "3:19: 'head' must be from 10ms to 1h, found '0s'; 0 is no limit elsewhere, here "
        + "1h is the most"),
    Mistake(
      "timeouts: { head: 99999999999999999999h }",
      "3:19: 'head' must be from 10ms to 1h, found '99999999999999999999h'"),
    Mistake(
      "timeouts: { head: { s: 1 } }",
      "3:19: 'head' must be a duration such as 10s, found a mapping"),
    // Numbers, truth values and words.
    Mistake(
      "limits: { fields: many }",
      "3:19: 'fields' must be a whole number from 10 to 100, found 'many'"),
    Mistake(
      "limits: { fields: 1000 }",
      "3:19: 'fields' must be a whole number from 10 to 100, found '1000'"),
    Mistake(
      "limits: { fields: \"50\" }",
      "3:19: 'fields' must be a whole number from 10 to 100, found '50'; what is in "
        + "quotation marks is text"),
    Mistake(
      "limits: { fields: 0x20 }",
      "3:19: 'fields' must be a whole number from 10 to 100, found '0x20'"),
    Mistake(
      "limits: { fields: +50 }",
      "3:19: 'fields' must be a whole number from 10 to 100, found '+50'"),
    Mistake(
      "limits: { fields: 99999999999999999999 }",
      "3:19: 'fields' must be a whole number from 10 to 100, found " + "'99999999999999999999'"),
    Mistake(
      "log: { format: jsn }",
      "3:16: 'format' must be json, combined or a text with fields such as {client}, found 'jsn';"
        + " did you mean 'json'?"),
    Mistake(
      "log: { access: of }",
      "3:16: 'access' must be a path, off or stdout, found 'of'; did you mean 'off'?"),
    Mistake(
      "log: { level: loud }",
      "3:15: 'level' must be debug, info, notice, warning or error, found 'loud'"),
    Mistake(
      "tls: { minimum: 1.1 }",
      "3:17: 'minimum' must be 1.2 or 1.3, found '1.1'; what is older than TLS 1.2 is "
        + "not served"),
    Mistake(
      "tls: { minimum: }",
      "3:17: 'minimum' has no value; it must be 1.2 or 1.3"),
    Mistake(
      "tls: { tickets: shared }",
      "3:17: 'tickets' must be local, etcd or off, found 'shared'; did you mean 'etcd'?"),
    Mistake(
      "listen: { close_when_unable: fleet }",
      "3:30: 'close_when_unable: fleet' needs 'etcd', through which the servers agree"),
    Mistake(
      "listen: { close_when_unable: sometimes }",
      "3:30: 'close_when_unable' must be never, always or fleet, found 'sometimes'"),
    // Addresses to listen at.
    Mistake(
      "listen: { https: [] }",
      "3:18: 'https' must have at least one address"),
    Mistake(
      "listen: { https: 0.0.0.0:443 }",
      "3:18: 'https' must be a list of addresses such as [\"0.0.0.0:443\", \"[::]:443\"], "
        + "found '0.0.0.0:443'; did you mean [\"0.0.0.0:443\"]?"),
    Mistake(
      "listen: { https: [localhost:443] }",
      "3:19: 'https' must be an IP address with a port such as 0.0.0.0:443 or [::]:443,"
        + " found 'localhost:443'; did you mean '127.0.0.1:443'?"),
    Mistake(
      "listen: { https: [0.0.0.0:65536] }",
      "3:19: 'https' must be an IP address with a port such as 0.0.0.0:443 or [::]:443,"
        + " found '0.0.0.0:65536'; a port is a number from 0 to 65535"),
    Mistake(
      "listen: { https: [0.0.0.0] }",
      "3:19: 'https' must be an IP address with a port such as 0.0.0.0:443 or [::]:443,"
        + " found '0.0.0.0'; the port is missing"),
    Mistake(
      "listen: { https: [\"::\"] }",
      "3:19: 'https' must be an IP address with a port such as 0.0.0.0:443 or [::]:443,"
        + " found '::'; an IPv6 address stands in brackets and has a port after them"),
    Mistake(
      "listen: { https: [\"::1:443\"] }",
      "3:19: 'https' must be an IP address with a port such as 0.0.0.0:443 or [::]:443,"
        + " found '::1:443'; an IPv6 address stands in brackets and has a port after them"),
    Mistake(
      "listen: { https: [\":443\"] }",
      "3:19: 'https' must be an IP address with a port such as 0.0.0.0:443 or [::]:443,"
        + " found ':443'; did you mean '0.0.0.0:443' or '[::]:443'?"),
    Mistake(
      "listen: { https: [\"unix:/run/x\"] }",
      "3:19: 'https' must be an IP address with a port such as 0.0.0.0:443 or [::]:443,"
        + " found 'unix:/run/x'; a unix socket cannot be listened at here"),
    Mistake(
      "listen: { https: [\"edge.example.org:443\"] }",
      "3:19: 'https' must be an IP address with a port such as 0.0.0.0:443 or [::]:443,"
        + " found 'edge.example.org:443'; host names are not looked up, write the IP " + "address"),
    Mistake(
      "listen: { https: [\"0.0.0.0:443\"], http: [\"0.0.0.0:443\"] }",
      "3:42: '0.0.0.0:443' is listened at twice, first on line 3"),
    // The environment.
    Mistake(
      "node: ${UNSET}",
      "3:7: environment variable 'UNSET' is not set"),
    Mistake(
      "node: ${FLEET_NOD}",
      "3:7: environment variable 'FLEET_NOD' is not set; did you mean 'FLEET_NODE'?"),
    Mistake(
      "state: /${UNSET}/${UNSET_TOO}",
      "3:8: environment variable 'UNSET' is not set",
      "3:8: environment variable 'UNSET_TOO' is not set"),
    Mistake(
      "node: a${x",
      "3:7: '${' without '}'; write $${ for the text itself"),
    Mistake(
      "node: ${}",
      "3:7: '${}' names no environment variable"),
    Mistake(
      "node: ${1A}",
      "3:7: '${1A}' names no environment variable"),
    Mistake(
      "node: ${EMPTY}",
      "3:7: 'node' is empty; it must be text"),
    Mistake(
      "node: ${LINES}",
      "3:7: 'node' has a line break or control character in it"),
    Mistake(
      "limits: { fields: ${FLEET_NODE} }",
      "3:20: '${NAME}' within [ ] or { } must stand in quotation marks"),
    // The rest.
    Mistake(
      "node: a b",
      "3:7: 'node' must be a name such as edge-1, found 'a b'"),
    Mistake(
      "node: []",
      "3:7: 'node' must be text, found a list"),
    Mistake(
      "state: [x]",
      "3:8: 'state' must be a path, found a list; did you mean 'x'?"),
    Mistake(
      "state: \"a\\0b\"",
      "3:8: 'state' has a line break or control character in it"),
    Mistake(
      "certificates: { default: \"*.example.org\" }",
      "3:26: 'default' must be a DNS name such as example.org, found '*.example.org'"),
    Mistake(
      "certificates: { directory: }",
      "3:28: 'directory' has no value; it must be a path"),
    Mistake(
      "health: { path: healthz }",
      "3:17: 'path' must be a path such as /static/, found 'healthz'; it must begin " + "with '/'"),
    Mistake(
      "acme_challenges: {}",
      "3:18: 'acme_challenges' must be a path, found a mapping"),
    Mistake(
      "error_pages: { 200: /page.html }",
      "3:16: a key of 'error_pages' must be a status from 400 to 599, found '200'"),
    Mistake(
      "error_pages: { 503: /missing.html }",
      "3:21: '/missing.html' cannot be read: No such file or directory"),
    Mistake(
      "error_pages: [503]",
      "3:14: 'error_pages' must be a mapping of names, found a list"),
    Mistake(
      "timeouts: 5s",
      "3:11: 'timeouts' must be a mapping of keys, found '5s'; each has a key, such as "
        + "{ head: 10s, keep_alive: 75s }"),
    Mistake(
      "limits: []",
      "3:9: 'limits' must be a mapping of keys, found a list"),
  ]

  @Test(arguments: values)
  func `a wrong value is reported where it stands with what it must be`(_ mistake: Mistake) {
    mistake.check(
      ConfigurationFixture.valid + mistake.text,
      environment: ["FLEET_NODE": "edge-1", "EMPTY": "", "LINES": "a\nb"])
  }
}
