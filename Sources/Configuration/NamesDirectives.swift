/// The keys about DNS: where clients reach the servers, and how names lead them there.
extension Directives {
  static let names: [Directive] =
    [
      .optional(
        "public", .addresses, example: #"[203.0.113.1, "2001:db8::1"]"#,
        "Where clients reach this server: what the fleet puts into DNS while the server lives; at most"
          + " \(publicAddressesMax)")
    ] + nameService + records + providers

  private static let nameService: [Directive] = [
    .optionalSection(
      "dns",
      "A zone that the servers of the fleet answer themselves: all.ZONE leads to those that live; needs"
        + " public, and NS records at your provider, which edgeproxy dns setup prints"),
    .required(
      "dns.zone", .text, example: "fleet.example.org",
      "What is delegated to the servers; nothing else is answered, and nothing is looked up for others"
    ),
    .init(
      "dns.listen", .addresses, "default",
      "IP:PORT over UDP and TCP, at most \(nameListenersMax); default: port 53 of each address of public;"
        + " behind NAT the addresses that this machine has"),
    .init(
      "dns.ttl", .duration(.seconds(1) ... .minutes(5)), "10s",
      "How long resolvers keep the addresses"),
    .init(
      "dns.return_after", .duration(.zero ... .minutes(10)), "30s",
      "How long an address that was away is well before it is answered again"),
    .optional(
      "dns.servers", .addresses, example: #"[203.0.113.1, [203.0.113.2, "2001:db8::2"]]"#,
      "Without etcd: all servers of the fleet, this one included, in the same order on each; a list for"
        + " one with several addresses; at most \(serversMax)"),
    .init(
      "dns.rate_limit", .text, "200",
      "Answers a second over UDP to one IPv4 /24 or IPv6 /56, \(answersRange.lowerBound) to"
        + " \(answersRange.upperBound); the others lead to TCP or are left out; off for no limit"),
    .init(
      "dns.names", .texts, "[]",
      "Your names that lead to all.ZONE, such as *.example.org; edgeproxy dns setup prints and checks"
        + " them; at most \(zoneNamesMax)"),
  ]

  private static let records: [Directive] = [
    .optionalSection(
      "records",
      "Address records that one server of the fleet keeps at a provider, where no zone can be delegated;"
        + " the last two of a name are never removed; needs public"),
    .required(
      "records.provider", .word(RecordProviderReader.Kind.allCases.map(\.rawValue)),
      example: "rfc2136",
      "rfc2136: a name server that takes updates; cloudns: the API of ClouDNS; exec: a program"),
    .required(
      "records.zone", .text, example: "example.org", "The zone at the provider"),
    .required(
      "records.names", .texts, example: #"["*", "@"]"#,
      "Whose A and AAAA records are kept, in the zone: @ is the zone itself, * all that have no record; at"
        + " most \(recordNamesMax)"),
    .init(
      "records.ttl", .duration(.seconds(1) ... .hours(24)), "60s",
      "How long resolvers keep them; ClouDNS takes 1m, 5m, 15m, 30m, 1h, 6h, 12h and 24h"),
    .init(
      "records.dry_run", .flag, "false",
      "What would be added and removed is logged, and nothing is done"),
  ]

  private static let providers: [Directive] = [
    .optional(
      "records.server", .text, example: "192.0.2.1:53",
      "For rfc2136: IP:PORT of the primary of the zone"),
    .optional(
      "records.key_name", .text, example: "edgeproxy", "For rfc2136: the name of the TSIG key"),
    .optional(
      "records.key_file", .path(or: []), example: "/etc/edgeproxy/tsig.key",
      "For rfc2136: the file of its secret"),
    .init(
      "records.algorithm", .word(["hmac-sha256", "hmac-sha512"]), "hmac-sha256",
      "For rfc2136: of that key"),
    .optional(
      "records.sub_auth_id", .number(1...userMax), example: "1234",
      "For cloudns: the number of a sub-user of its API, who can be given this zone alone"),
    .optional(
      "records.sub_auth_user", .text, example: "edge", "For cloudns: the name of one, instead"),
    .optional(
      "records.auth_id", .number(1...userMax), example: "1234",
      "For cloudns: the number of the API user of the whole account, instead"),
    .optional(
      "records.password_file", .path(or: []), example: "/etc/edgeproxy/cloudns.password",
      "For cloudns: the file of that user's password, read for each call"),
    .init(
      "records.url", .text, "https://api.cloudns.net",
      "For cloudns: what the paths of its API are behind"),
    .optional(
      "records.ca", .path(or: []), example: "/etc/edgeproxy/ca.pem",
      "For cloudns: whom the certificate of that URL descends from; default: whom the system trusts"
    ),
    .optional(
      "records.command", .path(or: []), example: "/usr/share/edgeproxy/hooks/lexicon",
      "For exec: a program that is called with add or remove, a name, a type, a value and a TTL; it runs"
        + " as the service's user"),
    .init(
      "records.mode", .word(RecordsSettings.Hook.Mode.allCases.map(\.rawValue)), "own",
      "For exec: how TXT records for challenge dns are written; lego: by present or cleanup, a name and a"
        + " value"),
    .optional(
      "records.environment_file", .path(or: []), example: "/etc/edgeproxy/dns.env",
      "For exec: NAME=VALUE on each line, what the program gets beside PATH"),
    .init(
      "records.timeout", .duration(.seconds(1) ... .seconds(60)), "60s",
      "For exec: for one call; after it the program and its children are killed"),
  ]

  static let publicAddressesMax = 8
  static let nameListenersMax = 16
  static let serversMax = 300
  static let zoneNamesMax = 100
  static let recordNamesMax = 100
  /// Names of 50 bytes fit before it.
  static let zoneBytesMax = 180
  static let answersRange = 5...100_000
  private static let userMax = 999_999_999
}
