internal import HTTPCore

/// Makes our configuration of files of nginx.
final class NginxImport {
  let files: SourceFiles
  let notes = Notes()
  let upstreams = UpstreamList()
  var imported = Imported()
  /// The blocks `upstream NAME { … }`.
  private(set) var blocks: [String: Statement] = [:]
  /// Of `limit_req_zone`: requests a second for one address.
  private(set) var zones: [String: Int] = [:]
  private var orders: [Place: AddressOrder.Lists?] = [:]
  private var listeners: [(address: String, isSecure: Bool)] = []

  init(files: SourceFiles) { self.files = files }

  func run(_ statements: [Statement]) {
    var servers: [(statement: Statement, scope: NginxScope)] = []
    let top = statements.filter { $0.name != "http" }
    let blocks = statements.filter { $0.name == "http" }
    // A file of `sites-enabled` has servers alone, and nginx.conf has `http` around them.
    for level in [top] + blocks.map({ $0.block ?? [] }) {
      let scope = NginxScope(level)
      for statement in level {
        switch statement.name {
        case "server": servers.append((statement, scope))
        case "upstream":
          if self.blocks[statement.first] == nil { self.blocks[statement.first] = statement }
        case "limit_req_zone": readZone(statement)
        default: break
        }
      }
    }
    for (statement, _) in servers { _ = listen(statement) }
    for level in [top] + blocks.map({ $0.block ?? [] }) { readServer(level) }
    for (statement, scope) in servers {
      let reader = NginxSite(importer: self, server: statement, outer: scope)
      imported.sites += reader.sites()
    }
    finishListeners()
  }

  /// The lists that lines of `allow` and `deny` come to; found once for all that inherit them.
  func lists(_ lines: [Statement], from place: Place) -> AddressOrder.Lists? {
    if let known = orders[place] { return known }
    let order = lines.map { AddressOrder.Line(isAllow: $0.name == "allow", text: $0.first) }
    let lists = AddressOrder.lists(order)
    orders[place] = .some(lists)
    return lists
  }

  /// Says what becomes of directives that are not looked at where they count.
  func review(_ statements: [Statement], _ remarks: inout [Remark]) {
    for statement in statements {
      switch NginxDirectives.kind(statement) {
      case .handled: break
      case .needless: notes.needless(statement)
      case .lost(let advice): remarks.append(Remark(statement, advice))
      case .lostRestriction(let advice): notes.danger(statement, advice)
      }
    }
  }

  // MARK: What is for all sites

  private func readServer(_ level: [Statement]) {
    review(level, &imported.remarks)
    let scope = NginxScope(level)
    for statement in level {
      switch statement.name {
      case "map": readMap(statement)
      case "set_real_ip_from":
        if let network = Acceptable.network(statement.first) {
          let text = network.description
          if imported.trusted.count < 1000, !imported.trusted.contains(text) {
            imported.trusted.append(text)
          }
        } else {
          imported.remarks.append(Remark(statement, "'trusted' takes networks alone"))
        }
      case "access_log", "log_format": readLog(statement)
      case "client_header_timeout": readTime("head", statement)
      case "client_body_timeout": readTime("body", statement)
      case "send_timeout": readTime("send", statement)
      case "keepalive_timeout": readTime("keep_alive", statement)
      case "ssl_protocols": readProtocols(statement)
      default: break
      }
    }
    if scope.isOn("gzip") || scope.isOn("brotli") { readCompression(scope) }
  }

  private func readCompression(_ scope: NginxScope) {
    var types = ["text/html"]
    let named = scope.nearest("gzip_types").first ?? scope.nearest("brotli_types").first
    for type in named?.arguments ?? [] {
      if type == "*" {
        types = []
        break
      }
      if Acceptable.mediaType(type), types.count < 100, !types.contains(type) { types.append(type) }
    }
    var compress = Imported.Compress(types: types)
    if let level = scope.last("gzip_comp_level").flatMap({ NginxQuantity.number($0.first) }),
      (1...9).contains(level)
    {
      compress.level = level
    }
    compress.bytesMin = scope.last("gzip_min_length").flatMap { NginxQuantity.bytes($0.first) }
      .map { min($0, 1 << 30) }
    imported.compress = compress
  }

  private func readMap(_ statement: Statement) {
    guard statement.first != "$http_upgrade" else { return notes.needless(statement) }
    imported.remarks.append(
      Remark(statement, "there are no variables here; routes with 'match' may do what it is for"))
  }

