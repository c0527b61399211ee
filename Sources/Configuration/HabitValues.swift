internal import EventLoop

/// Words for values of the wrong kind: a list where one is taken, a word where a mapping is.
extension Habits {
  /// What is said to a value of any key; empty where nothing is known of it.
  static func value(_ node: YAMLNode, expected: String) -> String {
    switch node.content {
    case .list(let items) where !expected.hasPrefix("a list") && !expected.hasPrefix("a mapping"):
      return one(of: items)
    case .scalar(let text, _) where expected.hasPrefix("a list of"):
      return node.isNothing ? "" : Found.meantList(split(text).map { item($0, expected) })
    case .scalar(let text, let isQuoted):
      if let hint = LookAlike.hint(in: text) { return "; \(hint)" }
      if !isQuoted, text.hasSuffix(";") { return "; no ';' ends a value" }
      return variable(text)
    default: return ""
    }
  }

  /// `; an environment variable is written ${NAME}` for `$NAME`.
  static func variable(_ text: String) -> String {
    guard text.hasPrefix("$"), !text.hasPrefix("${") else { return "" }
    let name = text.dropFirst().prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
    guard let first = name.first, first.isUppercase else {
      return "; there are no variables but those of the environment, written ${NAME}"
    }
    return "; an environment variable is written ${\(name)}"
  }

  private static func one(of items: [YAMLNode]) -> String {
    if items.isEmpty { return "" }
    guard items.count == 1, case .scalar(let text, _)? = items.first?.content else {
      return "; one is taken here"
    }
    return Found.meant(Found.shortened(text))
  }

  /// `a, b` and `a b` as the texts they were meant to be.
  private static func split(_ text: String) -> [String] {
    text.split { ", ;".contains($0) }.map(String.init)
  }

  /// One of them as it is written in such a list.
  private static func item(_ text: String, _ expected: String) -> String {
    if expected.hasPrefix("a list of URLs"), !text.contains("://") { return "https://\(text)" }
    guard expected.hasPrefix("a list of addresses") else { return text }
    if text.hasPrefix("/") { return "unix:\(text)" }
    return Number.parse(text) == nil ? text : "127.0.0.1:\(text)"
  }

  /// What is said where the rows under `parent` need a mapping and something else is there.
  static func mapping(_ node: YAMLNode, for parent: String) -> String {
    if case .list(let items) = node.content {
      if parent == "dns" { return "; \(zone)" }
      if let key = lists[parent] { return "; did you mean { \(key): \(listText(items)) }?" }
      if parent == "acme" { return sentences[parent].map { "; \($0)" } ?? "" }
      return parent == "certificates"
        ? "; { directory: DIR } has each certificate as NAME/fullchain.pem with NAME/privkey.pem"
        : ""
    }
    guard case .scalar(let text, _) = node.content, !node.isNothing else { return "" }
    if let hint = LookAlike.hint(in: text) { return "; \(hint)" }
    if let found = shape(text, in: parent), found.advice == YAMLSyntax.missingSpace {
      return "; \(found.advice)"
    }
    if let sentence = sentences[parent] { return "; \(sentence)" }
    if parent == "routes[].respond", Number.parse(text) != nil {
      return "; did you mean { status: \(text) }?"
    }
    if parent == "routes[].hsts", flag(text) == true { return "; did you mean {}?" }
    if parent.hasSuffix("requests_per_address"), Number.parse(text) == nil {
      let digits = text.prefix { $0.isNumber }
      return digits.isEmpty ? "" : "; did you mean { rate: \(digits) }?"
    }
    if parent == "dns" {
      return flag(text) == nil && HostPattern.read(text).normal != nil
        && SocketAddress(ip: text, port: 53) == nil
        ? "; did you mean { zone: \(Found.shortened(text)) }?" : "; \(zone)"
    }
    if parent == "compress", let truth = flag(text) {
      return "; did you mean { default: \(truth ? "on" : "off") }?"
    }
    if flag(text) != nil, parent != "log" { return "" }
    if let key = scalars[parent] { return "; did you mean { \(key): \(Found.shortened(text)) }?" }
    let address = parent == "listen" ? AddressReader.meantListener(text) ?? text : text
    return lists[parent].map { "; did you mean { \($0): [\"\(Found.shortened(address))\"] }?" }
      ?? ""
  }

