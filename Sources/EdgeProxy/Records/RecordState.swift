internal import DNSCore
internal import HTTPCore

/// What the server that keeps the records knows of them, for itself and for the one that comes after it.
///
///     1
///     there *.example.org 192.0.2.1
///     gone *.example.org 192.0.2.2
///     unrest 192.0.2.2 out 300 1700000000 1700000600,1700000900
struct RecordState: Equatable {
  enum Mark: String {
    /// It was put there, or seen there, and its address was a server's.
    case there
    case gone
    /// A change was begun, and what became of it is not known.
    case unsure
  }

  var marks: [AddressRecord: Mark] = [:]
  var unrest: [IPAddress: Unrest] = [:]

  /// What is written may measure, in bytes; etcd takes one and a half times as much.
  static let bytesMax = 1 << 20
  private static let version = "1"
  private static let unrestWord = "unrest"

  init() {}

  /// Lines that say nothing are passed over; a text of another form is none.
  init(reading text: [UInt8]) {
    guard text.count <= Self.bytesMax else { return }
    let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
    guard lines.first.map(String.init) == Self.version else { return }
    for line in lines.dropFirst() {
      let words = line.split(separator: " ").map(String.init)
      guard let kind = words.first else { continue }
      if let mark = Mark(rawValue: kind), words.count == 3, let name = DNSName(words[1]),
        let address = Self.address(words[2])
      {
        marks[AddressRecord(name: name, address: address)] = mark
      } else if kind == Self.unrestWord, words.count == 6, let address = Self.address(words[1]) {
        unrest[address] = Unrest(reading: words.dropFirst(2))
      }
    }
  }

  /// The same for the same state, whichever server writes it.
  var text: [UInt8] {
    var lines = marks.map { "\($1.rawValue) \($0.name.lowercased) \($0.addressText)" }
    lines += unrest.map { "\(Self.unrestWord) \(Self.text($0)) \($1.text)" }
    return Array(([Self.version] + lines.sorted()).joined(separator: "\n").utf8)
  }

  private static func address(_ text: String) -> IPAddress? {
    IPAddress(Array(text.utf8).span)
  }

  private static func text(_ address: IPAddress) -> String {
    String(decoding: address.text, as: UTF8.self)
  }
}

/// How often an address has gone and come back; times are seconds since 1970.
///
/// One that goes for the fourth time within an hour comes back after five minutes, then after ten, and so
/// on up to an hour, until it has stayed for an hour.
struct Unrest: Equatable {
  /// Since it went last, it has not come back.
  private(set) var isOut = false
  /// The last few times that it went, in order.
  private var removals: [Int64] = []
  private var returned: Int64 = 0
  /// How long it stays away after it has gone, in seconds.
  private(set) var wait: Int64 = 0

  static let removalsMax = 3
  static let period: Int64 = 3600
  static let waits: ClosedRange<Int64> = 300...3600

  init() {}

  fileprivate init?(reading words: some Collection<String>) {
    let words = Array(words)
    guard words.count == 4, let wait = Int64(words[1]), (0...Self.waits.upperBound).contains(wait),
      let returned = Int64(words[2])
    else { return nil }
    isOut = words[0] == "out"
    self.wait = wait
    self.returned = returned
    removals = words[3].split(separator: ",").compactMap { Int64($0) }.suffix(Self.removalsMax + 1)
  }

  fileprivate var text: String {
    let times = removals.map(String.init).joined(separator: ",")
    return "\(isOut ? "out" : "back") \(wait) \(returned) \(times.isEmpty ? "-" : times)"
  }

  mutating func went(at now: Int64) {
    guard !isOut else { return }
    isOut = true
    if hasStayed(now) {
      wait = 0
      removals = []
    }
    removals = removals.filter { Self.isRecent($0, now) }.suffix(Self.removalsMax) + [now]
    if wait > 0 {
      wait = min(wait * 2, Self.waits.upperBound)
    } else if removals.count > Self.removalsMax {
      wait = Self.waits.lowerBound
    }
  }

  mutating func came(at now: Int64) {
    guard isOut else { return }
    isOut = false
    returned = now
  }

  /// Until when it has to stay away; `nil` where it may come back, also when the clock was set back.
  func staysOut(at now: Int64) -> Int64? {
    guard isOut, let last = removals.last else { return nil }
    let (age, overflow) = now.subtractingReportingOverflow(last)
    guard !overflow, (0..<wait).contains(age) else { return nil }
    return last.addingReportingOverflow(wait).partialValue
  }

  /// Nothing of it matters any more.
  func isForgotten(at now: Int64) -> Bool { hasStayed(now) && !isOut }

  private func hasStayed(_ now: Int64) -> Bool { !Self.isRecent(returned, now) }

  /// Also for a time to come: the clock was set back.
  private static func isRecent(_ time: Int64, _ now: Int64) -> Bool {
    let (age, overflow) = now.subtractingReportingOverflow(time)
    return !overflow && age < period
  }
}
