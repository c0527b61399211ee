/// Where a member of etcd listens: `https://10.0.0.1:2379`.
package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
  package let isSecure: Bool
  /// A DNS name or a numeric address, without brackets.
  package let host: String
  package let port: UInt16

  private static let defaultPort: UInt16 = 2379
  private static let hostBytesMax = 253

  /// Reads `http://HOST[:PORT]` or `https://HOST[:PORT]`; `nil` for anything else.
  package init?(_ text: String) {
    var rest: Substring
    if text.hasPrefix("https://") {
      isSecure = true
      rest = text.dropFirst(8)
    } else if text.hasPrefix("http://") {
      isSecure = false
      rest = text.dropFirst(7)
    } else {
      return nil
    }
    if rest.hasSuffix("/") { rest = rest.dropLast() }
    let portText: Substring?
    if rest.hasPrefix("[") {
      guard let end = rest.firstIndex(of: "]") else { return nil }
      host = String(rest[rest.index(after: rest.startIndex)..<end])
      guard host.contains(":"), host.utf8.allSatisfy(Self.isInAddress) else { return nil }
      let after = rest[rest.index(after: end)...]
      guard after.isEmpty || after.hasPrefix(":") else { return nil }
      portText = after.isEmpty ? nil : after.dropFirst()
    } else {
      let colon = rest.firstIndex(of: ":")
      host = String(rest[..<(colon ?? rest.endIndex)])
      guard host.utf8.allSatisfy(Self.isInName) else { return nil }
      portText = colon.map { rest[rest.index(after: $0)...] }
    }
    guard (1...Self.hostBytesMax).contains(host.utf8.count) else { return nil }
    guard let portText else {
      port = Self.defaultPort
      return
    }
    guard portText.utf8.allSatisfy({ (48...57).contains($0) }), let port = UInt16(portText),
      port > 0
    else { return nil }
    self.port = port
  }

  package var description: String { (isSecure ? "https://" : "http://") + authority }

  /// Whether what is said there stays on this machine.
  package var isLoopback: Bool {
    host == "localhost" || host == "::1" || host.hasPrefix("127.")
  }

  /// As in `:authority`.
  var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

  private static func isInName(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
      || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
  }

  private static func isInAddress(_ byte: UInt8) -> Bool {
    isInName(byte) || byte == UInt8(ascii: ":") || byte == UInt8(ascii: "%")
  }
}
