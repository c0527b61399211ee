/// The keys of certificates that the server orders by itself.
extension Directives {
  static let acme: [Directive] =
    [
      .optionalSection(
        "acme",
        "Certificates that the server orders and renews by itself, from Let's Encrypt or another CA that"
          + " speaks ACME; of a fleet one server does it for all"),
      .init(
        "acme.terms_accepted", .flag, "false",
        "Must be true: you accept the terms of service of each issuer"),
      .optional(
        "acme.contact", .contacts, example: "ops@example.org",
        "Where an issuer writes to; Let's Encrypt needs none"),
    ] + acmeIssuers + acmeCertificates + acmeDNS + [
      .init(
        "acme.hosts", .word(["none", "routed"]), "none",
        "routed: each exact host of a route, and each that is announced, gets a certificate of its own"
          + " where no other certificate covers it"),
      .optional(
        "acme.ca", .path(or: []), example: "/etc/edgeproxy/ca.pem",
        "For private CAs: whom the certificates of their own https descend from; default: whom the"
          + " system trusts"),
      .init(
        "acme.renew_at", .text, "auto",
        "auto: when the issuer says so, else after two thirds of the lifetime; or the part of the"
          + " lifetime, from 0.5 to 0.9"),
    ]

  private static let acmeIssuers: [Directive] = [
    .optional(
      "acme.issuers", .list, example: "",
      "CAs in the order in which they are tried; at most \(acmeIssuersMax); default: letsencrypt"),
    .required(
      "acme.issuers[].directory", .text, example: "letsencrypt",
      "letsencrypt, letsencrypt-staging, zerossl, google, or the https URL of a directory"),
    .optional(
      "acme.issuers[].staging", .text, example: "https://ca.example.org/staging/directory",
      "The https URL of a directory for tests, which edgeproxy acme issue --staging asks; letsencrypt and"
        + " google have one"),
    .optional(
      "acme.issuers[].profile", .text, example: "tlsserver",
      "The kind of certificate, where the issuer has several; default: the issuer's own"),
    .optionalSection(
      "acme.issuers[].external_account",
      "What the issuer's website shows to those who have an account there; zerossl and google need it"
    ),
    .required(
      "acme.issuers[].external_account.id", .text, example: "kid-1", "The key identifier"),
    .required(
      "acme.issuers[].external_account.key_file", .path(or: []),
      example: "/etc/edgeproxy/zerossl.key", "The file of the HMAC key, as it is shown there"),
  ]

  private static let acmeCertificates: [Directive] = [
    .optional(
      "acme.certificates", .list, example: "",
      "One for each; at most \(acmeCertificatesMax)"),
    .required(
      "acme.certificates[].names", .texts, example: #"["*.example.org", example.org]"#,
      "Names, or *. and a name; the first is what the certificate is called; at most"
        + " \(AcmeSettings.namesMax), and \(AcmeSettings.shortNamesMax) with profile tlsserver or"
        + " shortlived"),
    .optional(
      "acme.certificates[].challenge", .word(AcmeSettings.challenges.map(\.word)), example: "dns",
      "How the issuer sees that the names are yours: http asks port 80, tls-alpn port 443, dns a record;"
        + " default: dns where a name begins with *, else http"),
    .init(
      "acme.certificates[].key", .word(["ecdsa", "rsa", "both"]), "ecdsa",
      "both: two certificates, for clients of any age"),
  ]

  private static let acmeDNS: [Directive] = [
    .optionalSection(
      "acme.dns",
      "How the records for challenge dns are written: by update or by hook; or acme.dns: fleet, the"
        + " servers answer them by dns, or acme.dns: records, by the provider of records; default: fleet"
        + " with dns, else records"),
    .optionalSection(
      "acme.dns.update", "Dynamic updates, RFC 2136: BIND, Knot, PowerDNS and others take them"),
    .required(
      "acme.dns.update.server", .text, example: "192.0.2.1:53",
      "IP:PORT of the primary of the zone"),
    .required(
      "acme.dns.update.zone", .text, example: "example.org",
      "Where the records are written; a CNAME at _acme-challenge.NAME may lead into it"),
    .required(
      "acme.dns.update.key_name", .text, example: "edgeproxy", "The name of the TSIG key"),
    .required(
      "acme.dns.update.key_file", .path(or: []), example: "/etc/edgeproxy/tsig.key",
      "The file of its secret"),
    .init(
      "acme.dns.update.algorithm",
      .word(AcmeSettings.Update.Algorithm.allCases.map(\.rawValue)), "hmac-sha256", "Of that key"),
    .init(
      "acme.dns.update.secondaries", .addresses, "[]",
      "IP:PORT of further servers of the zone; the issuer is asked to look once they have the records;"
        + " at most \(acmeSecondariesMax)"),
    .optional(
      "acme.dns.update.resolver", .text, example: "127.0.0.1:53",
      "IP:PORT of a resolver that knows where a CNAME leads; default: the system's"),
    .optionalSection(
      "acme.dns.hook",
      "A program that is called as lego calls its exec provider: present or cleanup, the name of the"
        + " record, its value"),
    .required(
      "acme.dns.hook.command", .path(or: []), example: "/usr/local/bin/dns-hook",
      "The program; it runs as the service's user"),
    .init(
      "acme.dns.hook.timeout", .duration(.seconds(1) ... .hours(1)), "120s",
      "For one call; after it the program and its children are killed"),
    .init(
      "acme.dns.hook.wait", .duration(.zero ... .hours(1)), "0s",
      "How long the servers of the zone take to have the records"),
  ]

  static let acmeIssuersMax = 8
  static let acmeContactsMax = 8
  static let acmeCertificatesMax = 1000
  static let acmeSecondariesMax = 16
}
