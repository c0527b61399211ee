import Testing

@testable import Configuration

@Suite("What is told about a configuration file")
struct FindingsTests {
  @Test func `what is found twice in a row at one place is told and counted once`() {
    let findings = Findings(path: "edge.yaml")
    let there = Position(line: 3, column: 9)
    for _ in 0..<2 { findings.warning(there, "no interface has the address") }
    for _ in 0..<2 { findings.error(there, "cannot listen") }
    findings.error(.start, "cannot listen")
    findings.note(.start, "cannot listen")
    #expect(findings.errorCount == 2)
    #expect(
      findings.diagnostics.map(\.description) == [
        "edge.yaml:1:1: cannot listen", "edge.yaml:1:1: note: cannot listen",
        "edge.yaml:3:9: warning: no interface has the address", "edge.yaml:3:9: cannot listen",
      ])
  }
}
