import HTTPCore
import Testing

struct AcceptEncodingTests {
  private func accepts(_ value: String) -> AcceptEncoding { AcceptEncoding(Array(value.utf8).span) }

  @Test func `without the field only the plain body is sent`() {
    let accepts = AcceptEncoding()
    #expect(ContentCoding.allCases.map(accepts.weight) == [1, 0, 0, 0, 0])
    #expect(!accepts.prefers(.gzip))
  }

  @Test func `an empty field asks for the plain body`() {
    #expect(accepts("") == AcceptEncoding())
    #expect(accepts(" , ,") == AcceptEncoding())
  }

  @Test func `a browser's list takes each of its codings`() {
    let accepts = accepts("gzip, deflate, br, zstd")
    #expect(ContentCoding.allCases.map(accepts.weight) == [1, 1000, 1000, 1000, 1000])
    #expect(ContentCoding.allCases.allSatisfy(accepts.prefers))
  }

  @Test(arguments: [
    ("gzip;q=0.5", UInt16(500)), ("gzip;q=0", 0), ("gzip;q=0.000", 0), ("gzip;q=1.000", 1000),
    ("gzip ; q=0.25", 250), ("gzip;Q=0.125", 125), ("GZIP", 1000), ("x-gzip;q=0.3", 300),
    ("*", 1000), ("*;q=0.2", 200), ("*;q=0.2, gzip;q=0.9", 900), ("gzip;q=0, *", 0),
    ("br, gzip;q=0.1, zstd", 100),
  ])
  func `a weight is read in thousandths`(value: String, weight: UInt16) {
    #expect(accepts(value).weight(.gzip) == weight)
  }

  @Test(arguments: [
    "gzip;q=", "gzip;q=2", "gzip;q=1.001", "gzip;q=0.1234", "gzip;q=.5", "gzip;q=-1",
    "gzip;level=1", "gzip q=1", "gzip;q=0,5x", "gzipp", "gz ip", "\"gzip\"", ";q=1", "gzip;q=0.1;x",
  ])
  func `what is malformed counts as not said`(value: String) {
    #expect(accepts(value).weight(.gzip) == 0)
  }

  @Test func `the plain body can be refused by name and by the star`() {
    #expect(accepts("identity;q=0, gzip").weight(.identity) == 0)
    #expect(accepts("*;q=0").weight(.identity) == 0)
    #expect(accepts("*;q=0, identity;q=0.5").weight(.identity) == 500)
  }

  @Test func `a plain body that is liked better is preferred`() {
    let accepts = accepts("gzip;q=0.5, identity, br")
    #expect(!accepts.prefers(.gzip))
    #expect(accepts.prefers(.brotli))
  }

  @Test func `a later mention of a coding replaces an earlier one`() {
    #expect(accepts("gzip, gzip;q=0").weight(.gzip) == 0)
  }
}
