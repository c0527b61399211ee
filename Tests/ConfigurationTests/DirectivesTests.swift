import Testing

@testable import Configuration

@Suite("The table of keys")
struct DirectivesTests {
  /// A mapping in the place of every value shows which keys nobody reads.
  @Test(arguments: Directives.all.map(\.path))
  func `every key of the table is read`(_ path: String) {
    let row = Directives.row(path)
    var value = "{ zz: 1 }"
    if case .fields = row.type { value = "[zz]" }
    let read = ConfigurationFixture.read(Array(Self.text(path, value).utf8))
    #expect(read.configuration == nil)
    let key = row.key == "STATUS" ? "503" : row.key
    #expect(read.lines.contains { $0.contains("'\(key)'") || $0.contains("zz") })
  }

  /// A file in which the key at `path` has this value, in flow style: `{ log: { level: info } }`.
  static func text(_ path: String, _ value: String) -> String {
    var text = value
    for part in path.split(separator: ".").reversed() {
      switch part {
      case "NAME": text = "{ app: \(text) }"
      case "STATUS": text = "{ 503: \(text) }"
      case _ where part.hasSuffix("[]"): text = "{ \(part.dropLast(2)): [\(text)] }"
      default: text = "{ \(part): \(text) }"
      }
    }
    return text
  }

  @Test func `a key stands after the mapping it is in`() {
    var known: Set<String> = [""]
    for row in Directives.all {
      let parent = row.parent.replacing("[]", with: "")
      let isKnown = known.contains(parent) || parent.hasSuffix(".NAME")
      #expect(isKnown, "\(row.path)")
      #expect(known.insert(row.path.replacing("[]", with: "")).inserted, "\(row.path) twice")
    }
  }
}
