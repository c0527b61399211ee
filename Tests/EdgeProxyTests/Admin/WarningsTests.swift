import Testing

@testable import EdgeProxy

@Suite("Warnings")
struct WarningsTests {
  private let warnings = Warnings()

  private func report() -> StatusReport {
    StatusReport(
      health: "ok", isServing: true,
      sections: [
        WarningsSection(warnings: warnings.all).section,
        StatusSection(name: "other", value: [:], text: [], warnings: ["look"]),
      ])
  }

  @Test func `a fault is news once, and keeps the time when it began`() {
    #expect(warnings.raise("log", "cannot open a.log", advice: "make its directory", now: 10))
    #expect(!warnings.raise("log", "cannot open a.log", advice: "make its directory", now: 20))
    #expect(warnings.raise("log", "cannot write a.log", advice: "make room", now: 30))
    #expect(
      warnings.all == [
        .init(key: "log", text: "cannot write a.log", advice: "make room", since: 10)
      ])
  }

  @Test func `a fault that is over is told no more, and is news when it comes back`() {
    warnings.raise("log", "full", advice: "make room", now: 10)
    #expect(warnings.clear("log"))
    #expect(!warnings.clear("log"))
    #expect(warnings.all.isEmpty)
    #expect(warnings.raise("log", "full", advice: "make room", now: 40))
    #expect(warnings.all.map(\.since) == [40])
  }

  @Test func `the oldest fault comes first`() {
    warnings.raise("b", "second", advice: "", now: 2)
    warnings.raise("a", "third", advice: "", now: 3)
    warnings.raise("c", "first", advice: "", now: 1)
    #expect(warnings.all.map(\.text) == ["first", "second", "third"])
  }

  @Test func `no more faults are kept than a person can read`() {
    for number in 0...Warnings.countMax {
      warnings.raise("\(number)", "wrong", advice: "mend it", now: 0)
    }
    #expect(warnings.all.count == Warnings.countMax)
    #expect(warnings.raise("1", "worse", advice: "mend it", now: 0))
  }

  @Test func `status says what is wrong, since when and what to do`() {
    warnings.raise("port", "port 80 is taken", advice: "stop apache2", now: 86_400)
    let line = "port 80 is taken; stop apache2 (since 1970-01-02T00:00:00Z)"
    #expect(report().warnings == [line, "look"])
    #expect(report().healthText() == "ok\nwarning: \(line)\nwarning: look\n")
    let json = String(decoding: report().json(), as: UTF8.self)
    #expect(
      json.contains(
        #""warning_details":[{"key":"port","text":"port 80 is taken","advice":"stop apache2","#
          + #""since":"1970-01-02T00:00:00Z"}]"#))
  }

  @Test func `a metric counts all warnings, and one names each fault`() {
    warnings.raise("port", "port 80 is taken", advice: "stop apache2", now: 0)
    let metrics = String(decoding: report().metrics(), as: UTF8.self)
    #expect(metrics.contains("\nedgeproxy_warnings 2\n"))
    #expect(metrics.contains("\nedgeproxy_warning{key=\"port\"} 1\n"))
  }
}
