import Testing

@testable import Configuration

@Suite("edgeproxy.yaml(5)")
struct ManualPageTests {
  private let lines = ManualPage.text().split(separator: "\n")

  @Test(arguments: Directives.all.map(\.path))
  func `every key has its entry with its default`(_ path: String) throws {
    let row = Directives.row(path)
    let start = "\\fB\(path.replacing("-", with: "\\-"))\\fR ("
    let index = try #require(lines.firstIndex { $0.hasPrefix(start) })
    #expect(lines[index - 1] == ".TP")
    let entry = lines[index + 1].replacing("\\-", with: "-").replacing("\\e", with: "\\")
    #expect(entry.contains("\(row.help). ") || entry.hasSuffix("\(row.help)."))
    if let text = row.defaultText { #expect(entry.contains("Default: \(text).")) }
    if row.isRequired { #expect(entry.contains("It must be given.")) }
  }

  @Test func `no text of a key is taken for an instruction of the formatter`() {
    let known = [".TH", ".SH", ".TP", ".PP", ".B", ".I", ".BR"]
    for line in lines where line.hasPrefix(".") || line.hasPrefix("'") {
      #expect(known.contains { line == $0 || line.hasPrefix("\($0) ") })
    }
  }
}
