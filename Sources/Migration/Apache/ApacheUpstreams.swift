/// Makes upstreams of `ProxyPass` and of `<Proxy balancer://NAME>` with its members.
struct ApacheUpstreams {
  let importer: ApacheImport
  let scope: ApacheScope
  /// What an upstream is called that has no name.
  let name: String

  /// A URL of Apache's, taken apart.
  struct Target {
    var spoken: Upstream.Spoken
    /// As `nodes` takes it.
    var node: String
    var path: String
  }

  /// Has a route lead to where a URL says; 503 and a remark where that has no counterpart.
  func lead(_ claim: ApacheRoutes.Claim, _ url: String, _ words: [String], _ route: inout Route) {
    var upstream = Upstream()
    var remarks: [Remark] = []
    var wish = name
    let path: String
    let statement =
      claim.statement ?? Statement(name: "ProxyPass", arguments: [url], place: claim.place)
    if url.lowercased().hasPrefix("balancer://") {
      let rest = url.dropFirst(11)
      let balancer = rest.prefix { $0 != "/" }
      wish = String(balancer)
      path = String(rest.dropFirst(balancer.count))
      if let block = importer.balancers[balancer.lowercased()] {
        members(block, &upstream, &remarks)
      }
    } else if let target = Self.target(url) {
      upstream.spoken = target.spoken
      upstream.nodes = [.init(address: target.node)]
      path = target.path
    } else {
      path = ""
    }
    guard !upstream.nodes.isEmpty, importer.upstreams.entries.count < UpstreamList.countMax else {
      let isProgram = url.contains("fcgi:") || url.contains("scgi:")
      route.remarks.append(
        Remark(
          statement,
          isProgram ? Program.advice : "this has no counterpart; 503 until there is an upstream"))
      route.destination = .respond(status: 503, body: "", type: nil)
      return
    }
    times(words, &upstream)
    review(words, statement, &remarks)
    if upstream.spoken == .https { security(statement, &upstream, &remarks) }
    if !scope.isOn("proxypreservehost"), upstream.spoken != .uwsgi {
      importer.notes.general(
        statement.place, "the application gets the Host that the client sent, not that of ProxyPass"
      )
    }
    route.destination = .upstream(importer.upstreams.name(upstream, wish: wish, remarks))
    change(claim, path, statement, &route)
  }

  /// What the application gets in the place of the claim's path.
  private func change(
    _ claim: ApacheRoutes.Claim, _ path: String, _ statement: Statement, _ route: inout Route
  ) {
    let to = path.isEmpty ? "/" : path
    // A path without its slash on one side makes `//` there, which nobody means.
    if to == claim.path || path.isEmpty && claim.path == "/" { return }
    guard Acceptable.path(to) != nil else {
      route.remarks.append(
        Remark(
          statement,
          "'strip_prefix' and 'add_prefix' are about whole segments; 503 until you write them"))
      route.destination = .respond(status: 503, body: "", type: nil)
      return
    }
    route.strip = NginxLocation.withoutSlash(claim.path)
    route.add = NginxLocation.withoutSlash(to)
    if route.strip == route.add { (route.strip, route.add) = (nil, nil) }
    importer.notes.general(
      statement.place,
      "Location fields are passed on as they are; the application gets X-Forwarded-Prefix to write them right"
    )
  }

  /// `http://host:port/path`, `uwsgi://…`, `unix:/path|uwsgi://…`, and `ws://`, which needs nothing.
  static func target(_ url: String) -> Target? {
    var url = url
    var socket: String?
    if url.lowercased().hasPrefix("unix:"), let bar = url.firstIndex(of: "|") {
      socket = String(url[url.index(url.startIndex, offsetBy: 5)..<bar])
      url = String(url[url.index(after: bar)...])
    }
    guard let range = url.firstRange(of: "://") else { return nil }
    let spoken: Upstream.Spoken
    switch url[..<range.lowerBound].lowercased() {
    case "http", "ws", "h2c": spoken = .http
    case "https", "wss", "h2": spoken = .https
    case "uwsgi": spoken = .uwsgi
    default: return nil
    }
    let rest = url[range.upperBound...]
    let server = rest.prefix { $0 != "/" }
    let path = String(rest.dropFirst(server.count))
    if let socket {
      return Acceptable.node("unix:\(socket)")
        ? Target(spoken: spoken, node: "unix:\(socket)", path: path) : nil
    }
    let port = spoken == .https ? 443 : spoken == .http ? 80 : 3031
    return NginxUpstreams.address(String(server), port: port).map {
      Target(spoken: spoken, node: $0, path: path)
    }
  }

  // MARK: Balancers