  private static func listText(_ items: [YAMLNode]) -> String {
    guard case .scalar(let text, _)? = items.first?.content else { return "[…]" }
    return items.count == 1 ? "[\"\(Found.shortened(text))\"]" : "[\"\(Found.shortened(text))\", …]"
  }

  /// The key of a mapping that is meant by a list, or by one of its items, in the mapping's place.
  private static let lists = [
    "upstreams.NAME": "nodes", "etcd": "endpoints", "listen": "https", "subscriptions": "listen",
    "upstreams.NAME.retry": "on", "compress": "types", "acme.certificates[]": "names",
  ]
  /// The key that is meant by one value in the mapping's place.
  private static let scalars = [
    "certificates": "directory", "log": "access", "compress": "default", "health": "path",
    "upstreams.NAME.health": "path", "routes[].redirect": "to", "routes[].respond": "body",
    "upstreams.NAME.retry": "tries", "upstreams.NAME.keep_alive": "connections",
    "limits.requests_per_address": "rate", "routes[].requests_per_address": "rate",
    "tls": "minimum", "routes[].hsts": "max_age", "routes[].cors": "origins",
    "acme.dns.hook": "command", "acme.dns.update": "server", "traces": "mode",
    "routes[].client_certificates": "ca",
  ]
  private static let zone =
    "it has keys, such as { zone: fleet.example.org }; what is asked by this server is looked up as the"
    + " system does"
  private static let sentences = [
    "records": "it has keys, such as { provider: cloudns, zone: example.org, names: [\"*\"] }",
    "acme":
      "it has keys, such as { terms_accepted: true, certificates: [{ names: [example.org] }] }",
    "acme.issuers[].external_account": "it has keys: { id: ID, key_file: FILE }",
    "timeouts": "each has a key, such as { head: 10s, keep_alive: 75s }",
    "upstreams.NAME.timeouts": "each has a key, such as { connect: 1s, response: 60s }",
    "limits": "each has a key, such as { connections: 20000 }",
    "routes[]": "a route is '- host: app.example.org' with 'upstream: app' below 'host'",
    "upstreams.NAME.tls": "'protocol: https' switches it on, { verify: false } is what tls may say",
  ]

  /// What is said where a list of mappings, or a mapping of names, is needed and the other is there.
  static func collection(_ node: YAMLNode, _ key: String) -> String {
    switch (key, node.content) {
    case ("routes", .mapping):
      "; each route begins with '- ', as in '- host: app.example.org'"
    case ("upstreams", .list):
      "; no '- ' is before the names: each upstream is 'NAME:' with 'nodes:' below it"
    case ("tcp", .mapping): "; each begins with '- ', as in '- address: \"127.0.0.1:4000\"'"
    case ("allow", .mapping): "; each begins with '- ', as in '- from: 10.0.0.0/24'"
    case ("set", .list), ("add", .list): "; each field is 'NAME: VALUE'"
    case ("issuers", .scalar(let text, _)) where !node.isNothing: Found.meantList([text])
    case ("issuers", .mapping): "; each begins with '- ', as in '- directory: letsencrypt'"
    case ("certificates", .scalar(let text, _)) where !node.isNothing:
      "; did you mean [{ names: [\"\(Found.shortened(text))\"] }]?"
    case ("certificates", .mapping): "; each begins with '- ', as in '- names: [example.org]'"
    default: ""
    }
  }

  /// What is said where the whole file is no mapping.
  static func root(_ node: YAMLNode) -> String {
    switch node.content {
    case .list: "; no '- ' is at its left: it begins with keys such as 'upstreams:' and 'routes:'"
    case .scalar(let text, _):
      Line(text).columnOfMissingSpace != nil ? "; \(YAMLSyntax.missingSpace)" : ""
    default: ""
    }
  }
}

extension Found {
  /// As in `; did you mean ["a", "b"]?`.
  static func meantList(_ texts: [String]) -> String {
    guard !texts.isEmpty, texts.count <= 4 else { return "" }
    return "; did you mean [" + texts.map { "\"\(shortened($0))\"" }.joined(separator: ", ") + "]?"
  }
}
