/// Reads what is peculiar to upstreams of protocol tcp, and refuses there what is about requests.
struct TCPUpstreamReader {
  let context: ReadingContext
  let section: Section

  /// Longer than MySQL keeps an idle connection (8 h): the server is to end it, not we.
  private static let idleDefault = Duration.hours(12)

  /// Keys of the upstream, and of the mappings in it, that mean nothing without requests.
  private static let requestKeys = [
    "sticky", "buffer_size", "modifier1", "modifier2", "keep_alive", "tls",
  ]
  private static let requestKeysInside: [(section: String, keys: [String])] = [
    ("timeouts", ["response", "idle"]), ("retry", ["on", "non_idempotent", "hedge"]),
  ]
  private static let ownKeys = ["greeting", "on_node_down"]

  /// Completes the settings as the rest of the upstream was read.
  func complete(_ settings: UpstreamSettings) -> UpstreamSettings {
    guard settings.nodeProtocol == .tcp else {
      for key in Self.ownKeys where section.isGiven(key) {
        report(key, at: section.position(of: key), "needs")
      }
      return settings
    }
    refuseRequestKeys(settings)
    var settings = settings
    settings.greeting = Greeting(rawValue: section.word("greeting")) ?? .none
    settings.cutsWhenDown = section.word("on_node_down") == "cut"
    settings.keepAlive = .off
    if section.position(of: "tunnel", in: "timeouts") == nil {
      settings.tunnelTimeout = Self.idleDefault
    }
    return settings
  }

  private func refuseRequestKeys(_ settings: UpstreamSettings) {
    for key in Self.requestKeys where section.isGiven(key) {
      report(key, at: section.position(of: key), "is not for")
    }
    for (inner, keys) in Self.requestKeysInside {
      for key in keys {
        guard let position = section.position(of: key, in: inner) else { continue }
        report("\(inner).\(key)", at: position, "is not for")
      }
    }
    if let health = settings.health {
      if health.kind == .ping {
        report("health", at: section.position(of: "health"), "cannot be of type ping for")
      }
      let socket = settings.nodes.first { $0.address.fixed?.family == .unix }
      if health.port != nil, let node = socket {
        context.findings.error(
          section.position(of: "health"),
          "'port' in \(section.name).health needs nodes with a port of their own, found"
            + " '\(node.address)'")
      }
    }
    if section.isGiven("hash_on"), settings.hashOn != .address {
      report("hash_on", at: section.position(of: "hash_on"), "must be address for")
    }
  }

  private func report(_ key: String, at position: Position, _ verdict: String) {
    context.findings.error(position, "'\(key)' in \(section.name) \(verdict) protocol tcp")
  }
}
