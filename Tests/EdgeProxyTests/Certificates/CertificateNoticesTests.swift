import CertStore
import Testing

@testable import EdgeProxy

@Suite("The log has each thing about certificates once")
struct CertificateNoticesTests {
  private let log = KeptLog()

  private func refusal(_ source: String, isHalf: Bool = false) -> CertStore.Refusal {
    CertStore.Refusal(source: source, reason: "no key", mayBeHalfWritten: isHalf)
  }

  @Test func `a refusal is an error at once, and told again only after it was gone`() {
    var notices = CertificateNotices(log.logger)
    for _ in 0..<2 { notices.refused([refusal("a")], now: 100) }
    let lines = log.take()
    #expect(lines.map(\.message) == ["certificate refused"])
    #expect(lines.map(\.level) == [.error])
    #expect(lines[0].metadata == ["source": "a", "reason": "no key"])
    notices.refused([], now: 101)
    notices.refused([refusal("a")], now: 102)
    #expect(log.take().count == 1)
  }

  @Test func `a pair that may be half-written is a warning with advice once a moment is over`() {
    var notices = CertificateNotices(log.logger)
    for now in 100...102 { notices.refused([refusal("a", isHalf: true)], now: Int64(now)) }
    #expect(log.take().isEmpty)
    for now in 103...110 { notices.refused([refusal("a", isHalf: true)], now: Int64(now)) }
    let lines = log.take()
    #expect(lines.map(\.level) == [.warning])
    #expect(lines.first?.metadata["advice"]?.contains("from before goes on") == true)
  }

  @Test func `a pair that is whole within the moment was never worth a line`() {
    var notices = CertificateNotices(log.logger)
    notices.refused([refusal("a", isHalf: true)], now: 100)
    notices.refused([], now: 102)
    notices.refused([refusal("a", isHalf: true)], now: 104)
    notices.refused([refusal("a", isHalf: true)], now: 106)
    #expect(log.take().isEmpty)
  }

  @Test func `a clock that goes back does not keep a half-written pair out of the log`() {
    var notices = CertificateNotices(log.logger)
    notices.refused([refusal("a", isHalf: true)], now: 5000)
    for now in 100...103 { notices.refused([refusal("a", isHalf: true)], now: Int64(now)) }
    #expect(log.take().count == 1)
  }

  @Test func `thousands of refusals are fifty lines and a number`() {
    var notices = CertificateNotices(log.logger)
    let all = (0..<5000).map { refusal("\($0)") }
    for _ in 0..<2 { notices.refused(all, now: 100) }
    let lines = log.take()
    #expect(lines.count == 51)
    #expect(lines.last?.message == "more certificates refused")
    #expect(lines.last?.metadata["count"] == "4950")
  }
}

@Suite("What slows certificates down is a warning")
struct CertificateWarningsTests {
  private func section(watch: String? = nil, silence: Duration? = nil) -> StatusSection {
    CertificatesSection(
      served: [], refusals: [], watchFailure: watch, silence: silence, now: 0
    ).section
  }

  @Test func `without trouble there is none`() {
    #expect(section().warnings.isEmpty)
  }

  @Test func `notifications that the kernel refuses are told with what to raise`() {
    let warnings = section(watch: "inotify_init1: Too many open files").warnings
    #expect(warnings.count == 1)
    for word in ["Too many open files", "within seconds", "fs.inotify.max_user_instances"] {
      #expect(warnings[0].contains(word))
    }
  }

  @Test func `a reading that does not end is told with its seconds`() {
    let warnings = section(silence: .seconds(42)).warnings
    #expect(warnings.count == 1)
    #expect(warnings[0].contains("42 s"))
  }
}

@Suite("Only what is asked for is made of a section")
struct StatusSectionTests {
  private final class Made { var parts: [String] = [] }

  @Test func `the health needs neither table nor value nor metrics`() {
    let made = Made()
    let section = StatusSection(
      name: "one",
      value: {
        made.parts.append("value"); return .nothing
      }(),
      text: {
        made.parts.append("text"); return []
      }(),
      metrics: {
        made.parts.append("metrics"); return []
      }(), warnings: ["careful"])
    let report = StatusReport(health: "ok", isServing: true, sections: [section])
    #expect(report.healthText() == "ok\nwarning: careful\n")
    #expect(made.parts.isEmpty)
    _ = report.json()
    #expect(made.parts == ["value"])
    _ = report.metrics()
    #expect(made.parts == ["value", "metrics"])
    _ = report.text()
    #expect(made.parts == ["value", "metrics", "text"])
  }
}
