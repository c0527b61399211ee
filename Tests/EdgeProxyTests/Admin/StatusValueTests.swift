import TLS
import Testing
import TLS

@testable import EdgeProxy

@Suite("The status as JSON")
struct StatusValueTests {
  private func json(_ value: StatusValue) -> String {
    var buffer = TextBuffer(capacity: 0)
    value.write(to: &buffer)
    return buffer.text
  }

  @Test(
    arguments: [
      (.nothing, "null"), (.flag(true), "true"), (.flag(false), "false"),
      (.number(-12), "-12"), (.number(.max), "9223372036854775807"),
      (.text("plain"), "\"plain\""), (.time(0), "\"1970-01-01T00:00:00Z\""),
      (.list([]), "[]"), (.fields([]), "{}"),
      (.texts(["a", "b"]), #"["a","b"]"#),
      (.list([.number(1), .list([.nothing])]), "[1,[null]]"),
    ] as [(StatusValue, String)])
  func `each kind of value`(_ value: StatusValue, _ expected: String) {
    #expect(json(value) == expected)
  }

  @Test func `fields keep their order`() {
    #expect(
      json(["z": .number(1), "a": .number(2), "m": ["y": .nothing, "b": .flag(true)]])
        == #"{"z":1,"a":2,"m":{"y":null,"b":true}}"#)
  }

  @Test func `hostile names can neither end a string nor move a terminal`() {
    #expect(
      json(["a\"b": .text("c\"\\\n\u{1b}[2J\u{9b}\u{0}")])
        == #"{"a\"b":"c\"\\\n\u001b[2J\u009b\u0000"}"#)
  }

  @Test func `the document has its sections in order and ends with a line end`() {
    let report = StatusReport(
      health: "no-backend", isServing: false,
      sections: [
        StatusSection(name: "one", value: .number(1), text: []),
        StatusSection(name: "two", value: [:], text: [], warnings: ["look"]),
      ])
    #expect(report.healthText() == "no-backend\nwarning: look\n")
    #expect(
      String(decoding: report.json(), as: UTF8.self)
        == #"{"serving":false,"health":"no-backend","warnings":["look"],"one":1,"two":{}}"# + "\n")
  }
}
