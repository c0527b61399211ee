/// Why the first bytes of a connection are no PROXY header.
package enum ProxyHeaderError: Error, Equatable {
  /// It begins with something else.
  case missing
  case malformed
  /// Longer than `ProxyHeader.bytesMax`, or in version 1 than 107 bytes.
  case tooLong
  /// A family or transport that no client of ours has: a unix socket, UDP.
  case unsupported
}

/// What a load balancer says of a connection before its first byte: PROXY protocol, versions 1 and 2.
///
/// Whether a connection begins with one is known from its source and never guessed from its bytes
/// (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, §2).
package struct ProxyHeader: Equatable, Sendable {
  /// The client that the balancer speaks for; `nil` where it speaks for itself (LOCAL, as in a
  /// health check) or does not know: then the connection's own address counts.
  package var source: IPAddress?
  package var port: UInt16 = 0
  /// Bytes of the header; what follows belongs to the client.
  package var count: Int

  package init(source: IPAddress? = nil, port: UInt16 = 0, count: Int) {
    self.source = source
    self.port = port
    self.count = count
  }

  /// With everything behind the addresses, far more than balancers send.
  package static let bytesMax = 16 + 2048
  /// §2.1: the longest line, with its end.
  private static let lineBytesMax = 107
  private static let lineStart = Array("PROXY ".utf8)

  /// Reads the header at the beginning of `bytes`; `nil` where its end has not come yet.
  package static func parse(
    _ bytes: borrowing Span<UInt8>
  ) throws(ProxyHeaderError) -> ProxyHeader? {
    guard !bytes.isEmpty else { return nil }
    return bytes[0] == UInt8(ascii: "P") ? try parseLine(bytes) : try parseBinary(bytes)
  }

  // MARK: Version 1

  private static func parseLine(
    _ bytes: borrowing Span<UInt8>
  ) throws(ProxyHeaderError) -> ProxyHeader? {
    guard begins(bytes, with: lineStart) else { throw .missing }
    var end = 0
    while end < bytes.count, end < lineBytesMax - 1, bytes[end] != ASCII.carriageReturn {
      guard bytes[end] != ASCII.lineFeed else { throw .malformed }
      end += 1
    }
    guard end + 2 <= lineBytesMax else { throw .tooLong }
    guard end + 1 < bytes.count else { return nil }
    guard bytes[end + 1] == ASCII.lineFeed else { throw .malformed }
    var words = LineWords(position: 6, end: end)
    var header = ProxyHeader(count: end + 2)
    let family = words.next(bytes)
    if ASCII.equalsExactly(bytes.extracting(family), "UNKNOWN") { return header }
    let isIPv4 = ASCII.equalsExactly(bytes.extracting(family), "TCP4")
    guard isIPv4 || ASCII.equalsExactly(bytes.extracting(family), "TCP6") else {
      throw .unsupported
    }
    let source = IPAddress(bytes.extracting(words.next(bytes)))
    let destination = IPAddress(bytes.extracting(words.next(bytes)))
    let ports = (
      port(bytes.extracting(words.next(bytes))), port(bytes.extracting(words.next(bytes)))
    )
    guard let source, let destination, let port = ports.0, ports.1 != nil, words.isAtEnd else {
      throw .malformed
    }
    guard !isIPv4 || source.isIPv4 && destination.isIPv4 else { throw .malformed }
    (header.source, header.port) = (source, port)
    return header
  }

  /// Whether the bytes begin with `text`, as far as they have come.
  private static func begins(_ bytes: borrowing Span<UInt8>, with text: [UInt8]) -> Bool {
    for index in 0..<min(bytes.count, text.count) where bytes[index] != text[index] {
      return false
    }
    return true
  }

  private static func port(_ digits: borrowing Span<UInt8>) -> UInt16? {
    guard (1...5).contains(digits.count), digits.count == 1 || digits[0] != UInt8(ascii: "0") else {
      return nil
    }
    var number = 0
    for index in 0..<digits.count {
      guard ASCII.isDigit(digits[index]) else { return nil }
      number = number * 10 + Int(digits[index] - 48)
    }
    return UInt16(exactly: number)
  }

  // MARK: Version 2

  private static let signature: [UInt8] = [
    0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
  ]

  private static func parseBinary(
    _ bytes: borrowing Span<UInt8>
  ) throws(ProxyHeaderError) -> ProxyHeader? {
    guard begins(bytes, with: signature) else { throw .missing }
    guard bytes.count > 12 else { return nil }
    guard bytes[12] == 0x20 || bytes[12] == 0x21 else { throw .malformed }
    guard bytes.count >= 16 else { return nil }
    let count = 16 + (Int(bytes[14]) << 8 | Int(bytes[15]))
    guard count <= bytesMax else { throw .tooLong }
    guard bytes.count >= count else { return nil }
    var header = ProxyHeader(count: count)
    // LOCAL: whatever else is there means nothing.
    guard bytes[12] == 0x21 else { return header }
    let addressBytes: Int
    switch bytes[13] {
    case 0x00: return header
    case 0x11: addressBytes = 4
    case 0x21: addressBytes = 16
    default: throw .unsupported
    }
    let end = 16 + 2 * addressBytes + 4
    guard end <= count else { throw .malformed }
    header.source = IPAddress(octets: bytes.extracting(16..<(16 + addressBytes)))
    header.port = UInt16(bytes[end - 4]) << 8 | UInt16(bytes[end - 3])
    try checkVectors(bytes.extracting(end..<count))
    return header
  }

  /// Type, two bytes of length, value, one behind the other to the end (§2.2.7); what they say is
  /// of no use here.
  private static func checkVectors(
    _ bytes: borrowing Span<UInt8>
  ) throws(ProxyHeaderError) {
    var at = 0
    while at < bytes.count {
      guard at + 3 <= bytes.count else { throw .malformed }
      at += 3 + (Int(bytes[at + 1]) << 8 | Int(bytes[at + 2]))
    }
    guard at == bytes.count else { throw .malformed }
  }
}

/// The words of a line with one space between them.
private struct LineWords {
  var position: Int
  let end: Int

  /// All words have been read, and nothing follows the last one.
  var isAtEnd: Bool { position == end + 1 }

  /// The next word; empty where there is none.
  mutating func next(_ bytes: borrowing Span<UInt8>) -> Range<Int> {
    let start = min(position, end)
    var stop = start
    while stop < end, bytes[stop] != ASCII.space { stop += 1 }
    position = stop + 1
    return start..<stop
  }
}
