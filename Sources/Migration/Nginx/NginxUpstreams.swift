/// Makes upstreams of `proxy_pass`, `uwsgi_pass` and `upstream` blocks.
struct NginxUpstreams {
  let importer: NginxImport
  let scope: NginxScope
  /// What an upstream is called that has no name.
  let name: String

  /// The name of the upstream, and the path that takes the place of the location's.
  func upstream(_ pass: Statement) -> (name: String, uri: String?)? {
    guard !pass.first.contains("$"), let target = target(pass) else { return nil }
    var upstream = Upstream()
    upstream.spoken = target.spoken
    var wish = name
    var remarks: [Remark] = []
    if let block = importer.blocks[target.server] {
      wish = target.server
      nodes(of: block, &upstream, &remarks, defaultPort: target.spoken == .https ? 443 : 80)
    } else {
      guard let address = address(target.server, target.spoken) else { return nil }
      upstream.nodes = [.init(address: address)]
    }
    guard !upstream.nodes.isEmpty, importer.upstreams.entries.count < UpstreamList.countMax else {
      return nil
    }
    times(&upstream)
    if upstream.spoken == .https { security(&upstream, pass, &remarks) }
    if upstream.spoken == .uwsgi {
      upstream.keepAlive = 0
      upstream.modifier1 = modifier
    }
    return (importer.upstreams.name(upstream, wish: wish, remarks), target.uri)
  }

  private var modifier: Int {
    let number = scope.last("uwsgi_modifier1").flatMap { NginxQuantity.number($0.first) } ?? 0
    // The languages; others tell uWSGI to do something else than to answer a request.
    return [5, 7, 14].contains(number) ? number : 0
  }

  private struct Target {
    var spoken: Upstream.Spoken
    var server: String
    var uri: String?
  }

  private func target(_ pass: Statement) -> Target? {
    var text = pass.first
    if pass.name == "uwsgi_pass" {
      if text.hasPrefix("uwsgi://") { text = String(text.dropFirst(8)) }
      if text.hasPrefix("unix://") { text = "unix:" + text.dropFirst(7) }
      return text.contains("://") ? nil : Target(spoken: .uwsgi, server: text)
    }
    guard pass.name == "proxy_pass" else { return nil }
    let spoken: Upstream.Spoken
    if text.hasPrefix("http://") {
      (spoken, text) = (.http, String(text.dropFirst(7)))
    } else if text.hasPrefix("https://") {
      (spoken, text) = (.https, String(text.dropFirst(8)))
    } else {
      return nil
    }
    if text.hasPrefix("unix:") {
      let parts = text.dropFirst(5).split(separator: ":", maxSplits: 1)
      guard let path = parts.first else { return nil }
      return Target(
        spoken: spoken, server: "unix:\(path)", uri: parts.count > 1 ? String(parts[1]) : nil)
    }
    guard let slash = text.firstIndex(of: "/") else { return Target(spoken: spoken, server: text) }
    return Target(spoken: spoken, server: String(text[..<slash]), uri: String(text[slash...]))
  }

  private func address(_ server: String, _ spoken: Upstream.Spoken) -> String? {
    Self.address(server, port: spoken == .https ? 443 : spoken == .http ? 80 : nil)
  }

  /// An address with its port; `nil` where it is none of ours.
  static func address(_ server: String, port: Int?) -> String? {
    if Acceptable.node(server) { return withoutName(server) }
    guard let port, Acceptable.node("\(server):\(port)") else { return nil }
    return withoutName("\(server):\(port)")
  }

  private static func withoutName(_ address: String) -> String {
    address.hasPrefix("localhost:") ? "127.0.0.1:" + address.dropFirst(10) : address
  }

  // MARK: Blocks

  private func nodes(
    of block: Statement, _ upstream: inout Upstream, _ remarks: inout [Remark], defaultPort: Int
  ) {
    for statement in block.block ?? [] {
      switch statement.name {
      case "server": node(statement, &upstream, &remarks, defaultPort)
      case "keepalive": upstream.keepAlive = NginxQuantity.number(statement.first) ?? 0
      case "least_conn", "random", "zone", "keepalive_timeout", "keepalive_requests":
        importer.notes.needless(statement)
      case "ip_hash": upstream.hashOn = "address"
      case "hash": hash(statement, &upstream, &remarks)
      case "sticky" where statement.first == "cookie" && Acceptable.token(statement.argument(1)):
        upstream.sticky = statement.argument(1)
      default:
        remarks.append(Remark(statement, "there is no counterpart; see docs/from-nginx.md"))
      }
    }
  }

