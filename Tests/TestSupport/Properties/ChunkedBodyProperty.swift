import HTTPCore

extension ParserProperties {
  /// A chunked body is the same however it is cut, and the same as the simplest reader finds.
  package static func chunkedBody(_ input: [UInt8]) -> String? {
    let whole = ChunkedReading.read(input, ends: [input.count])
    let place = cut(input)
    guard ChunkedReading.read(input, ends: [place, input.count]) == whole else {
      return "another result when cut at \(place)"
    }
    guard input.isEmpty || ChunkedReading.read(input, ends: Array(1...input.count)) == whole else {
      return "another result byte by byte"
    }
    if whole.refusal != nil || whole.end != nil {
      let longer = input + octets("0\r\n\r\n\n")
      guard ChunkedReading.read(longer, ends: [longer.count]) == whole else {
        return "another result when more follows"
      }
    }
    if let end = whole.end {
      guard whole.refusal == nil else { return "both an end and an error" }
      guard let simple = simplyDecoded(input), simple.body == whole.body, simple.end == end else {
        return "another body than the simplest reader finds"
      }
    }
    return encodedAgain(input, place)
  }

  /// Any bytes survive being sent as two chunks.
  private static func encodedAgain(_ body: [UInt8], _ place: Int) -> String? {
    var encoded: [UInt8] = []
    for part in [body[..<place], body[place...]] where !part.isEmpty {
      encoded += octets(String(part.count, radix: 16) + ";x=y\r\n") + part + octets("\r\n")
    }
    encoded += octets("0\r\nX-Trailer: 1\r\n\r\n")
    let reading = ChunkedReading.read(encoded + octets("GET"), ends: [encoded.count + 3])
    return reading.body == body && reading.end == encoded.count
      ? nil : "a body did not survive its encoding"
  }

  /// Reads line by line, for bodies that are known to be complete.
  private static func simplyDecoded(_ input: [UInt8]) -> (body: [UInt8], end: Int)? {
    var body: [UInt8] = []
    var place = 0
    func line() -> String? {
      guard let stop = input[place...].firstIndex(of: ASCII.lineFeed), stop > place else {
        return nil
      }
      defer { place = stop + 1 }
      return text(input.span.extracting(place..<(stop - 1)))
    }
    while true {
      guard let sizeLine = line(), let size = Int(sizeLine.prefix { $0 != ";" }, radix: 16) else {
        return nil
      }
      if size == 0 { break }
      guard place + size + 2 <= input.count else { return nil }
      body += input[place..<(place + size)]
      place += size + 2
    }
    while let trailer = line() {
      if trailer.isEmpty { return (body, place) }
    }
    return nil
  }
}
