/// Makes our configuration of files of Apache.
final class ApacheImport {
  let files: SourceFiles
  let notes = Notes()
  let upstreams = UpstreamList()
  var imported = Imported()
  /// `<Proxy balancer://NAME>` by name.
  private(set) var balancers: [String: Statement] = [:]
  private var listens: [(address: String, port: Int, isSecure: Bool)] = []
  private var listeners: [(address: String, isSecure: Bool)] = []

  init(files: SourceFiles) { self.files = files }

  func run(_ statements: [Statement]) {
    let hosts = statements.filter { $0.name == "<virtualhost>" }
    for statement in statements + hosts.flatMap({ $0.block ?? [] }) {
      readEverywhere(statement)
    }
    let global = statements.filter { $0.name != "<virtualhost>" }
    review(global, &imported.remarks)
    for statement in global {
      readServer(statement)
      review(statement.block ?? [], &imported.remarks)
    }
    // Debian's main file has no site of its own but the one of the first virtual host.
    let own = global.contains { ["documentroot", "proxypass", "servername"].contains($0.name) }
    let main = Statement(
      name: "<virtualhost>", arguments: [], block: [],
      place: global.first?.place ?? Place(file: "", line: 1, column: 1))
    let level = DirectiveLevel(global)
    for host in hosts.isEmpty && own ? [main] : hosts {
      let site = ApacheSite(importer: self, host: host, global: level)
      imported.sites += site.sites()
      for address in host.arguments { listen(address, isSecure: site.isSecure) }
    }
    finishListeners()
  }

  func review(_ statements: [Statement], _ remarks: inout [Remark]) {
    for statement in statements {
      switch ApacheDirectives.kind(statement) {
      case .handled: break
      case .needless: notes.needless(statement)
      case .lost(let advice):
        if let block = statement.block, ApacheAccess.isRestricting(block) {
          notes.danger(statement, advice)
        } else {
          remarks.append(Remark(statement, advice))
        }
      case .lostRestriction(let advice): notes.danger(statement, advice)
      }
    }
  }

  private func readEverywhere(_ statement: Statement) {
    guard statement.name == "<proxy>", statement.first.lowercased().hasPrefix("balancer://") else {
      return
    }
    let name = statement.first.dropFirst(11).prefix { $0 != "/" }.lowercased()
    if balancers[name] == nil { balancers[name] = statement }
  }

  // MARK: What is for all sites

  private func readServer(_ statement: Statement) {
    switch statement.name {
    case "listen":
      let isSecure = statement.argument(1).lowercased() == "https"
      guard let address = NginxImport.address(statement.first),
        let colon = address.lastIndex(of: ":"),
        let port = NginxQuantity.number(address[address.index(after: colon)...])
      else {
        imported.remarks.append(Remark(statement, "an IP address with a port is listened at here"))
        return
      }
      listens.append((address, port, isSecure))
    case "remoteiptrustedproxy", "remoteipinternalproxy":
      for word in statement.arguments {
        guard let network = Acceptable.network(word) else {
          imported.remarks.append(Remark(statement, "'trusted' takes networks alone"))
          continue
        }
        let text = network.description
        if imported.trusted.count < 1000, !imported.trusted.contains(text) {
          imported.trusted.append(text)
        }
      }
    case "keepalivetimeout":
      if let seconds = NginxQuantity.number(statement.first), (1...3600).contains(seconds) {
        imported.timeouts.append(("keep_alive", seconds * 1000))
      }
    default: readShared(statement)
    }
  }

  /// What a virtual host may have as well, and is for all sites here.
  func readShared(_ statement: Statement) {
    switch statement.name {
    case "customlog", "transferlog":
      let format = statement.argument(1).lowercased()
      if format.isEmpty || ["combined", "vhost_combined", "common"].contains(format) {
        imported.isCombinedLog = true
      }
      notes.general(
        statement.place,
        "one access log is for all sites, /var/log/edgeproxy/access.log, or 'log: { access: FILE }'"
      )
    case "logformat":
      let known = ["vhost_combined", "combined", "common", "referer", "agent"]
      if known.contains(statement.argument(1).lowercased()) { return notes.needless(statement) }
      imported.remarks.append(
        Remark(
          statement, "'log: { format: … }' is json, combined, or a text with {client} {status}"))
    case "sslprotocol":
      let words = statement.arguments.map { $0.lowercased() }
      let isNew = words == ["tlsv1.3"] || words == ["-all", "+tlsv1.3"]
      if isNew { imported.minimumTLS = "1.3" }
      notes.needless(statement)
    default: break
    }
  }

  // MARK: Compression

  /// The media types of `AddOutputFilterByType DEFLATE`; `nil` where nothing is compressed.
  static func types(_ statements: [Statement]) -> [String]? {
    var types: [String]?
    for statement in statements {
      let filters = statement.first.lowercased()
      guard filters.contains("deflate") || filters.contains("brotli") else { continue }
      let named = statement.name == "setoutputfilter" ? [] : statement.arguments.dropFirst()
      for type in named.map({ $0.lowercased() }) where Acceptable.mediaType(type) {
        if types?.contains(type) != true, types?.count ?? 0 < 100 { types = (types ?? []) + [type] }
      }
      types = types ?? []
    }
    return types
  }

  // MARK: Listeners

  private func listen(_ text: String, isSecure: Bool) {
    var text = text.lowercased()
    if text.hasPrefix("_default_") { text = "*" + text.dropFirst(9) }
    guard let colon = text.lastIndex(of: ":"),
      let port = NginxQuantity.number(text[text.index(after: colon)...])
    else { return }
    let given = listens.filter { $0.port == port }.map(\.address)
    let addresses = given.isEmpty ? [NginxImport.address(text)].compactMap { $0 } : given
    for address in addresses
    where listeners.count < 100 && !listeners.contains(where: { $0.address == address }) {
      listeners.append((address, isSecure))
    }
  }

  private func finishListeners() {
    if listeners.isEmpty { listeners = listens.map { ($0.address, $0.isSecure) } }
    imported.secureListeners = listeners.filter(\.isSecure).map(\.address)
    imported.plainListeners = listeners.filter { !$0.isSecure }.map(\.address)
  }
}
