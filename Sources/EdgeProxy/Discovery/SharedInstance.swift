internal import Configuration
internal import EventLoop

/// An instance as one server tells the others of it, through etcd.
///
///     key     PREFIX instances/NODE/KEY/ADDRESS, with / and % of names and paths as %2F and %25
///     value   1 MODIFIER1 MODIFIER2 WEIGHT CORES BACKUP
///
/// The first number is the form's version; what follows those that are known is passed over, so that
/// later versions may add to it. An unknown client of etcd may have written what is read, so every
/// part has bounds.
struct SharedInstance: Equatable, Sendable {
  /// The server that hears of it from the instance itself.
  var node: String
  /// A normalised host name, `*.` first for one label of anything.
  var key: [UInt8]
  /// Where the server reaches it; one of a machine alone is behind that server's edge for others.
  var address: SocketAddress
  var modifier1: UInt8 = 0
  var modifier2: UInt8 = 0
  var weight = 1
  var cores = 0
  var isBackup = false

  /// What the part of a key is called that follows the prefix of the fleet.
  static let directory = "instances/"
  /// Names of servers and keys are at most this long, in bytes.
  static let nameBytesMax = 255
  private static let numberMax = 1_000_000

  init(node: String, key: [UInt8], _ instance: Instance) {
    self.node = node
    self.key = key
    address = instance.address
    modifier1 = instance.modifier1
    modifier2 = instance.modifier2
    weight = instance.weight
    cores = instance.cores
    isBackup = instance.isBackup
  }

  /// Through whose edge others reach it; `nil` where they reach it themselves.
  var server: String? { address.isLocal ? node : nil }

  // MARK: Writing

  func storedKey(prefix: String) -> [UInt8] {
    var stored = Array((prefix + Self.directory).utf8)
    stored += Self.escaped(node)
    stored.append(UInt8(ascii: "/"))
    stored += key
    stored.append(UInt8(ascii: "/"))
    stored += Self.escaped(address.description)
    return stored
  }

  var storedValue: [UInt8] {
    Array("1 \(modifier1) \(modifier2) \(weight) \(cores) \(isBackup ? 1 : 0)".utf8)
  }

  /// A name or a path with what could be taken for a border written as `%2F` and `%25`.
  private static func escaped(_ name: String) -> [UInt8] {
    name.utf8.flatMap { byte -> [UInt8] in
      switch byte {
      case UInt8(ascii: "/"): Array("%2F".utf8)
      case UInt8(ascii: "%"): Array("%25".utf8)
      default: [byte]
      }
    }
  }

  // MARK: Reading

  /// Reads what is stored under a key; throws where it is not of this form, or is none that may be said.
  init(storedKey: [UInt8], value: [UInt8], prefix: String) throws(InstanceRefusal) {
    try self.init(storedKey: storedKey, prefix: prefix)
    guard value.count <= Self.nameBytesMax else { throw .otherForm }
    let numbers = value.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
      .map { Number.parse(String(decoding: $0, as: UTF8.self)) }
    guard numbers.count >= 6, numbers[0] == 1,
      let modifier1 = numbers[1].flatMap(UInt8.init(exactly:)),
      let modifier2 = numbers[2].flatMap(UInt8.init(exactly:)),
      let weight = numbers[3], let cores = numbers[4], let backup = numbers[5],
      (1...Self.numberMax).contains(weight), (0...Self.numberMax).contains(cores)
    else { throw .otherForm }
    self.modifier1 = modifier1
    self.modifier2 = modifier2
    self.weight = InstanceRules.weight(weight)
    self.cores = InstanceRules.cores(cores)
    isBackup = backup != 0
    try InstanceRules.check(key, instance)
  }

  /// The instance as this server would ask it.
  var instance: Instance {
    Instance(
      address: address, server: server, modifier1: modifier1, modifier2: modifier2, weight: weight,
      cores: cores, isBackup: isBackup)
  }

  /// Reads server, key and address from the stored key alone.
  private init(storedKey: [UInt8], prefix: String) throws(InstanceRefusal) {
    let start = Array((prefix + Self.directory).utf8)
    guard storedKey.starts(with: start) else { throw .otherForm }
    let parts = storedKey[start.count...].split(
      separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard parts.count == 3, parts.allSatisfy({ $0.count <= 3 * Self.nameBytesMax }) else {
      throw .otherForm
    }
    guard let node = NodeName.read(Self.unescaped(parts[0]).utf8) else { throw .badServer }
    let text = Self.unescaped(parts[2]).utf8
    // Paths are written as `SocketAddress` has them.
    guard let address = InstanceRules.address(text),
      address.family != .unix || text.starts(with: "unix:".utf8)
    else { throw .badAddress }
    self.node = node
    key = Array(parts[1])
    self.address = address
  }

  private static func unescaped(_ part: ArraySlice<UInt8>) -> String {
    String(decoding: part, as: UTF8.self)
      .split(separator: "%2F", omittingEmptySubsequences: false).joined(separator: "/")
      .split(separator: "%25", omittingEmptySubsequences: false).joined(separator: "%")
  }
}
