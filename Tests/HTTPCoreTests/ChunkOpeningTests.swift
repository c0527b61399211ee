import HTTPCore
import TestSupport
import Testing

@Suite("Whether a body begins with a chunk")
struct ChunkOpeningTests {
  /// The body as a client gets it, when its bytes come in pieces of one size; `nil` for broken chunks.
  private func read(_ input: String, pieces size: Int) -> String? {
    var opening = ChunkOpening()
    var body: [UInt8] = []
    var rest = octets(input)
    while !rest.isEmpty {
      let piece = Array(rest.prefix(size))
      rest.removeFirst(piece.count)
      switch opening.look(at: piece.span) {
      case .open: continue
      case .none: return text((opening.seen + piece + rest).span)
      case .chunks(var decoder, let consumed):
        rest = piece.dropFirst(consumed) + rest
        while true {
          guard let step = try? decoder.next(rest.span) else { return nil }
          switch step {
          case .more: return nil
          case .end: return text(body.span)
          case .data(let skip, let count):
            body += rest[skip..<skip + count]
            rest.removeFirst(skip + count)
          }
        }
      }
    }
    return text(opening.seen.span)
  }

  @Test(
    arguments: [
      ("5\r\nhello\r\n0\r\n\r\n", "hello"), ("0\r\n\r\n", ""),
      ("00a\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
      ("5\r\nhello", nil), ("5\r\nhello!\r\n0\r\n\r\n", nil), ("0\r\nx\r\n", nil),
      ("000000000000005\r\nhello\r\n0\r\n\r\n", "hello"),
      // No chunks: the body is what came.
      ("hello", "hello"), ("", ""), ("5", "5"), ("abc", "abc"), ("5\r", "5\r"), ("5\n", "5\n"),
      ("5\r\r\nhello", "5\r\r\nhello"), ("\r\n5\r\n", "\r\n5\r\n"),
      ("5 apples\r\n", "5 apples\r\n"),
      ("+5\r\nhello\r\n0\r\n\r\n", "+5\r\nhello\r\n0\r\n\r\n"), ("5;x\r\nhello", "5;x\r\nhello"),
      ("0123456789abcdef\r\n", "0123456789abcdef\r\n"), ("<html>", "<html>"),
      ("face it", "face it"),
      ("00000000000000000000000005\r\n", "00000000000000000000000005\r\n"),
    ] as [(String, String?)])
  func `chunks are taken off, and anything else is the body`(input: String, body: String?) {
    for size in 1...max(1, input.utf8.count) {
      #expect(read(input, pieces: size) == body, "pieces of \(size)")
    }
  }
}
