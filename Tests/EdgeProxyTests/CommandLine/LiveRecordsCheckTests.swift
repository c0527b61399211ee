import DNSCore
import Testing

@testable import EdgeProxy

@Suite("Whether the provider of records can be reached")
struct LiveRecordsCheckTests {
  private func judge(_ outcome: LiveRecordsCheck.Outcome?) -> NamesFinding? {
    LiveRecordsCheck.judge(outcome, of: FleetFixture.name("example.org"))
  }

  @Test func `nothing is said of one that lists its records`() {
    #expect(judge(.success([])) == nil)
  }

  @Test func `a refusal is told with what to do`() {
    let failure = RecordFailure(description: "wrong password", advice: "correct it")
    #expect(
      judge(.failure(failure))
        == .wrong(
          "the provider of 'example.org' does not list its records: wrong password; correct it"))
    #expect(judge(nil)?.verdict == .wrong)
  }

  @Test func `one that cannot list is not known to be well`() {
    #expect(judge(.success(nil))?.verdict == .unknown)
  }
}