  private func members(
    _ block: Statement, _ upstream: inout Upstream, _ remarks: inout [Remark]
  ) {
    for statement in block.block ?? [] {
      switch statement.name {
      case "balancermember": member(statement, &upstream, &remarks)
      case "proxyset": review(statement.arguments, statement, &remarks, &upstream)
      case "require", "order", "allow", "deny": break
      default: remarks.append(Remark(statement, "there is no counterpart; see docs/from-nginx.md"))
      }
    }
  }

  private func member(
    _ statement: Statement, _ upstream: inout Upstream, _ remarks: inout [Remark]
  ) {
    guard let target = Self.target(statement.first),
      upstream.nodes.isEmpty || target.spoken == upstream.spoken,
      upstream.nodes.count < UpstreamList.nodesMax
    else {
      remarks.append(Remark(statement, "this is no address of a node of this upstream"))
      return
    }
    if upstream.nodes.contains(where: { $0.address == target.node }) { return }
    upstream.spoken = target.spoken
    var node = Upstream.Node(address: target.node)
    for word in statement.arguments.dropFirst() {
      let parts = word.split(separator: "=", maxSplits: 1)
      let value = parts.count > 1 ? String(parts[1]) : ""
      switch parts.first?.lowercased() {
      case "loadfactor":
        // Of 1.5 the whole part.
        let whole = NginxQuantity.number(value.prefix { $0 != "." }) ?? 1
        node.weight = min(max(whole, 1), 1000)
      case "status": node.isBackup = value.uppercased().contains("H") || value.contains("R")
      case "route", "retry", "timeout", "keepalive", "ping", "connectiontimeout", "max", "min",
        "smax", "ttl", "redirect", "disablereuse", "flushpackets":
        break
      default:
        remarks.append(Remark(statement, "'\(Plain.shortened(word, 30))' has no counterpart"))
      }
    }
    upstream.nodes.append(node)
  }

  /// Words such as `stickysession=ROUTEID`.
  private func review(
    _ words: [String], _ statement: Statement, _ remarks: inout [Remark],
    _ upstream: inout Upstream
  ) {
    for word in words where word.lowercased().hasPrefix("stickysession=") {
      let cookie = String(word.dropFirst(14).prefix { $0 != "|" })
      guard Acceptable.token(cookie) else { continue }
      upstream.sticky = cookie
      remarks.append(
        Remark(statement, "the cookie that binds a browser to a node is set by this server"))
    }
    times(words, &upstream)
  }

  private func review(_ words: [String], _ statement: Statement, _ remarks: inout [Remark]) {
    let known = [
      "timeout", "connectiontimeout", "retry", "keepalive", "ping", "max", "min", "smax", "ttl",
      "disablereuse", "enablereuse", "flushpackets", "flushwait", "acquire", "iobuffersize",
      "responsefieldsize", "upgrade", "nocanon", "stickysession", "nofailover", "lbmethod",
    ]
    for word in words where !known.contains(word.prefix { $0 != "=" }.lowercased()) {
      remarks.append(Remark(statement, "'\(Plain.shortened(word, 30))' has no counterpart"))
    }
  }

  // MARK: Links

  private func times(_ words: [String], _ upstream: inout Upstream) {
    for word in words {
      let lower = word.lowercased()
      if lower.hasPrefix("timeout="), let seconds = NginxQuantity.number(lower.dropFirst(8)) {
        upstream.times.response = min(seconds, 1_000_000) * 1000
      }
      if lower.hasPrefix("connectiontimeout=") {
        let value = lower.dropFirst(18)
        let isFine = value.hasSuffix("ms")
        let number = NginxQuantity.number(isFine ? value.dropLast(2) : value)
        upstream.times.connect = number.map { min($0, 1_000_000) * (isFine ? 1 : 1000) }
      }
    }
    guard upstream.times.response == nil,
      let statement = scope.last("proxytimeout") ?? scope.last("timeout"),
      let seconds = NginxQuantity.number(statement.first), seconds > 0
    else { return }
    upstream.times.response = min(seconds, 1_000_000) * 1000
  }

  private func security(
    _ statement: Statement, _ upstream: inout Upstream, _ remarks: inout [Remark]
  ) {
    upstream.verifies = scope.last("sslproxyverify")?.first.lowercased() == "require"
    if upstream.verifies, upstream.nodes.contains(where: { $0.address.hasPrefix("unix:") }) {
      upstream.verifies = false
    }
    if let file = scope.last("sslproxycacertificatefile").map({ importer.files.absolute($0.first) }
    ),
      upstream.verifies, Acceptable.file(file), importer.files.source.isThere(file)
    {
      upstream.authorities = file
    }
    if !upstream.verifies {
      remarks.append(
        Remark(statement, "Apache looked at no certificate; 'tls: { ca: FILE }' has it checked"))
    }
  }
}
