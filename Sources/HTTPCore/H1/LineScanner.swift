/// Finds the lines of a head in input that grows, looking at every byte once.
///
/// Lines end with CRLF and with nothing else: a bare LF or CR is an error as soon as it is there,
/// because recipients disagree on what it means (RFC 9112 §2.2).
struct LineScanner {
  /// The first byte of the line that is being read.
  private(set) var lineStart = 0
  private var scanned = 0

  /// The next complete line without its CRLF; `nil` for more bytes.
  mutating func next(_ input: borrowing Span<UInt8>) throws(HTTPError) -> Range<Int>? {
    var index = scanned
    let count = input.count
    while index < count {
      let byte = input[index]
      if byte > ASCII.carriageReturn {
        index += 1
        continue
      }
      if byte == ASCII.lineFeed { throw .lineEndMalformed }
      if byte == ASCII.carriageReturn {
        guard index + 1 < count else { break }
        guard input[index + 1] == ASCII.lineFeed else { throw .lineEndMalformed }
        let line = lineStart..<index
        lineStart = index + 2
        scanned = lineStart
        return line
      }
      index += 1
    }
    scanned = index
    return nil
  }

  /// Bytes of the unfinished line that have been looked at.
  var pendingCount: Int { scanned - lineStart }
}
