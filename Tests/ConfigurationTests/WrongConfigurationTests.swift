import Testing

@testable import Configuration

/// Whole files with a mistake that people make, most of them out of the habit of another server.
struct WrongConfiguration: Sendable, CustomTestStringConvertible {
  let title: String
  let text: String
  let lines: [String]

  var testDescription: String { title }

  /// `=== TITLE`, the file, and a line `>>> LINE:COLUMN: MESSAGE` for each that is said about it.
  static func all() throws -> [WrongConfiguration] {
    let bytes = try ConfigurationFixture.file("Tests/Vectors/wrong-configurations.txt")
    let parts = String(decoding: bytes, as: UTF8.self).split(separator: "\n\n=== ")
    return parts.map { part in
      let lines = part.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
      let title = (lines.first ?? "").replacing("=== ", with: "")
      let said = lines.filter { $0.hasPrefix(">>> ") }.map { String($0.dropFirst(4)) }
      let text = lines.dropFirst().prefix { !$0.hasPrefix(">>> ") }
      return WrongConfiguration(
        title: title, text: text.map { $0 + "\n" }.joined(), lines: said)
    }
  }
}

@Suite("Two hundred wrong configurations")
struct WrongConfigurationTests {
  @Test(arguments: try WrongConfiguration.all())
  func `each is told where it is wrong and what to write`(_ wrong: WrongConfiguration) {
    let read = ConfigurationFixture.read(Array(wrong.text.utf8))
    #expect(read.configuration == nil)
    #expect(read.lines == wrong.lines.map { "edge.yaml:\($0)" })
  }

  @Test func `a mistake below many empty lines is found at once`() {
    let text = "node: a" + String(repeating: "\n", count: 500_000) + " state: b\n"
    let start = ContinuousClock.now
    let read = ConfigurationFixture.read(Array(text.utf8))
    #expect(read.lines.count == 1)
    #expect(ContinuousClock.now - start < .seconds(30))
  }

  @Test func `there are two hundred, each for another mistake`() throws {
    let titles = try WrongConfiguration.all().map(\.title)
    #expect(titles.count >= 200)
    #expect(Set(titles).count == titles.count)
  }

  @Test(arguments: [
    "{\"upstreams\":{\n\"app\":{\"nodes\":[\"10.0.0.1:80\"]}},\n\"routes\":[{\"host\":\"a.org\",\"upstream\":\"app\"}]}",
    "{\n  \"upstreams\": {\n \"app\": {\"nodes\": [\"10.0.0.1:80\"]}},\n\"routes\":[{\"host\":\"a.org\",\"upstream\":\"app\"}]}",
    "---\nupstreams: {\n  app: { nodes: [\"10.0.0.1:80\"] } }\nroutes: [{\n host: a.org, upstream: app }]",
    "routes:\n- host: a.org\n  respond:\n    body: |\n      server {\n        listen 80;\n      }\n",
  ])
  func `what is ours is never taken for another program's`(_ text: String) throws {
    _ = try ConfigurationFixture.configuration(text)
  }
}
