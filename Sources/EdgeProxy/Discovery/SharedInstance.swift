internal import EventLoop

/// An instance as one server tells the others of it, through etcd.
///
///     key     PREFIX instances/NODE/KEY/ADDRESS, with / and % of names and paths as %2F and %25
///     value   1 MODIFIER1 MODIFIER2 WEIGHT CORES BACKUP
///
/// The first number is the form's version; what follows those that are known is passed over, so that
/// later versions may add to it. What is read was written by who knows, so every part has bounds.
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

  /// Reads what is stored under a key; `nil` where it is not of this form.
  init?(storedKey: [UInt8], value: [UInt8], prefix: String) {
    self.init(storedKey: storedKey, prefix: prefix)
    guard value.count <= Self.nameBytesMax else { return nil }
    let numbers = value.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
      .map { Number.parse(String(decoding: $0, as: UTF8.self)) }
    guard numbers.count >= 6, numbers[0] == 1,
      let modifier1 = numbers[1].flatMap(UInt8.init(exactly:)),
      let modifier2 = numbers[2].flatMap(UInt8.init(exactly:)),
      let weight = numbers[3], let cores = numbers[4], let backup = numbers[5],
      (1...Self.numberMax).contains(weight), (0...Self.numberMax).contains(cores)
    else { return nil }
    self.modifier1 = modifier1
    self.modifier2 = modifier2
    self.weight = weight
    self.cores = cores
    isBackup = backup != 0
  }

  /// Reads who it is from the key alone, as of one that was deleted.
  init?(storedKey: [UInt8], prefix: String) {
    let start = Array((prefix + Self.directory).utf8)
    guard storedKey.starts(with: start) else { return nil }
    let parts = storedKey[start.count...].split(
      separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard parts.count == 3, !parts[0].isEmpty,
      parts.allSatisfy({ $0.count <= 3 * Self.nameBytesMax }),
      // As in announcements: a copy on disk has it between spaces.
      parts[2].allSatisfy({ (0x21...0x7e).contains($0) }),
      let address = SocketAddress(Self.unescaped(parts[2])), address.port != 0
    else { return nil }
    let key = Array(parts[1])
    guard Self.isKey(key) else { return nil }
    node = Self.unescaped(parts[0])
    self.key = key
    self.address = address
  }

  private static func unescaped(_ part: ArraySlice<UInt8>) -> String {
    String(decoding: part, as: UTF8.self)
      .split(separator: "%2F", omittingEmptySubsequences: false).joined(separator: "/")
      .split(separator: "%25", omittingEmptySubsequences: false).joined(separator: "%")
  }

  /// A host name in normal form, or a wildcard of one.
  private static func isKey(_ key: [UInt8]) -> Bool {
    let name = key.starts(with: Array("*.".utf8)) ? key[2...] : key[...]
    return !name.isEmpty && key.count <= nameBytesMax
      && name.allSatisfy {
        (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || [0x2d, 0x2e, 0x5f].contains($0)
      }
  }
}
