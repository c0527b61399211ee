/// The keys of routes.
extension Directives {
  static let routes: [Directive] = [
    sharedByRoutes,
    routePlaces,
    routePaths,
    routeAnswers,
    routeAccess,
    routeFields,
    routeOrigins,
    routeClientCertificates,
    routeStale,
    routeLimits,
  ].flatMap { $0 }

  private static let sharedByRoutes: [Directive] = [
    .optional(
      "defaults", .shared, example: "{ hsts: { max_age: 8760h }, compress: on }",
      "Keys of routes for all routes; a route's own win, and mappings are merged; KEY: ~ takes one"
        + " back"),
    .optional(
      "groups", .groups, example: "{ api: { methods: [GET, POST], body_max: 1MiB } }",
      "Keys of routes under names, for routes that use them"),
  ]

  private static let routePlaces: [Directive] = [
    .required(
      "routes", .list, example: "",
      "An exact host beats a wildcard, a longer path a shorter one, more conditions fewer"),
    .required(
      "routes[].host", .oneOrMore, example: #""*.example.org""#,
      "A name, *. and a name for one label of anything, or * for every host that no other route has;"
        + " or a list of them"),
    .init("routes[].path", .text, "/", "What the path begins with, in whole segments"),
    .optional(
      "routes[].use", .oneOrMore, example: "api",
      "Names under groups whose keys the route has besides its own; of several the later win"),
    .optional(
      "routes[].methods", .texts, example: "[GET, POST]",
      "Others are answered 405, unless another route of this host and path takes them; GET allows"
        + " HEAD"),
    .optionalSection(
      "routes[].match", "Other requests are left to other routes; * as value: is there"),
    .optional(
      "routes[].match.headers", .fields, example: #"{ X-Beta: "1" }"#,
      "Fields of the request, all of them"),
    .optional(
      "routes[].match.query", .fields, example: #"{ v: "2" }"#,
      "Parameters of the query, decoded, all of them"),
    .required(
      "routes[].upstream", .text, example: "app",
      "A name under upstreams; or files, redirect or respond instead"),
  ]

  private static let routePaths: [Directive] = [
    .optional(
      "routes[].canonical_host", .text, example: "www.example.org",
      "Clients that ask for another of the hosts are redirected to this one, path and query kept"),
    .optional(
      "routes[].strip_prefix", .text, example: "/app",
      "What path begins with, taken off: uwsgi gets it as SCRIPT_NAME, HTTP as X-Forwarded-Prefix"),
    .optional(
      "routes[].add_prefix", .text, example: "/v1",
      "Put in front of the path, behind what was taken off"),
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
    .optional(
      "routes[].files.fallback", .text, example: "index.html",
      "The file that answers for what is not there, for programs in browsers that have paths of their own"
    ),
    .optionalSection("routes[].redirect", "Answers with another address"),
    .required(
      "routes[].redirect.to", .text, example: "https://www.example.org{path}{query}",
      "A URL or path; {host}, {path} and {query} are the request's, {rest} what its path has behind the"
        + " route's"),
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

  private static let routeOrigins: [Directive] = [
    .optionalSection(
      "routes[].cors",
      "Answers preflights, and its fields take the place of the application's own"),
    .required(
      "routes[].cors.origins", .oneOrMore, example: #"["https://app.example.org"]"#,
      "Whose pages may read answers; https://*.example.org is one label of anything, * every origin"
    ),
    .init(
      "routes[].cors.methods", .texts, "[GET, HEAD, POST]",
      "What their pages may use; browsers ask before any other"),
    .init(
      "routes[].cors.headers", .texts, "[]",
      "Fields of requests that their pages may set; * for whatever they ask for"),
    .init(
      "routes[].cors.expose", .texts, "[]",
      "Fields of answers that their pages may read besides the usual ones"),
    .init(
      "routes[].cors.credentials", .flag, "false",
      "Their requests may have cookies; needs named origins"),
    .init(
      "routes[].cors.max_age", .duration(.zero ... .hours(24)), "10m",
      "How long browsers remember the answer to a preflight"),
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
