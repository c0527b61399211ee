extension Directives {
  /// How the nodes of an upstream are checked.
  static let health: [Directive] = [
    .optionalSection(
      "upstreams.NAME.health", "Nodes are asked whether they are well"),
    .optional(
      "upstreams.NAME.health.type", .word(HealthCheck.Kind.allCases.map(\.rawValue)),
      example: "request",
      "request: a GET; ping: uwsgi's PING; tcp: a connection; mysql: its greeting, answered and left in"
        + " order. Default: request where path is given, else ping for uwsgi, mysql where greeting is"
        + " mysql, and tcp for others"),
    .optional("upstreams.NAME.health.path", .text, example: "/up", "What the GET asks for"),
    .optional(
      "upstreams.NAME.health.host", .text, example: "app.example.org",
      "Its Host; default: the application's name where it is discovered, else localhost"),
    .optional(
      "upstreams.NAME.health.port", .number(1...65_535), example: "10080",
      "With protocol tcp: where the nodes' machines answer the GET, such as TiDB's status port"),
    .optional(
      "upstreams.NAME.health.user", .text, example: "edgeproxy",
      "Who a mysql check says it is, without a password; the server need not know it"),
    .init(
      "upstreams.NAME.health.status", .text, "200-399",
      "The statuses of a well node: one, or the first and the last"),
    .init(
      "upstreams.NAME.health.interval", .duration(.milliseconds(100) ... .hours(1)), "2s",
      "Between two checks of one node, an eighth more or less"),
    .init(
      "upstreams.NAME.health.timeout", .duration(.milliseconds(10) ... .minutes(1)), "1s",
      "For one check"),
    .init(
      "upstreams.NAME.health.rise", .number(1...Int(HealthThresholds.most)), "2",
      "Successes in a row, of checks or requests, that put a node back"),
    .init(
      "upstreams.NAME.health.fall", .number(1...Int(HealthThresholds.most)), "3",
      "Failures in a row, of checks or requests, that put it out"),
  ]
}
