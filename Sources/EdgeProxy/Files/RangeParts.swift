internal import HTTPCore

/// The body of a 206: one range as it is, several as multipart/byteranges (RFC 9110 §14.6).
struct RangeParts {
  private(set) var parts: [FileBody.Part] = []
  /// Bytes of the whole body.
  private(set) var count: Int64 = 0
  private let ranges: [Range<Int64>]
  private let length: Int64
  private let type: [UInt8]
  private let boundary: [UInt8]

  /// `boundary` is a text that nobody can know before: the identifier of the request.
  init(_ ranges: [Range<Int64>], length: Int64, type: [UInt8], boundary: [UInt8]) {
    self.ranges = ranges
    self.length = length
    self.type = type
    self.boundary = boundary
    guard ranges.count > 1 else {
      for range in ranges { add(.bytes(range), Int64(range.count)) }
      return
    }
    for range in ranges {
      var text: [UInt8] = []
      text.append("\r\n--")
      text += boundary
      text.append("\r\nContent-Type: ")
      text += type
      text.append("\r\nContent-Range: ")
      text += contentRange(range)
      text.append("\r\n\r\n")
      add(.text(text), Int64(text.count))
      add(.bytes(range), Int64(range.count))
    }
    var end: [UInt8] = []
    end.append("\r\n--")
    end += boundary
    end.append("--\r\n")
    add(.text(end), Int64(end.count))
  }

  private mutating func add(_ part: FileBody.Part, _ count: Int64) {
    parts.append(part)
    self.count += count
  }

  private func contentRange(_ range: Range<Int64>) -> [UInt8] {
    var text: [UInt8] = []
    text.append("bytes ")
    text.append(decimal: UInt64(range.lowerBound))
    text.append(UInt8(ascii: "-"))
    text.append(decimal: UInt64(range.upperBound - 1))
    text.append(UInt8(ascii: "/"))
    text.append(decimal: UInt64(length))
    return text
  }

  /// Adds what a 206 says of its body.
  func describe(_ head: inout ResponseHead) {
    guard ranges.count > 1 else {
      head.add("Content-Type", type.span)
      if let range = ranges.first { head.add("Content-Range", contentRange(range).span) }
      return
    }
    var value: [UInt8] = []
    value.append("multipart/byteranges; boundary=")
    value += boundary
    head.add("Content-Type", value.span)
  }
}
