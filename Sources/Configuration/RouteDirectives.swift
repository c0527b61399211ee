/// The keys of routes.
extension Directives {
  static let routes = routePlaces + routeAnswers + routeFields + routeLimits

  private static let routePlaces: [Directive] = [
    .required(
      "routes", .list, example: "",
      "An exact host beats a wildcard, a longer path a shorter one; order never matters"),
    .required(
      "routes[].host", .text, example: #""*.example.org""#,
      "A name, or *. and a name for one label of anything"),
    .init("routes[].path", .text, "/", "What the path begins with, in whole segments"),
    .required(
      "routes[].upstream", .text, example: "app",
      "A name under upstreams; or files, redirect or respond instead"),
  ]

  private static let routeAnswers: [Directive] = [
    .optionalSection(
      "routes[].files", "What the path has behind the route's is a file; also files: DIRECTORY"),
    .required(
      "routes[].files.directory", .path(or: []), example: "/srv/app/static",
      "Nothing outside of it is served, and no name that begins with a dot"),
    .init(
      "routes[].files.index", .texts, "[index.html]", "Answers for a directory; [] for none"),
    .init(
      "routes[].files.listing", .flag, "false",
      "A directory without an index shows what it has"),
    .init(
      "routes[].files.precompressed", .texts, "[]",
      "Of br, zstd and gzip, best first: app.js.br is sent for app.js to who takes it"),
    .optional(
      "routes[].files.cache_control", .text, example: "max-age=3600", "The field of the answers"),
    .optionalSection("routes[].redirect", "Answers with another address"),
    .required(
      "routes[].redirect.to", .text, example: "https://www.example.org{path}{query}",
      "A URL or path; {host}, {path} and {query} are the request's"),
    .init(
      "routes[].redirect.status", .number(301...308), "302", "301, 302, 303, 307 or 308"),
    .optionalSection("routes[].respond", "Answers always the same"),
    .init("routes[].respond.status", .number(200...599), "200", "But 206, 304 and 500"),
    .optional("routes[].respond.body", .text, example: "ok", "The text; default: none"),
    .init(
      "routes[].respond.content_type", .text, "text/plain; charset=utf-8", "Of that text"),
  ]

  private static let routeFields: [Directive] = [
    .optionalSection(
      "routes[].request_headers", "What the upstream gets; first remove, then set, then add"),
    .optional(
      "routes[].request_headers.remove", .texts, example: "[X-Debug]", "Fields that go"),
    .optional(
      "routes[].request_headers.set", .fields, example: "{ X-Tenant: blue }",
      "In the place of what the client sent"),
    .optional(
      "routes[].request_headers.add", .fields, example: "{ X-Edge: one }",
      "Beside what the client sent"),
    .optionalSection(
      "routes[].response_headers", "What the client gets, of every answer but error pages"),
    .optional(
      "routes[].response_headers.remove", .texts, example: "[Server]", "Fields that go"),
    .optional(
      "routes[].response_headers.set", .fields, example: "{ X-Frame-Options: DENY }",
      "In the place of what the application sent"),
    .optional(
      "routes[].response_headers.add", .fields, example: "{ Link: </app.css>; rel=preload }",
      "Beside what the application sent"),
    .optional(
      "routes[].set_cookie", .texts, example: "[HttpOnly, Secure, SameSite=None]",
      "Added to cookies that lack them"),
    .optionalSection(
      "routes[].hsts", "Browsers come by https only from now on; on error pages too"),
    .init(
      "routes[].hsts.max_age", .duration(.zero ... .hours(5 * 365 * 24)), "8760h",
      "How long they remember it"),
    .init("routes[].hsts.include_subdomains", .flag, "false", "Of the host as well"),
    .init("routes[].hsts.preload", .flag, "false", "Agrees to browsers' built-in lists"),
  ]

  private static let routeLimits: [Directive] = [
    .init(
      "routes[].body_max", .size(0...1 << 40), "64MiB",
      "A request body above it is answered 413"),
    .init(
      "routes[].idempotency_key", .flag, "false",
      "Requests with an Idempotency-Key may be tried again, whatever their method"),
    .init(
      "routes[].websocket", .flag, "true",
      "WebSocket connections may be opened; false makes them ordinary requests"),
    .optional(
      "routes[].compress", .word(CompressSettings.Mode.allCases.map(\.rawValue)), example: "on",
      "Whether answers are compressed; without-cookies: not those that set cookies; default: as"
        + " under compress"),
    .section(
      "routes[].requests_per_address", "As under limits, counted for this route alone besides it"),
    .init(
      "routes[].requests_per_address.rate", .number(0...rateMax), "0",
      "Per second; 0 for no limit"),
    .init(
      "routes[].requests_per_address.burst", .number(0...burstMax), "0",
      "What may come at once; 0 for twice the rate"),
  ]
}
