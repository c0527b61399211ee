/// One field line, RFC 9112 §5: no white space before the colon, no folding, no control bytes.
enum FieldParser {
  static func parse(
    _ input: borrowing Span<UInt8>, _ line: Range<Int>
  ) throws(HTTPError) -> HeaderField {
    var index = line.lowerBound
    if ASCII.isBlank(input[index]) { throw .fieldFolded }
    while index < line.upperBound, ASCII.isToken(input[index]) { index += 1 }
    guard index > line.lowerBound, index < line.upperBound, input[index] == UInt8(ascii: ":")
    else { throw .fieldMalformed }
    let name = ByteRange(start: line.lowerBound, count: index - line.lowerBound)
    var start = index + 1
    var end = line.upperBound
    for position in start..<end where !ASCII.isFieldContent(input[position]) {
      throw .fieldMalformed
    }
    while start < end, ASCII.isBlank(input[start]) { start += 1 }
    while end > start, ASCII.isBlank(input[end - 1]) { end -= 1 }
    return HeaderField(
      name: name, value: ByteRange(start: start, count: end - start),
      spelled: input.extracting(name.range))
  }

  /// Content-Length: digits only, RFC 9110 §8.6; anything a recipient could read otherwise is not.
  static func contentLength(
    _ input: borrowing Span<UInt8>, _ value: ByteRange
  ) throws(HTTPError) -> UInt64 {
    guard value.count > 0, value.count <= 19 else { throw .contentLengthMalformed }
    var length: UInt64 = 0
    for index in value.range {
      guard ASCII.isDigit(input[index]) else { throw .contentLengthMalformed }
      length = length * 10 + UInt64(input[index] - 48)
    }
    guard length <= UInt64(Int64.max) else { throw .contentLengthMalformed }
    return length
  }
}
