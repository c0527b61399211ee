import Testing

@testable import EdgeProxy

@Suite("The status as people read it")
struct StatusTextTests {
  private func render(_ parts: [StatusText]) -> [String] {
    String(decoding: StatusText.render(parts), as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false
    ).map(String.init)
  }

  @Test func `names and columns are aligned`() {
    let parts: [StatusText] = [
      .line("node", "edge-1"), .line("last reload", "ok"),
      .table("things", columns: ["NAME", "N"], rows: [["a", "1"], ["longer", "22"]]),
    ]
    #expect(
      render(parts) == [
        "node         edge-1", "last reload  ok", "", "things", "  NAME    N", "  a       1",
        "  longer  22", "",
      ])
  }

  @Test func `a table without rows is left out`() {
    #expect(render([.table("things", columns: ["NAME"], rows: [])]) == [""])
  }

  @Test func `what would move the cursor or turn the writing is escaped`() {
    let row = ["a\u{1b}[2Jb\nc\u{9b}\u{202e}d\u{2066}", "é"]
    let lines = render([.table("t", columns: ["A", "B"], rows: [row]), .line("", "\r\u{7f}")])
    #expect(lines[3] == #"  a\u{1b}[2Jb\u{a}c\u{9b}\u{202e}d\u{2066}  é"#)
    #expect(lines[4] == #"  \u{d}\u{7f}"#)
  }

  @Test(
    arguments: [
      (-5, "0s"), (0, "0s"), (59, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h 0m"),
      (86_399, "23h 59m"), (90_000, "1d 1h"), (864_000, "10d 0h"),
    ] as [(Int64, String)])
  func `ages are short`(_ seconds: Int64, _ text: String) {
    #expect(Age.text(seconds) == text)
  }
}
