internal import Configuration
internal import Etcd
internal import HTTPCore

/// What etcd says of the servers of the fleet, and how a server gets its place there.
///
///     PREFIX dns/servers/NODE   what a server is, `KnownServer`; it stays when the server goes
///     PREFIX dns/numbers/N      the server that is nsN
///     PREFIX dns/sight/NODE     what it sees, `ServerSight`, under its lease
///
/// A number is taken together with the server's own key, by a transaction: of two servers that want the same one
/// the first has it. It is kept until somebody has the server forgotten. It does no I/O.
struct FleetRegister {
  private let start: [UInt8]
  private let prefix: String
  private let node: String
  private var entries: [String: Entry] = [:]
  private var numbers: [Int: String] = [:]
  private(set) var sights: [String: ServerSight] = [:]

  private struct Entry {
    /// `nil` for what is no server.
    var server: KnownServer?
    var value: [UInt8]
    var revision: Int64
  }

  /// What the part of a key is called that follows the prefix of the fleet.
  static let directory = "dns/"
  private static let servers = "servers/"
  private static let numbers = "numbers/"
  private static let sight = "sight/"
  /// Keys of one kind that are kept; more are another program's.
  private static let keysMax = 1000

  init(prefix: String, node: String) {
    self.prefix = prefix + Self.directory
    self.node = node
    start = Array(self.prefix.utf8)
  }

  var range: KeyRange { .prefix(start) }
  var sightKey: [UInt8] { key(Self.sight, node) }

  private func key(_ kind: String, _ name: String) -> [UInt8] { start + kind.utf8 + name.utf8 }

  /// A key that each server writes, for those who try whether etcd lets it.
  static func ownKeys(node: String) -> [String] {
    [servers, sight].map { directory + $0 + node } + [directory + numbers]
  }

  // MARK: What etcd tells

  mutating func apply(_ changes: Changes) {
    for key in changes.removed {
      if let node = name(key, Self.servers) { entries[node] = nil }
      if let number = number(key) { numbers[number] = nil }
      if let node = name(key, Self.sight) { sights[node] = nil }
    }
    for keyValue in changes.put { take(keyValue) }
  }

  private mutating func take(_ keyValue: KeyValue) {
    let value = keyValue.value
    if let node = name(keyValue.key, Self.servers) {
      guard entries[node] != nil || entries.count < Self.keysMax else { return }
      entries[node] = Entry(
        server: KnownServer(node: node, value: value), value: value,
        revision: keyValue.modRevision)
    } else if let number = number(keyValue.key) {
      numbers[number] = NodeName.read(value)
    } else if let node = name(keyValue.key, Self.sight), node != self.node {
      guard sights[node] != nil || sights.count < Self.keysMax else { return }
      sights[node] = ServerSight(value)
    }
  }

  private func name(_ key: [UInt8], _ kind: String) -> String? {
    let start = start + kind.utf8
    return key.starts(with: start) ? NodeName.read(key.dropFirst(start.count)) : nil
  }

  private func number(_ key: [UInt8]) -> Int? {
    guard let text = name(key, Self.numbers), let number = Number.parse(text),
      // Another way to write it is another key.
      (1...KnownServer.numberMax).contains(number), text == "\(number)"
    else { return nil }
    return number
  }

  /// The servers by their numbers, as far as they have the number that they say.
  var known: [KnownServer] {
    let servers = entries.values.compactMap(\.server).filter { numbers[$0.number] == $0.node }
    return Array(servers.sorted { $0.number < $1.number }.prefix(KnownServer.countMax))
  }

  /// The addresses that some server cannot connect to, as it says.
  var accused: Set<IPAddress> { sights.values.reduce(into: []) { $0.formUnion($1.fails) } }

  // MARK: This server's place

  /// The number of this server; `nil` before it has one.
  private var ownNumber: Int? { numbers.filter { $0.value == node }.keys.min() }

  /// A number that nobody has.
  ///
  /// Servers that begin at the same time take the smallest ones in the order of their
  /// names, so that not all of them want the same.
  private var freeNumber: Int? {
    let numbered = Set(numbers.values)
    let before = sights.keys.count { $0 < node && !numbered.contains($0) }
    return (1...KnownServer.numberMax).lazy.filter { [numbers] in numbers[$0] == nil }
      .dropFirst(before).first
  }

  /// What makes this server known as it is; `nil` where it is, or where no number is left.
  ///
  /// It changes nothing where somebody else has written since.
  func registration(_ addresses: [IPAddress], port: UInt16) -> TxnRequest? {
    guard !addresses.isEmpty else { return nil }
    let mine = ownNumber
    guard let number = mine ?? freeNumber else { return nil }
    let value = KnownServer(node: node, number: number, addresses: addresses, port: port).value
    guard mine == nil || entries[node]?.value != value else { return nil }
    let (place, own) = (key(Self.numbers, "\(number)"), key(Self.servers, node))
    let isAsKnown: [Compare] = [
      Compare(.key(own), .equal, .modRevision(entries[node]?.revision ?? 0)),
      mine == nil
        ? Compare(.key(place), .equal, .version(0))
        : Compare(.key(place), .equal, .value(Array(node.utf8))),
    ]
    return TxnRequest(
      compare: isAsKnown,
      success: [
        .put(PutRequest(key: place, value: Array(node.utf8))),
        .put(PutRequest(key: own, value: value)),
      ])
  }

  // MARK: Servers that will not come back

  /// What has the fleet forget a server that is gone, and free its number.
  func removal(of node: String) throws(ForgetFailure) -> TxnRequest {
    if node == self.node || sights[node] != nil { throw .isThere(node) }
    let held = numbers.filter { $0.value == node }.keys.sorted()
    guard entries[node] != nil || !held.isEmpty else { throw .unknown(node) }
    var request = TxnRequest(
      compare: [Compare(.key(key(Self.sight, node)), .equal, .version(0))],
      success: [.deleteRange(DeleteRangeRequest(.key(key(Self.servers, node))))])
    for number in held {
      let place = KeyRange.key(key(Self.numbers, "\(number)"))
      request.compare.append(Compare(place, .equal, .value(Array(node.utf8))))
      request.success.append(.deleteRange(DeleteRangeRequest(place)))
    }
    return request
  }
}

/// Why a server is not forgotten.
enum ForgetFailure: Error, Equatable, CustomStringConvertible {
  case isThere(String)
  case unknown(String)
  /// It changed meanwhile.
  case changed(String)
  case noEtcd
  case etcd(String)

  var description: String {
    switch self {
    case .isThere(let node):
      "the server '\(node)' is running: stop it first; one that died counts as running for "
        + "\(FleetAddresses.timeToLive.components.seconds) s more"
    case .unknown(let node): "no server of the fleet is called '\(node)'"
    case .changed(let node): "the server '\(node)' has changed meanwhile; look again"
    case .noEtcd:
      "there is no etcd; the servers are those of 'dns.servers' in the configuration of each"
    case .etcd(let reason): "etcd: \(reason)"
    }
  }
}
