internal import HTTPCore

/// Body bytes in the framing of HTTP/1.1, RFC 9112 §6 and §7.1.
extension OutputFraming {
  /// The chunk that ends a body.
  static let lastChunkBytes = 5
  /// The longest size of a chunk in a block, and the ends of both lines.
  private static let chunkOverheadBytes = 2 + 8 + 2

  /// Copies as much as fits into the output, with its framing; returns how many body bytes.
  func frame(_ bytes: borrowing Span<UInt8>, into output: inout ByteBuffer) -> Int {
    guard case .chunked = self else {
      let count = min(bytes.count, output.freeCount)
      output.append(bytes.extracting(0..<count))
      return count
    }
    // The last chunk is to fit behind it.
    let overhead = Self.chunkOverheadBytes + Self.lastChunkBytes + 2
    guard output.freeCount > overhead else { return 0 }
    let count = min(bytes.count, output.freeCount - overhead)
    output.append(hexadecimal: count)
    output.append("\r\n")
    output.append(bytes.extracting(0..<count))
    output.append("\r\n")
    return count
  }
}
