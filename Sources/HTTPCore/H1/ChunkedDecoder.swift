/// Takes the chunked coding off a body, RFC 9112 §7.1, strictly: CRLF only, sizes without sign or
/// white space, bounded extensions, trailers checked and dropped.
package struct ChunkedDecoder {
  package enum Step: Equatable {
    /// Everything complete was consumed; more bytes are needed.
    case more(consumed: Int)
    /// `count` body bytes lie at `skip`; both are consumed.
    case data(skip: Int, count: Int)
    /// The body is complete; what follows `consumed` belongs to the next message.
    case end(consumed: Int)
  }

  private enum Phase {
    case size(UInt64, digits: Int)
    case extension_(UInt64, count: Int)
    case sizeLineFeed(UInt64)
    case data(remaining: UInt64)
    case dataReturn, dataLineFeed
    case trailerStart
    case trailerName(count: Int)
    case trailerValue
    case trailerLineFeed
    case endLineFeed
    case done
  }

  private var phase = Phase.size(0, digits: 0)
  private var trailerBytes = 0
  private var trailerFields = 0

  package init() {}

  /// Looks at the input from its first byte; call again with what follows the bytes consumed.
  package mutating func next(_ input: borrowing Span<UInt8>) throws(HTTPError) -> Step {
    var index = 0
    while index < input.count {
      if case .data(let remaining) = phase {
        let count = Int(min(remaining, UInt64(input.count - index)))
        phase =
          remaining == UInt64(count) ? .dataReturn : .data(remaining: remaining - UInt64(count))
        return .data(skip: index, count: count)
      }
      try step(input[index])
      index += 1
      if case .done = phase { return .end(consumed: index) }
    }
    return .more(consumed: index)
  }

  private mutating func step(_ byte: UInt8) throws(HTTPError) {
    switch phase {
    case .size(let size, let digits):
      if let value = ASCII.hexadecimal(byte) {
        guard digits < 15 else { throw .chunkMalformed }
        phase = .size(size << 4 | UInt64(value), digits: digits + 1)
      } else if digits > 0, byte == ASCII.carriageReturn {
        phase = .sizeLineFeed(size)
      } else if digits > 0, byte == UInt8(ascii: ";") {
        phase = .extension_(size, count: 1)
      } else {
        throw .chunkMalformed
      }
    case .extension_(let size, let count):
      if byte == ASCII.carriageReturn {
        phase = .sizeLineFeed(size)
      } else {
        guard ASCII.isFieldContent(byte) else { throw .chunkMalformed }
        guard count < FixedLimits.chunkExtensionBytes else {
          throw .chunkExtensionTooLong(limit: FixedLimits.chunkExtensionBytes)
        }
        phase = .extension_(size, count: count + 1)
      }
    case .sizeLineFeed(let size):
      try expect(byte, ASCII.lineFeed)
      phase = size == 0 ? .trailerStart : .data(remaining: size)
    case .data: break
    case .dataReturn:
      try expect(byte, ASCII.carriageReturn)
      phase = .dataLineFeed
    case .dataLineFeed:
      try expect(byte, ASCII.lineFeed)
      phase = .size(0, digits: 0)
    case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed, .endLineFeed, .done:
      try stepTrailer(byte)
    }
  }

  private mutating func stepTrailer(_ byte: UInt8) throws(HTTPError) {
    trailerBytes += 1
    guard trailerBytes <= FixedLimits.trailerBytes else {
      throw .trailerTooLarge(limit: FixedLimits.trailerBytes)
    }
    switch phase {
    case .trailerStart where byte == ASCII.carriageReturn: phase = .endLineFeed
    case .trailerStart:
      trailerFields += 1
      guard ASCII.isToken(byte), trailerFields <= FixedLimits.trailerFields else {
        throw .trailerMalformed
      }
      phase = .trailerName(count: 1)
    case .trailerName(let count):
      if byte == UInt8(ascii: ":") {
        phase = .trailerValue
      } else {
        guard ASCII.isToken(byte) else { throw .trailerMalformed }
        phase = .trailerName(count: count + 1)
      }
    case .trailerValue:
      if byte == ASCII.carriageReturn {
        phase = .trailerLineFeed
      } else {
        guard ASCII.isFieldContent(byte) else { throw .trailerMalformed }
      }
    case .trailerLineFeed:
      try expect(byte, ASCII.lineFeed)
      phase = .trailerStart
    case .endLineFeed:
      try expect(byte, ASCII.lineFeed)
      phase = .done
    default: break
    }
  }

  private func expect(_ byte: UInt8, _ wanted: UInt8) throws(HTTPError) {
    guard byte == wanted else { throw .chunkMalformed }
  }
}