  private func hash(
    _ statement: Statement, _ upstream: inout Upstream, _ remarks: inout [Remark]
  ) {
    let key = statement.first
    if ["$remote_addr", "$binary_remote_addr"].contains(key) {
      upstream.hashOn = "address"
    } else if key.hasPrefix("$cookie_"), Acceptable.token(String(key.dropFirst(8))) {
      upstream.hashOn = "cookie:\(key.dropFirst(8))"
    } else if key.hasPrefix("$http_") {
      let name = String(key.dropFirst(6)).replacing("_", with: "-")
      if Acceptable.fieldName(name, isRequest: false) { upstream.hashOn = "header:\(name)" }
    }
    if upstream.hashOn == nil {
      remarks.append(Remark(statement, "'hash_on' is address, header:NAME or cookie:NAME"))
    }
  }

  private func node(
    _ statement: Statement, _ upstream: inout Upstream, _ remarks: inout [Remark],
    _ defaultPort: Int
  ) {
    guard let address = Self.address(statement.first, port: defaultPort),
      upstream.nodes.count < UpstreamList.nodesMax
    else {
      remarks.append(Remark(statement, "this is no address of a node"))
      return
    }
    if upstream.nodes.contains(where: { $0.address == address }) { return }
    var node = Upstream.Node(address: address)
    for word in statement.arguments.dropFirst() {
      let value = word.split(separator: "=", maxSplits: 1).dropFirst().first.map(String.init) ?? ""
      switch word.prefix(while: { $0 != "=" }) {
      case "backup": node.isBackup = true
      case "weight": node.weight = min(max(NginxQuantity.number(value) ?? 1, 1), 1000)
      case "max_conns": node.cores = min(NginxQuantity.number(value) ?? 0, 100_000)
      case "down":
        remarks.append(
          Remark(statement, "it is out; 'edgeproxy node disable ADDRESS' takes one out"))
        return
      case "max_fails", "fail_timeout":
        importer.notes.general(
          statement.place,
          "nodes are taken out and put back by what they answer; 'health: { path: /up }' also asks them"
        )
      case "resolve", "slow_start": break
      default:
        remarks.append(Remark(statement, "'\(Plain.shortened(word, 30))' has no counterpart"))
      }
    }
    upstream.nodes.append(node)
  }

  // MARK: Links

  private func times(_ upstream: inout Upstream) {
    let prefix = upstream.spoken == .uwsgi ? "uwsgi" : "proxy"
    let time = { (name: String) in
      scope.last("\(prefix)_\(name)_timeout").flatMap { NginxQuantity.milliseconds($0.first) }
    }
    upstream.times.connect = time("connect")
    upstream.times.response = time("read")
    // The default for tunnels is longer than that.
    if let read = time("read"), read > 3_600_000 { upstream.times.tunnel = read }
  }

  private func security(
    _ upstream: inout Upstream, _ pass: Statement, _ remarks: inout [Remark]
  ) {
    upstream.verifies = scope.isOn("proxy_ssl_verify")
    if let file = scope.last("proxy_ssl_trusted_certificate").map({
      importer.files.absolute($0.first)
    }),
      upstream.verifies, Acceptable.file(file), importer.files.source.isThere(file)
    {
      upstream.authorities = file
    }
    if let name = scope.last("proxy_ssl_name")?.first, let host = Acceptable.host(name),
      !host.hasPrefix("*")
    {
      upstream.serverName = host
    }
    if !upstream.verifies {
      remarks.append(
        Remark(pass, "nginx looked at no certificate; 'tls: { ca: FILE }' has it checked"))
    } else if upstream.serverName == nil,
      upstream.nodes.contains(where: { $0.address.hasPrefix("unix:") })
    {
      upstream.verifies = false
      remarks.append(
        Remark(pass, "'tls: { name: NAME }' says whose certificate a unix socket shows"))
    }
  }
}
