import TestSupport
import Testing

@testable import Configuration

@Suite("Bytes that are no configuration")
struct ConfigurationBytesTests {
  @Test(arguments: [
    ([0x00], "1:1: control character 0x00 in the text"),
    ([0x61, 0x3A, 0x0A, 0x1B], "2:1: control character 0x1B in the text"),
    ([0x7F, 0x45, 0x4C, 0x46], "1:1: control character 0x7F in the text"),
    ([0x61, 0x3A, 0x20, 0xFF], "1:4: byte 0xFF is not UTF-8 text"),
    ([0xC3, 0xBC, 0xC0, 0x80], "1:2: byte 0xC0 is not UTF-8 text"),
    ([0xE0, 0x80, 0x80], "1:1: byte 0xE0 is not UTF-8 text"),
    ([0xED, 0xA0, 0x80], "1:1: byte 0xED is not UTF-8 text"),
    ([0xF4, 0x90, 0x80, 0x80], "1:1: byte 0xF4 is not UTF-8 text"),
    ([0xE2, 0x82], "1:1: byte 0xE2 is not UTF-8 text"),
    ([0x61, 0xC2, 0x9B], "1:2: a control character or byte-order mark in the text"),
    ([0x61, 0xEF, 0xBB, 0xBF], "1:2: a control character or byte-order mark in the text"),
    ([0xEF, 0xBF, 0xBF], "1:1: a control character or byte-order mark in the text"),
    ([0xFF, 0xFE, 0x61, 0x00], "1:1: this is UTF-16; the configuration must be UTF-8"),
    ([0xFE, 0xFF, 0x00, 0x61], "1:1: this is UTF-16; the configuration must be UTF-8"),
  ])
  func `binary text is refused where it begins`(_ bytes: [UInt8], _ message: String) {
    let read = ConfigurationFixture.read(bytes)
    #expect(read.configuration == nil)
    #expect(read.lines == ["edge.yaml:\(message)"])
  }

  @Test func `a file above the limit is refused before it is parsed`() {
    let read = ConfigurationFixture.read([UInt8](repeating: 0x20, count: 10_000_000))
    #expect(read.lines == ["edge.yaml:1:1: the file is larger than 1MiB"])
  }

  @Test(arguments: ["\u{85}", "\u{2028}", "\\n", "\\e", "\u{9B}"])
  func `a message stays on one line whatever a key holds`(_ character: String) {
    let text = "upstreams: { \"a\(character)b\": { x: 1 }, \"a\(character)b\": 1 }"
    let read = ConfigurationFixture.read(Array(text.utf8))
    #expect(read.configuration == nil && !read.lines.isEmpty)
    for line in read.lines { #expect(!line.unicodeScalars.contains { $0.isControl }) }
  }

  @Test func `what the fuzzer once found stays fixed`() throws {
    let read = ConfigurationFixture.read(
      try ConfigurationFixture.file("Tests/Corpora/Configuration/control-character-in-a-name.yaml"))
    #expect(read.configuration == nil && !read.lines.isEmpty)
    for line in read.lines { #expect(!line.unicodeScalars.contains { $0.isControl }) }
  }

  @Test(arguments: [
    "names", "names-without-etcd", "records-by-updates", "records-at-cloudns",
    "records-by-a-program",
  ])
  func `what the fuzzer begins with has no mistake`(_ name: String) throws {
    let read = ConfigurationFixture.read(
      try ConfigurationFixture.file("Tests/Corpora/Configuration/\(name).yaml"))
    #expect(read.lines == [])
    #expect(read.configuration?.publicAddresses.isEmpty == false)
  }

  @Test func `more values than a configuration has are refused`() {
    let items = String(repeating: "a,", count: YAMLReader.nodesMax + 1)
    let read = ConfigurationFixture.read(Array("node: [\(items)]".utf8))
    #expect(read.configuration == nil)
    #expect(read.lines.contains { $0.hasSuffix("values; this is no configuration file") })
  }

  @Test func `a value longer than any path is refused`() {
    let text = ConfigurationFixture.valid + "state: /"
    let over = ConfigurationFixture.read(
      Array((text + String(repeating: "a", count: 4095)).utf8))
    #expect(over.lines == ["edge.yaml:3:8: 'state' is longer than 4095 bytes"])
    let just = ConfigurationFixture.read(
      Array((text + String(repeating: "a", count: 4094)).utf8))
    #expect(just.lines == [])
  }

  @Test func `more nodes than can be balanced are refused`() {
    let nodes = (1...Directives.nodesMax + 1).map { "\"10.0.0.1:\($0)\"" }.joined(separator: ",")
    let text = "routes: [{ host: a.org, upstream: a }]\nupstreams: { a: { nodes: [\(nodes)] } }"
    let read = ConfigurationFixture.read(Array(text.utf8))
    #expect(read.lines == ["edge.yaml:2:26: 'nodes' must have at most 128, found 129"])
  }

  @Test func `a large error page is refused`() {
    let text = ConfigurationFixture.valid + "error_pages: { 503: /large.html }"
    let limit = Directives.errorPageBytesMax
    let page = { [UInt8](repeating: 0x20, count: $0) }
    let over = ConfigurationFixture.read(
      Array(text.utf8), files: ["/large.html": page(limit + 1)])
    #expect(over.lines == ["edge.yaml:3:21: '/large.html' is larger than 64KiB"])
    let just = ConfigurationFixture.read(Array(text.utf8), files: ["/large.html": page(limit)])
    #expect(just.lines == [])
  }

  /// Each of 3000 texts differs from the reference in one to four bytes.
  @Test func `a changed byte gives diagnostics or a configuration`() throws {
    let reference = try ConfigurationFixture.file("conf/edgeproxy.reference.yaml")
    var random = SeededRandom(seed: 7)
    for _ in 0..<3000 {
      var text = reference
      for _ in 0...Int(random.next() % 4) {
        let place = Int(random.next() % UInt64(text.count))
        switch random.next() % 3 {
        case 0: text[place] = UInt8(truncatingIfNeeded: random.next())
        case 1: text.remove(at: place)
        default: text.insert(Self.syntax[Int(random.next() % UInt64(Self.syntax.count))], at: place)
        }
      }
      let read = ConfigurationFixture.read(text)
      let errors = read.lines.filter { !$0.contains(": warning: ") }
      #expect((read.configuration == nil) == !errors.isEmpty)
      #expect(read.lines.allSatisfy { $0.hasPrefix("edge.yaml:") && !$0.contains("\n") })
    }
  }

  /// What means something to YAML.
  private static let syntax = Array("{}[]:,#&*!|>'\"%@`-?$\n\t \\~.0aü".utf8)
}
