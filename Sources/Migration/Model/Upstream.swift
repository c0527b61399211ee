/// An upstream of the result.
struct Upstream: Hashable {
  enum Spoken: String { case uwsgi, http, https }

  struct Node: Hashable {
    /// As `nodes` takes it.
    var address: String
    var weight = 1
    var cores = 0
    var isBackup = false
  }

  struct Times: Hashable {
    var connect: Int?
    var response: Int?
    var tunnel: Int?
  }

  var spoken = Spoken.http
  var nodes: [Node] = []
  /// `hash` with what it is about, or `round-robin`; `nil` for the default.
  var hashOn: String?
  var sticky: String?
  /// In milliseconds.
  var times = Times()
  /// Idle connections of one worker to each node.
  var keepAlive = 0
  var modifier1 = 0
  var authorities: String?
  var serverName: String?
  var verifies = true
}

/// The upstreams of the result, each under a name of its own.
final class UpstreamList {
  struct Named {
    var name: String
    var settings: Upstream
    var remarks: [Remark]
  }

  /// Somebody who writes more has a program that writes them.
  static let countMax = 2000
  static let nodesMax = 128

  private(set) var entries: [Named] = []
  private var places: [Upstream: Int] = [:]
  private var names: Set<String> = []
  /// The number that was tried last for a name.
  private var numbers: [String: Int] = [:]

  /// The name of the upstream with these settings: of one that is there, or of a new one, named as is wished
  /// where that is free.
  func name(_ settings: Upstream, wish: String, _ remarks: [Remark] = []) -> String {
    if let index = places[settings] {
      // The first of a kind says it for those that are asked the same way.
      if entries[index].remarks.isEmpty { entries[index].remarks = remarks }
      return entries[index].name
    }
    let base = Self.clean(wish)
    var name = base
    while !names.insert(name).inserted {
      let number = numbers[base, default: 1] + 1
      numbers[base] = number
      name = "\(base)-\(number)"
    }
    places[settings] = entries.count
    entries.append(Named(name: name, settings: settings, remarks: remarks))
    return name
  }

  /// Letters, digits, `-`, `_` and `.`; at most 56 of them, so that a number fits behind.
  private static func clean(_ wish: String) -> String {
    let bytes = wish.utf8.filter {
      (0x30...0x39).contains($0) || (0x41...0x5A).contains($0 & 0xDF)
        || [0x2D, 0x2E, 0x5F].contains($0)
    }
    let name = String(decoding: bytes.prefix(56), as: UTF8.self)
    return name.contains { $0.isLetter || $0.isNumber } ? name : "app"
  }
}
