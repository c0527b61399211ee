/// The keys that say who may use the server, and a route.
extension Directives {
  static let access: [Directive] = [
    .optional(
      "allow", .networks, example: #"[10.0.0.0/8, "2001:db8::/32"]"#,
      "Only these clients are answered, others get 403; health and challenges are for all"),
    .optional(
      "deny", .networks, example: "[192.0.2.0/24]",
      "These clients get 403, even if allow has them"),
  ]

  static let routeAccess: [Directive] = [
    .optional(
      "routes[].allow", .networks, example: "[10.0.0.0/8]",
      "Only these clients, besides what the top says; the address is the client's behind trusted proxies"
    ),
    .optional(
      "routes[].deny", .networks, example: "[192.0.2.0/24]",
      "These clients get 403, even if allow has them"),
    .optionalSection("routes[].basic_auth", "Clients are asked for a name and a password"),
    .required(
      "routes[].basic_auth.file", .path(or: []), example: "/etc/edgeproxy/users",
      "NAME:HASH lines of htpasswd -B, bcrypt or sha512-crypt; a change is noticed within a second"),
    .init("routes[].basic_auth.realm", .text, "Restricted", "What browsers may show as they ask"),
    .optionalSection(
      "routes[].forward_auth",
      "Another application is asked first, by a GET with the request's fields and no body; only its 2xx"
        + " lets the request in, any other answer is the client's"),
    .required("routes[].forward_auth.upstream", .text, example: "auth", "A name under upstreams"),
    .required("routes[].forward_auth.path", .text, example: "/verify", "What it is asked for"),
    .init(
      "routes[].forward_auth.copy_headers", .texts, "[]",
      "Fields of its 2xx that the application gets; the client's own are dropped"),
  ]
}
