internal import Configuration
internal import Etcd

/// Up to which revision of etcd each server of the fleet shows the challenges that are there.
///
///     key     PREFIX acme/seen/NODE
///     value   1 REVISION
///
/// The first number is the form's version. It does no I/O.
struct Sightings {
  private let start: [UInt8]
  private let node: String
  private var others: [String: Int64] = [:]
  /// This server's own, which is known before etcd tells of it.
  private(set) var own: Int64 = 0

  /// What the part of a key is called that follows the prefix of the fleet.
  static let directory = "acme/seen/"
  /// Servers that are waited for; a fleet has a handful.
  private static let countMax = 1000
  private static let valueBytesMax = 64

  init(prefix: String, node: String) {
    start = Array((prefix + Self.directory).utf8)
    self.node = node
  }

  /// The key of this server, and the range with those of all.
  var key: [UInt8] { start + node.utf8 }
  var range: KeyRange { .prefix(start) }
  var value: [UInt8] { Array("1 \(own)".utf8) }

  mutating func apply(_ changes: Changes) {
    for key in changes.removed { others[name(key) ?? ""] = nil }
    for keyValue in changes.put {
      guard let name = name(keyValue.key), name != node else { continue }
      guard others[name] != nil || others.count < Self.countMax else { continue }
      others[name] = Self.revision(keyValue.value)
    }
  }

  /// All workers of this server have what etcd had at this revision; one of a store that was restored is less
  /// than those before.
  mutating func reached(_ revision: Int64) { own = revision }

  /// The servers that do not show yet what etcd had at a revision, in the order of their names.
  func unseen(_ revision: Int64) -> [String] {
    let late = others.filter { $0.value < revision }.map(\.key)
    return (own < revision ? late + [node] : late).sorted()
  }

  private func name(_ key: [UInt8]) -> String? {
    key.starts(with: start) ? NodeName.read(key[start.count...]) : nil
  }

  /// An unknown client of etcd may have written it: what cannot be read is no server, and nobody waits for it.
  private static func revision(_ value: [UInt8]) -> Int64? {
    let words = value.prefix(valueBytesMax).split(separator: UInt8(ascii: " "))
    guard words.count >= 2, words[0].elementsEqual("1".utf8),
      let revision = Int64(String(decoding: words[1], as: UTF8.self)), revision >= 0
    else { return nil }
    return revision
  }
}