  func readLog(_ statement: Statement) {
    if statement.name == "log_format" {
      imported.remarks.append(
        Remark(
          statement, "'log: { format: … }' is json, combined, or a text with {client} {status}"))
      return
    }
    if statement.first == "off" { return notes.needless(statement) }
    if statement.arguments.count < 2 || statement.argument(1) == "combined" {
      imported.isCombinedLog = true
    }
    notes.general(
      statement.place,
      "one access log is for all sites, /var/log/edgeproxy/access.log, or 'log: { access: FILE }'")
  }

  private func readTime(_ key: String, _ statement: Statement) {
    guard let milliseconds = NginxQuantity.milliseconds(statement.first), milliseconds >= 10,
      !imported.timeouts.contains(where: { $0.key == key })
    else { return }
    imported.timeouts.append((key, min(milliseconds, 3_600_000)))
  }

  func readProtocols(_ statement: Statement) {
    let versions = statement.arguments.map { $0.lowercased() }
    if versions == ["tlsv1.3"] {
      imported.minimumTLS = "1.3"
    } else if versions.contains(where: { ["tlsv1", "tlsv1.1", "sslv3"].contains($0) }) {
      notes.general(statement.place, "TLS 1.2 is the oldest version that is served")
    } else {
      notes.needless(statement)
    }
  }

  private func readZone(_ statement: Statement) {
    let keys = ["$binary_remote_addr", "$remote_addr"]
    var name = ""
    var rate: Int?
    for word in statement.arguments.dropFirst() {
      if word.hasPrefix("zone=") {
        name = String(word.dropFirst(5).prefix { $0 != ":" })
      } else if word.hasPrefix("rate="), word.hasSuffix("r/s") {
        rate = NginxQuantity.number(word.dropFirst(5).dropLast(3))
      }
    }
    guard keys.contains(statement.first), let rate, rate > 0 else {
      imported.remarks.append(
        Remark(
          statement,
          "requests are counted by address, and in whole numbers a second: 'requests_per_address'"))
      return
    }
    zones[name] = rate
  }

  // MARK: Listeners

  struct Listening {
    var isSecure = false
    var isDefault = false
    var remarks: [Remark] = []
  }

  /// What the `listen` lines of a server say.
  func listen(_ server: Statement) -> Listening {
    let lines = (server.block ?? []).filter { ["listen", "ssl"].contains($0.name) }
    var listening = Listening()
    let scope = NginxScope(lines)
    for line in lines where line.name == "listen" {
      let words = line.arguments.dropFirst()
      let isSecure = words.contains("ssl") || words.contains("quic") || scope.isOn("ssl")
      listening.isSecure = listening.isSecure || isSecure
      listening.isDefault =
        listening.isDefault || words.contains("default_server") || words.contains("default")
      if words.contains("quic") {
        listening.remarks.append(Remark(line, "HTTP/3 is not served"))
        continue
      }
      if words.contains("proxy_protocol") {
        listening.remarks.append(
          Remark(line, "'listen: { proxy_protocol: [NETWORK] }' names the load balancers"))
      }
      guard let address = Self.address(line.first) else {
        listening.remarks.append(Remark(line, "an IP address with a port is listened at here"))
        continue
      }
      if listeners.count < 100,
        !listeners.contains(where: { $0.address == address && $0.isSecure == isSecure })
      {
        listeners.append((address, isSecure))
      }
    }
    return listening
  }

  /// `443`, `*:443`, `[::]:443`, `localhost:443` as an address.
  static func address(_ text: String) -> String? {
    var text = text
    if let port = NginxQuantity.number(text) { text = "0.0.0.0:\(port)" }
    if text.hasPrefix("*:") { text = "0.0.0.0" + text.dropFirst() }
    if text.hasPrefix("localhost:") { text = "127.0.0.1" + text.dropFirst(9) }
    if IPAddress(Array(text.utf8).span) != nil { text += ":80" }
    if text.hasPrefix("["), text.hasSuffix("]") { text += ":80" }
    return Acceptable.listener(text) ? text : nil
  }

  private func finishListeners() {
    imported.secureListeners = listeners.filter(\.isSecure).map(\.address)
    // What spoke TLS at an address is what counts.
    imported.plainListeners = listeners.filter { !$0.isSecure }.map(\.address)
      .filter { !imported.secureListeners.contains($0) }
  }
}
