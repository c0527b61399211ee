import TestSupport
import Testing

@Suite("Inputs that fuzzers begin with or found")
struct CorporaTests {
  @Test(
    arguments: [
      ("RequestHead", ParserProperties.requestHead),
      ("ResponseHead", ParserProperties.responseHead),
      ("ChunkedBody", ParserProperties.chunkedBody), ("UWSGIBlock", ParserProperties.uwsgiBlock),
      ("ProxyHeader", ParserProperties.proxyHeader),
      ("HTTP2", ParserProperties.http2),
      ("FieldValues", ParserProperties.fieldValues),
      ("Subscription", ParserProperties.subscription),
      ("FieldLists", ParserProperties.fieldLists), ("Dates", ParserProperties.dates),
      ("ResponseSerializer", ParserProperties.responseSerializer),
    ] as [(String, @Sendable ([UInt8]) -> String?)])
  func `what holds for every input holds for these`(
    name: String, check: @Sendable ([UInt8]) -> String?
  ) throws {
    let files = RepositoryFiles.list("Tests/Corpora/\(name)")
    #expect(files.count > 10)
    for file in files {
      let input = try #require(RepositoryFiles.read(file))
      #expect(check(input) == nil, "\(file)")
    }
  }

  @Test func `any byte may be missing, doubled or another`() throws {
    for file in RepositoryFiles.list("Tests/Corpora/UWSGIBlock").prefix(3) {
      let input = try #require(RepositoryFiles.read(file))
      for place in input.indices {
        let (before, after) = (input[..<place], input[(place + 1)...])
        for middle in [[], [input[place], input[place]], [0], [0x0a], [0x5f], [0x2c]] {
          let changed = before + middle + after
          #expect(ParserProperties.requestHead(Array(changed)) == nil, "\(file), \(place)")
          #expect(ParserProperties.uwsgiBlock(Array(changed)) == nil, "\(file), \(place)")
        }
      }
    }
  }
}
