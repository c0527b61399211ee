import ACME
import Configuration
import DNSCore
import EventLoop
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Challenge values at the provider of records")
final class RecordSolverTests {
  private let loop: EventLoop
  private let directory: TemporaryDirectory
  private let log = KeptLog()
  private var settings: RecordsSettings?
  private var solver: (any ChallengeSolver)?
  private let values = [
    ChallengeValue(.dns(name: "example.org"), "one"),
    ChallengeValue(.dns(name: "example.org"), "two"),
    ChallengeValue(.http(token: "t"), "not for DNS"),
  ]

  init() throws {
    loop = try EventLoop(clock: ManualClock())
    directory = try TemporaryDirectory()
    settings = try records(try directory.hook(), .lego)
    let acme = AcmeSettings(
      termsAccepted: true, contacts: [], issuers: [], certificates: [], dns: .records,
      routedHosts: false, authorityFile: nil, renewAt: nil)
    solver = try Solvers.make(
      acme, records: { [unowned self] in settings }, environment: [:], on: loop,
      logger: log.logger)
  }

  deinit { solver?.close() }

  private func records(
    _ command: String, _ mode: RecordsSettings.Hook.Mode
  ) throws -> RecordsSettings {
    let zone = try #require(DNSName("example.org"))
    return RecordsSettings(
      provider: .hook(
        RecordsSettings.Hook(
          command: command, mode: mode, environmentFile: nil, timeout: .seconds(60))),
      zone: zone, names: [zone], seconds: 60, isDryRun: false)
  }

  private final class Answer {
    var failure: SolverFailure?
    var isTold = false
  }

  private func present(_ values: [ChallengeValue]) throws -> SolverFailure? {
    let answer = Answer()
    solver?.present(values) { (answer.failure, answer.isTold) = ($0, true) }
    #expect(!answer.isTold)
    while !answer.isTold { try loop.turn(mayWait: true) }
    return answer.failure
  }

  private func remove() throws {
    let answer = Answer()
    solver?.remove(values) { answer.isTold = true }
    #expect(!answer.isTold)
    while !answer.isTold { try loop.turn(mayWait: true) }
  }

  @Test func `values are put there for a CA and taken away again`() throws {
    #expect(try present(values) == nil)
    try remove()
    #expect(
      try directory.calls() == [
        "3: present _acme-challenge.example.org. one",
        "3: present _acme-challenge.example.org. two",
        "3: cleanup _acme-challenge.example.org. one",
        "3: cleanup _acme-challenge.example.org. two",
      ])
  }

  @Test func `the provider is asked for one thing at a time`() throws {
    let lock = "mkdir '\(directory.path)/lock' || echo twice >> '\(directory.path)/calls'"
    _ = try directory.hook("\(lock); sleep 0.02; rmdir '\(directory.path)/lock'")
    let answers = [Answer(), Answer()]
    solver?.present(values) { _ in answers[0].isTold = true }
    solver?.remove(values) { answers[1].isTold = true }
    while !answers[1].isTold { try loop.turn(mayWait: true) }
    #expect(answers[0].isTold)
    #expect(try directory.calls().count == 4 && !directory.calls().contains("twice"))
  }

  @Test func `a name outside the zone, and no section of records, are told`() throws {
    let other = [ChallengeValue(.dns(name: "a.test"), "three")]
    #expect(
      try present(values + other)?.description
        == "'_acme-challenge.a.test' is not in 'example.org', the zone of 'records'")
    settings = nil
    #expect(
      try present(values)?.description
        == "'acme.dns' is 'records', and there is no section 'records'")
    #expect(try directory.calls() == [])
  }

  @Test func `other settings hold from the next order on`() throws {
    #expect(try present(values) == nil)
    settings = try records(directory.path + "/hook", .own)
    try remove()
    #expect(
      try directory.calls().last == "5: remove _acme-challenge.example.org TXT two 60")
  }

  @Test func `a failure ends the order, and one of the removal is a warning`() throws {
    _ = try directory.hook("echo no >&2; exit 1")
    #expect(try present(values)?.description.hasSuffix("ended with status 1: no") == true)
    try remove()
    let line = try #require(log.take().last)
    #expect(line.level == .warning && line.message.hasPrefix("values for a CA stay in DNS"))
  }
}
