/// Finds out whether a body begins with the size of a chunk, RFC 9112 §7.1, or has no chunks.
///
/// Extensions are not known here: no application sends them.
package struct ChunkOpening {
  package enum Finding {
    /// All bytes were taken; more are needed.
    case open
    /// `consumed` bytes were taken, and the decoder goes on behind them.
    case chunks(ChunkedDecoder, consumed: Int)
    /// Everything is the body: `seen`, and then the whole input.
    case none
  }

  /// Bytes of a size with its CR at most; one byte more decides.
  private static let bytesMax = 16

  private var bytes = [16 of UInt8](repeating: 0)
  private var count = 0

  package init() {}

  /// What came before and is part of the body where there are no chunks.
  package var seen: [UInt8] { (0..<count).map { bytes[$0] } }

  /// Looks at what follows the bytes seen so far.
  package mutating func look(at input: borrowing Span<UInt8>) -> Finding {
    var index = 0
    // What this call has taken is still in the input where there are no chunks.
    let before = count
    while index < input.count {
      let byte = input[index]
      let isBehindReturn = count > 0 && bytes[count - 1] == ASCII.carriageReturn
      if isBehindReturn, byte == ASCII.lineFeed, let decoder = decoder() {
        return .chunks(decoder, consumed: index + 1)
      }
      let isSize = ASCII.hexadecimal(byte) != nil || byte == ASCII.carriageReturn && count > 0
      guard !isBehindReturn, isSize, count < Self.bytesMax else {
        count = before
        return .none
      }
      bytes[count] = byte
      count += 1
      index += 1
    }
    return .open
  }

  /// The decoder behind the line of the size; `nil` where it does not take it.
  private func decoder() -> ChunkedDecoder? {
    var decoder = ChunkedDecoder()
    let line = seen + [ASCII.lineFeed]
    do throws(HTTPError) {
      _ = try decoder.next(line.span)
    } catch {
      return nil
    }
    return decoder
  }
}
