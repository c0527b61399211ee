package import HTTPCore

/// All that a chunked decoder made of an input, comparable.
package struct ChunkedReading: Equatable {
  package var body: [UInt8] = []
  /// Where the next message begins, once the body is complete.
  package var end: Int?
  package var refusal: HTTPError?

  /// Feeds the pieces one after the other, each until it is used up.
  package static func read(_ input: [UInt8], ends: [Int]) -> ChunkedReading {
    var decoder = ChunkedDecoder()
    var reading = ChunkedReading()
    var position = 0
    for end in ends {
      while position < end {
        let piece = input.span.extracting(position..<end)
        do throws(HTTPError) {
          switch try decoder.next(piece) {
          case .more(let consumed):
            // Whatever is not consumed would be given again for ever.
            precondition(consumed == piece.count, "bytes were left without a reason")
            position += consumed
          case .data(let skip, let count):
            precondition(count > 0, "a step without progress")
            reading.body.append(
              copying: piece.extracting(skip..<(skip + count)))
            position += skip + count
          case .end(let consumed):
            reading.end = position + consumed
            return reading
          }
        } catch {
          reading.refusal = error
          return reading
        }
      }
    }
    return reading
  }
}
