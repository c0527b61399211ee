internal import Etcd
internal import EventLoop

/// The servers that say in etcd that they have the name of this one.
///
///     key     PREFIX names/NODE/IDENTITY
///     value   1 ADDRESS ADDRESS ...
///
/// The first number is the form's version. It does no I/O and is told the time.
struct NameRivals {
  private let directory: [UInt8]
  private let own: [UInt8]
  private var others: [[UInt8]: Rival] = [:]

  private struct Rival {
    var place: String
    var since: Instant
  }

  /// What the part of a key is called that follows the prefix of the fleet.
  static let directory = "names/"
  /// A server that is gone is forgotten before this: its lease is shorter.
  static let lastsAfter = Duration.seconds(11)
  static let timeToLive = Duration.seconds(10)
  private static let countMax = 100
  private static let placeBytesMax = 200

  init(prefix: String, node: String, identity: String) {
    directory = Self.directory(prefix: prefix, node: node)
    own = directory + identity.utf8
  }

  static func directory(prefix: String, node: String) -> [UInt8] {
    Array("\(prefix)\(directory)\(node)/".utf8)
  }

  static func value(place: String) -> [UInt8] { Array("1 \(place)".utf8.prefix(placeBytesMax)) }

  /// The key of this server, and the range with those of its rivals.
  var key: [UInt8] { own }
  var range: KeyRange { .prefix(directory) }

  mutating func apply(_ changes: Changes, now: Instant) {
    for key in changes.removed { others[key] = nil }
    for keyValue in changes.put where isRival(keyValue.key) {
      guard others.count < Self.countMax || others[keyValue.key] != nil else { continue }
      others[keyValue.key] = Rival(
        place: Self.place(keyValue.value), since: others[keyValue.key]?.since ?? now)
    }
  }

  /// Where the others are that are there for longer than what a dead server leaves behind.
  func places(now: Instant) -> [String] {
    others.values.filter { now >= $0.since + Self.lastsAfter }.map(\.place).sorted()
  }

  /// Names may have a slash, so a longer one may begin like this one.
  private func isRival(_ key: [UInt8]) -> Bool {
    key != own && key.starts(with: directory)
      && !key.dropFirst(directory.count).contains(UInt8(ascii: "/"))
  }

  /// An unknown client of etcd may have written it.
  static func place(_ value: [UInt8]) -> String {
    let words = value.prefix(placeBytesMax).split(separator: UInt8(ascii: " "))
    guard words.first?.elementsEqual("1".utf8) ?? false else { return "an unknown address" }
    let safe = words.dropFirst().filter { $0.allSatisfy { $0 > 0x20 && $0 < 0x7f } }
    let text = safe.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
    return text.isEmpty ? "an unknown address" : text
  }
}
