/// A domain name, RFC 1035 §3.1: labels of 1 to 63 bytes, at most 255 bytes with their lengths.
///
/// Letters keep the case that they came in. Names that differ in nothing else are equal, RFC 4343.
package struct DNSName: Sendable, CustomStringConvertible {
  /// As in a message: each label behind its length, and a 0 at the end.
  package let wire: [UInt8]

  package static let bytesMax = 255
  package static let labelBytesMax = 63
  package static let root = DNSName(checked: [0])

  /// Takes bytes that are known to be a name.
  init(checked wire: [UInt8]) { self.wire = wire }

  /// `nil` where a label is empty or too long, or the name is.
  package init?(labels: some Sequence<[UInt8]>) {
    var wire: [UInt8] = []
    for label in labels {
      guard let length = UInt8(exactly: label.count),
        (1...Self.labelBytesMax).contains(label.count),
        wire.count + label.count + 2 <= Self.bytesMax
      else { return nil }
      wire.append(length)
      wire += label
    }
    self.init(checked: wire + [0])
  }

  /// Reads a name as zone files have it, RFC 1035 §5.1, with or without the dot at its end.
  ///
  /// `\.` is a dot within a label and `\123` the byte with this number. White space and bytes beyond
  /// ASCII have to be written so.
  package init?(_ text: some StringProtocol) {
    guard text != "." else {
      self = .root
      return
    }
    var labels: [[UInt8]] = []
    var label: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "."):
        labels.append(label)
        label = []
      case UInt8(ascii: "\\"):
        guard let escaped = Self.escaped(&rest) else { return nil }
        label.append(escaped)
      case 0x21...0x7e: label.append(byte)
      default: return nil
      }
    }
    if !label.isEmpty { labels.append(label) }
    guard !labels.isEmpty else { return nil }
    self.init(labels: labels)
  }

  /// The byte that a backslash stands before.
  private static func escaped(_ rest: inout ArraySlice<UInt8>) -> UInt8? {
    guard let first = rest.first else { return nil }
    guard (0x30...0x39).contains(first) else {
      guard (0x21...0x7e).contains(first) else { return nil }
      return rest.popFirst()
    }
    let digits = rest.prefix(3)
    guard digits.count == 3, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    rest = rest.dropFirst(3)
    return UInt8(String(decoding: digits, as: UTF8.self))
  }

  /// From the left; the root has none.
  package var labels: [[UInt8]] {
    var labels: [[UInt8]] = []
    var rest = wire[...]
    while let length = rest.popFirst(), length > 0 {
      labels.append(Array(rest.prefix(Int(length))))
      rest = rest.dropFirst(Int(length))
    }
    return labels
  }

  /// The canonical form, RFC 4034 §6.2.
  package var lowercased: DNSName {
    // Lengths are below the letters, so they stay what they are.
    DNSName(checked: wire.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 })
  }

  /// Whether this is the name of a zone or one below it.
  package func isWithin(_ zone: DNSName) -> Bool {
    let above = zone.lowercased.labels
    return lowercased.labels.suffix(above.count).elementsEqual(above)
  }

  /// This name below one more label; `nil` where that is too long.
  package func prepending(_ label: String) -> DNSName? {
    DNSName(labels: [Array(label.utf8)] + labels)
  }

  /// This name without its first label; `nil` for the root.
  package var enclosing: DNSName? {
    guard let length = wire.first, length > 0 else { return nil }
    return DNSName(checked: Array(wire.dropFirst(Int(length) + 1)))
  }

  /// As it is written within `zone`: `www` for `www.example.org` in `example.org`, and `@` for the zone itself;
  /// whole and with a dot at its end where it lies elsewhere.
  package func relative(to zone: DNSName) -> String {
    guard isWithin(zone) else { return absolute }
    let own = labels.dropLast(zone.labels.count)
    return own.isEmpty ? "@" : own.map(Self.text).joined(separator: ".")
  }

  /// With the dot at its end, as zone files and programs for DNS have it.
  package var absolute: String {
    let text = labels.map(Self.text).joined(separator: ".")
    return text + "."
  }

  /// Without the dot at its end; `.` for the root.
  package var description: String {
    wire.count == 1 ? "." : labels.map(Self.text).joined(separator: ".")
  }

  private static func text(_ label: [UInt8]) -> String {
    var text = ""
    for byte in label {
      switch byte {
      case UInt8(ascii: "."), UInt8(ascii: "\\"): text += "\\\(Unicode.Scalar(byte))"
      case 0x21...0x7e: text.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte)
        text += "\\" + String(repeating: "0", count: max(0, 3 - digits.count)) + digits
      }
    }
    return text
  }
}

extension DNSName: Hashable {
  package static func == (left: DNSName, right: DNSName) -> Bool {
    left.lowercased.wire == right.lowercased.wire
  }

  package func hash(into hasher: inout Hasher) { hasher.combine(lowercased.wire) }
}
