import HTTPCore
import TestSupport
import Testing

/// Parses a request at every split, which must not matter; cuts only near `around` if given.
func request(
  _ text: String, limits: HeadLimits = HeadLimits(), around: [Int]? = nil,
  sourceLocation: SourceLocation = #_sourceLocation
) -> RequestReading {
  let result = EverySplit.feed(octets(text), cuts: around) { input, ends in
    RequestReading.read(input, ends: ends, limits: limits)
  }
  #expect(result.differing.isEmpty, "the split matters", sourceLocation: sourceLocation)
  return result.whole
}

/// Parses a response at every split, which must not matter; cuts only near `around` if given.
func response(
  _ text: String, limits: HeadLimits = HeadLimits(), around: [Int]? = nil,
  sourceLocation: SourceLocation = #_sourceLocation
) -> ResponseReading {
  let result = EverySplit.feed(octets(text), cuts: around) { input, ends in
    ResponseReading.read(input, ends: ends, limits: limits)
  }
  #expect(result.differing.isEmpty, "the split matters", sourceLocation: sourceLocation)
  return result.whole
}

/// Takes the chunked coding off at every split, which must not matter.
func chunked(
  _ text: String, around: [Int]? = nil, sourceLocation: SourceLocation = #_sourceLocation
) -> ChunkedReading {
  let result = EverySplit.feed(octets(text), cuts: around) { input, ends in
    ChunkedReading.read(input, ends: ends)
  }
  #expect(result.differing.isEmpty, "the split matters", sourceLocation: sourceLocation)
  return result.whole
}

/// A GET with these field lines behind Host.
func get(_ fields: String..., target: String = "/", host: String? = "a.test") -> String {
  let names = host.map { ["Host: \($0)"] } ?? []
  return "GET \(target) HTTP/1.1\r\n" + (names + fields).map { $0 + "\r\n" }.joined() + "\r\n"
}

/// A POST with these field lines behind Host.
func post(_ fields: String..., version: String = "1.1") -> String {
  "POST / HTTP/\(version)\r\nHost: a.test\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n"
}

/// The first bytes of a text; CRLF is two of them.
func start(of text: String, bytes: Int) -> String {
  String(String.UnicodeScalarView(text.unicodeScalars.prefix(bytes)))
}
