internal import Configuration
internal import EventLoop

/// What an operator has ordered of a node or of a host, and who, when, where and why.
struct Order: Equatable, Sendable {
  enum State: String, CaseIterable, Sendable {
    /// A node that gets nothing new.
    case disabled
    /// A node that gets only what a sticky cookie binds to it.
    case draining
    /// A host whose requests are answered with a page.
    case maintenance
    /// A host whose requests wait.
    case paused

    /// Whether it is an order of hosts; the others are of nodes.
    var isOfHosts: Bool { self == .maintenance || self == .paused }

    /// Of two that hold at once the one with the larger number counts.
    var strictness: Int { self == .disabled || self == .maintenance ? 2 : 1 }
  }

  var state: State
  /// Seconds since 1970, by the clock of `server`.
  var at: Int64
  /// The server at which it was given.
  var server: String
  /// The user whom the kernel named there.
  var user: String
  /// When it ends by itself; `nil` where it is taken back.
  var until: Int64?
  /// Empty where none was given.
  var reason: String

  /// Characters of a reason.
  static let reasonMax = 200
  /// Bytes of a user's name.
  static let userBytesMax = 64
  /// The longest time of an order that ends by itself: a week.
  static let spanMax: Int64 = 7 * 86_400

  /// Whether a text may stand for a user.
  static func isUser(_ text: String) -> Bool {
    (1...userBytesMax).contains(text.utf8.count)
      && !text.unicodeScalars.contains(where: \.isControl)
  }

  /// As in `by root on edge1`.
  var source: String { "by \(user) on \(server)" }

  /// Whether a text may be shown as a reason.
  static func isReason(_ text: String) -> Bool {
    text.unicodeScalars.count <= reasonMax && !text.unicodeScalars.contains(where: \.isControl)
  }
}

// MARK: As etcd and the copy on disk have it

/// The value of a key under `PREFIX operations/`:
///
///     1 state=disabled at=1764535200 server=edge1 by=root until=1764535800 reason=disk%20swap
///
/// The first number is the form's version. Words that a reader does not know are passed over. What is
/// behind `=` is percent-encoded (RFC 3986 §2.1).
extension Order {
  private static let bytesMax = 4096

  var value: [UInt8] {
    var words = [
      "1", "state=\(state.rawValue)", "at=\(at)", "server=\(PercentText.encoded(server))",
      "by=\(PercentText.encoded(user))",
    ]
    if let until { words.append("until=\(until)") }
    if !reason.isEmpty { words.append("reason=\(PercentText.encoded(reason))") }
    return Array(words.joined(separator: " ").utf8)
  }

  /// An unknown client of etcd may have written it; throws with what is wrong.
  init(value: [UInt8]) throws(OrderRefusal) {
    guard value.count <= Self.bytesMax else { throw OrderRefusal("it is too long") }
    guard let text = String(validating: value, as: UTF8.self) else {
      throw OrderRefusal("it is no text")
    }
    let words = text.split(separator: " ", omittingEmptySubsequences: false)
    guard words.first == "1" else { throw OrderRefusal("its form is none of version 1") }
    var values: [Substring: String] = [:]
    for word in words.dropFirst() {
      let pair = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard pair.count == 2, let decoded = PercentText.decoded(pair[1]) else {
        throw OrderRefusal("'\(Found.shortened(String(word)))' is no 'name=value'")
      }
      values[pair[0]] = decoded
    }
    guard let state = values["state"].flatMap(State.init(rawValue:)) else {
      let words = Found.alternatives(State.allCases.map(\.rawValue))
      throw OrderRefusal("'state' is not \(words)")
    }
    guard let at = values["at"].flatMap(Self.moment) else { throw OrderRefusal("'at' is no time") }
    guard let server = values["server"].flatMap({ NodeName.read(Array($0.utf8)) }) else {
      throw OrderRefusal("'server' is no name of a server")
    }
    guard let user = values["by"], Self.isUser(user) else {
      throw OrderRefusal("'by' is no name of a user")
    }
    var until: Int64?
    if let text = values["until"] {
      guard let moment = Self.moment(text) else { throw OrderRefusal("'until' is no time") }
      until = moment
    }
    let reason = values["reason"] ?? ""
    guard Self.isReason(reason) else { throw OrderRefusal("'reason' cannot be shown") }
    self.init(
      state: state, at: at, server: server, user: user, until: until, reason: reason)
  }

  private static func moment(_ text: String) -> Int64? {
    guard let number = Number.parse(text), number <= WallTime.secondsMax else { return nil }
    return Int64(number)
  }
}

/// Why something that etcd or the disk has is no order.
struct OrderRefusal: Error, Equatable {
  let reason: String

  init(_ reason: String) { self.reason = reason }
}

/// Text in which what could be taken for a border is percent-encoded, RFC 3986 §2.1.
enum PercentText {
  /// Encodes spaces, `%`, `/`, and what is not printable ASCII.
  static func encoded(_ text: String) -> String {
    var output: [UInt8] = []
    for byte in text.utf8 {
      if byte > 0x20, byte < 0x7F, byte != UInt8(ascii: "%"), byte != UInt8(ascii: "/") {
        output.append(byte)
      } else {
        output.append(UInt8(ascii: "%"))
        output += Array((byte < 16 ? "0" : "").utf8)
        output += Array(String(byte, radix: 16, uppercase: true).utf8)
      }
    }
    return String(decoding: output, as: UTF8.self)
  }

  /// `nil` where it is not encoded so, or is no UTF-8.
  static func decoded(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      let digits = rest.prefix(2)
      guard digits.count == 2, digits.allSatisfy({ $0 < 0x80 && isHexadecimal($0) }),
        let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
      else { return nil }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
  }

  /// `UInt8(_:radix:)` takes a sign too.
  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte & 0xDF)
  }
}
