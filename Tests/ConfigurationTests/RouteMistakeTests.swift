import Testing

@testable import Configuration

@Suite("Routes of the configuration")
struct RouteMistakeTests {
  /// Each text is the second route.
  static let routes: [Mistake] = [
    Mistake(
      "{ upstraem: billing, host: b.org }",
      "4:7: unknown key 'upstraem' in routes[1]; did you mean 'upstream'?"),
    Mistake(
      "{ host: b.org }",
      "4:7: missing required key 'upstream', 'files', 'redirect' or 'respond' in routes[1]"),
    Mistake(
      "{ upstream: billing }",
      "4:7: missing required key 'host' in routes[1]"),
    Mistake(
      "{}",
      "4:5: missing required key 'host' in routes[1]",
      "4:5: missing required key 'upstream', 'files', 'redirect' or 'respond' in routes[1]"),
    Mistake(
      "",
      "4:4: missing required key 'host' in routes[1]",
      "4:4: missing required key 'upstream', 'files', 'redirect' or 'respond' in routes[1]"),
    Mistake(
      "{ host: b.org, upstream: bililng }",
      "4:30: unknown upstream 'bililng' in routes[1]; did you mean 'billing'?"),
    Mistake(
      "{ host: b.org, upstream: other }",
      "4:30: unknown upstream 'other' in routes[1]"),
    Mistake(
      "{ host: b.org, upstream: billing, files: /srv }",
      "4:46: 'files' beside 'upstream' in routes[1]: a route leads to one of them"),
    Mistake(
      "{ host: b.org, upstream: billing, set_cookie: [Secure, HttpsOnly] }",
      "4:60: 'set_cookie' must be a list of HttpOnly, Secure, SameSite=Strict, SameSite=Lax or"
        + " SameSite=None, found 'HttpsOnly'; did you mean 'HttpOnly'?"),
    // Hosts.
    Mistake(
      "{ host: A.org., upstream: billing }",
      "4:5: duplicate route for host 'a.org' and path '/', first on line 3"),
    Mistake(
      "{ host: a.org, upstream: billing, path: / }",
      "4:5: duplicate route for host 'a.org' and path '/', first on line 3"),
    Mistake(
      "{ host: \"bücher.example\", upstream: billing }",
      "4:13: 'host' must be a host name such as app.example.org or *.example.org, found"
        + " 'bücher.example'; write its ASCII form, which begins with xn--"),
    Mistake(
      "{ host: \"a.*.org\", upstream: billing }",
      "4:13: 'host' must be a host name such as app.example.org or *.example.org, found"
        + " 'a.*.org'; '*' stands for the whole first label only"),
    Mistake(
      "{ host: \"_\", upstream: billing }",
      "4:13: 'host' must be a host name such as app.example.org or *.example.org, "
        + "found '_'; \"*\" is every host that no other route has, '*.example.org' one label of "
        + "anything"),
    Mistake(
      "{ host: [b.org, B.org], upstream: billing }",
      "4:21: host 'b.org' is twice in routes[1]"),
    Mistake(
      "{ host: [b.org, c d, [e.org]], upstream: billing }",
      "4:21: 'host' must be a host name such as app.example.org or *.example.org, found 'c d'; "
        + "several names are a list: [a.example.org, b.example.org]",
      "4:26: 'host' must be a host name such as app.example.org or *.example.org, found a list;"
        + " did you mean 'e.org'?"),
    Mistake(
      "{ host: [], upstream: billing }",
      "4:13: 'host' must have at least one name"),
    Mistake(
      "{ host: [b.org, a.org], upstream: billing }",
      "4:5: duplicate route for host 'a.org' and path '/', first on line 3"),
    Mistake(
      "{ host: \"**.b.org\", upstream: billing }",
      "4:13: 'host' must be a host name such as app.example.org or *.example.org, found"
        + " '**.b.org'; '*' stands for the whole first label only"),
    Mistake(
      "{ host: \"b.org:443\", upstream: billing }",
      "4:13: 'host' must be a host name such as app.example.org or *.example.org, found"
        + " 'b.org:443'; no port belongs here"),
    Mistake(
      "{ host: \"https://b.org/\", upstream: billing }",
      "4:13: 'host' must be a host name such as app.example.org or *.example.org, found"
        + " 'https://b.org/'; no scheme and no path belong here"),
    Mistake(
      "{ host: .b.org, upstream: billing }",
      "4:13: 'host' must be a host name such as app.example.org or *.example.org, "
        + "found '.b.org'; '*.b.org' is one label before it, and 'b.org' a route of its own"),
    Mistake(
      "{ host: b..org, upstream: billing }",
      "4:13: 'host' must be a host name such as app.example.org or *.example.org, found"
        + " 'b..org'; a label of it is empty"),
    Mistake(
      "{ host: b org, upstream: billing }",
      "4:13: 'host' must be a host name such as app.example.org or *.example.org, "
        + "found 'b org'; several names are a list: [a.example.org, b.example.org]"),
    Mistake(
      "{ host: \(String(repeating: "b", count: 64)).org, upstream: billing }",
      "4:13: 'host' must be a host name such as app.example.org or *.example.org, found"
        + " '\(String(repeating: "b", count: 60))…'; a label has at most 63 characters"),
    Mistake(
      "{ host: "
        + "\(String(repeating: "b", count: 50)).\(String(repeating: "b", count: 50)).\(String(repeating: "b", count: 50)).\(String(repeating: "b", count: 50)).\(String(repeating: "b", count: 50)),"
        + " upstream: billing }",
      "4:13: 'host' must be a host name such as app.example.org or *.example.org, found"
        + " '\(String(repeating: "b", count: 50)).bbbbbbbbb…'; a name has at most 253 "
        + "characters"),
    // Paths.
    Mistake(
      "{ host: b.org, upstream: billing, path: x }",
      "4:45: 'path' must be a path such as /static/, found 'x'; it must begin with '/'"),
    Mistake(
      "{ host: b.org, upstream: billing, path: \"/a?b\" }",
      "4:45: 'path' must be a path such as /static/, found '/a?b'; '?' and '#' never "
        + "are in a path"),
    Mistake(
      "{ host: b.org, upstream: billing, path: /%41 }",
      "4:45: 'path' must be a path such as /static/, found '/%41'; requests are decoded"
        + " first, so write the character itself"),
    Mistake(
      "{ host: b.org, upstream: billing, path: /a/../b }",
      "4:45: 'path' must be a path such as /static/, found '/a/../b'; requests never "
        + "have '.' or '..' segments after decoding"),
    Mistake(
      "{ host: b.org, upstream: billing, path: //a }",
      "4:45: 'path' must be a path such as /static/, found '//a'; requests never have "
        + "'//' after decoding"),
    Mistake(
      "{ host: b.org, upstream: billing, path: /a* }",
      "4:45: 'path' must be a path such as /static/, found '/a*'; no '*' is needed: it "
        + "stands for all that begins with it"),
    Mistake(
      "{ host: b.org, upstream: billing, body_max: lots }",
      "4:49: 'body_max' must be a size such as 20MiB, found 'lots'"),
    Mistake(
      "{ host: b.org, upstream: billing, idempotency_key: 1 }",
      "4:56: 'idempotency_key' must be true or false, found '1'; did you mean 'true'?"),
  ]

  @Test(arguments: routes)
  func `a route that cannot work is refused`(_ mistake: Mistake) {
    mistake.check(
      """
      upstreams: { billing: { nodes: ["10.0.0.1:80"] } }
      routes:
        - { host: a.org, upstream: billing }
        - \(mistake.text)
      """)
  }
}
