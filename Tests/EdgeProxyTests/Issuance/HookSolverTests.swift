import ACME
import EventLoop
import Glibc
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Challenge values by a program")
struct HookSolverTests {
  private let loop: EventLoop
  private let clock = ManualClock()
  private let directory: TemporaryDirectory
  private let log = KeptLog()
  private let values = [
    ChallengeValue(.dns(name: "example.org"), "one"),
    ChallengeValue(.dns(name: "example.org"), "two"),
    ChallengeValue(.http(token: "t"), "not for DNS"),
    ChallengeValue(.dns(name: "a.test"), "three"),
  ]

  init() throws {
    loop = try EventLoop(clock: clock)
    directory = try TemporaryDirectory()
  }

  /// A hook that notes its arguments in `calls` and then runs `script`.
  private func solver(
    _ script: String = "", wait: Duration = .zero, environment: [String: String] = [:]
  ) throws -> HookSolver {
    let path = directory.path + "/hook"
    try directory.write(
      "hook", "#!/bin/sh\necho \"$#: $*\" >> '\(directory.path)/calls'\n\(script)\n")
    // SAFETY: the path is a C string for the length of the call.
    #expect(unsafe chmod(path, 0o700) == 0)
    return HookSolver(
      HookSolver.Settings(command: path, timeout: .seconds(60), wait: wait),
      environment: environment, on: loop, logger: log.logger)
  }

  private func calls() throws -> [String] {
    try directory.read("calls").split(separator: "\n").map(String.init)
  }

  private final class Answer {
    var failure: SolverFailure?
    var isTold = false
  }

  private func present(_ solver: HookSolver) throws -> SolverFailure? {
    let answer = Answer()
    solver.present(values) {
      answer.failure = $0
      answer.isTold = true
    }
    #expect(!answer.isTold)
    while !answer.isTold { try loop.turn(mayWait: true) }
    return answer.failure
  }

  private func remove(_ solver: HookSolver) throws {
    let answer = Answer()
    solver.remove(values) { answer.isTold = true }
    #expect(!answer.isTold)
    while !answer.isTold { try loop.turn(mayWait: true) }
  }

  @Test func `the program is called once for each value as lego calls it`() throws {
    let solver = try solver("echo said")
    #expect(try present(solver) == nil)
    #expect(
      try calls() == [
        "3: present _acme-challenge.example.org. one",
        "3: present _acme-challenge.example.org. two",
        "3: present _acme-challenge.a.test. three",
      ])
    #expect(log.take().map { $0.metadata["output"] } == ["said\n", "said\n", "said\n"])
    try remove(solver)
    #expect(
      try calls().suffix(3) == [
        "3: cleanup _acme-challenge.example.org. one",
        "3: cleanup _acme-challenge.example.org. two",
        "3: cleanup _acme-challenge.a.test. three",
      ])
    solver.close()
  }

  @Test func `a value that does not come into DNS ends the order with what the program said`()
    throws
  {
    let solver = try solver(
      "echo first; printf 'the\\tAPI \\033[31msays no' >&2; [ $3 = one ] || exit 3")
    let failure = try #require(try present(solver))
    #expect(
      failure.description
        == "the hook '\(directory.path)/hook present _acme-challenge.example.org.'"
        + " ended with status 3: first the API [31msays no")
    #expect(try calls().count == 2)
    solver.close()
  }

  @Test func `a value that cannot be taken away does not keep the others`() throws {
    let solver = try solver("exit 1")
    try remove(solver)
    #expect(try calls().count == 3 && log.take().map(\.level) == [.warning, .warning, .warning])
    solver.close()
  }

  @Test func `a program that takes too long is killed and told`() throws {
    let solver = try solver("exec sleep 1000")
    let answer = Answer()
    solver.present(values) {
      answer.failure = $0
      answer.isTold = true
    }
    while try calls().isEmpty { try loop.turn(mayWait: false) }
    clock.advance(by: .seconds(61))
    while !answer.isTold { try loop.turn(mayWait: true) }
    #expect(answer.failure?.description.contains("took longer than 60.0 seconds") == true)
    solver.close()
  }

  @Test func `a program that is not there, or may not be run, is told`() throws {
    let solver = try solver()
    // SAFETY: the path is a C string for the length of the call.
    #expect(unsafe chmod(directory.path + "/hook", 0o600) == 0)
    let failure = try #require(try present(solver))
    #expect(failure.description.contains("could not be started: posix_spawn: Permission denied"))
    solver.close()
  }

  @Test func `the CA is told to look after the time that the zone's servers take`() throws {
    let solver = try solver(wait: .seconds(30))
    let answer = Answer()
    solver.present(values) { _ in answer.isTold = true }
    var ended = 0
    while ended < 3 {
      try loop.turn(mayWait: true)
      ended += log.take().count
    }
    clock.advance(by: .seconds(29))
    try loop.turn(mayWait: false)
    #expect(!answer.isTold)
    clock.advance(by: .seconds(2))
    try loop.turn(mayWait: false)
    #expect(answer.isTold)
    solver.close()
  }

  @Test func `one program runs at a time`() throws {
    let lock = "mkdir '\(directory.path)/lock' || echo twice >> '\(directory.path)/calls'"
    let solver = try solver("\(lock); sleep 0.02; rmdir '\(directory.path)/lock'")
    let answers = [Answer(), Answer()]
    solver.present(values) { _ in answers[0].isTold = true }
    solver.remove(values) { answers[1].isTold = true }
    while !answers[1].isTold { try loop.turn(mayWait: true) }
    #expect(answers[0].isTold)
    let calls = try calls()
    #expect(calls.count == 6 && !calls.contains("twice"))
    #expect(calls.prefix(3).allSatisfy { $0.contains("present") })
    solver.close()
  }

  @Test func `the program has our variables but those of the service manager`() throws {
    let own = ["API_TOKEN": "t", "NOTIFY_SOCKET": "/run/x", "PATH": "/usr/bin:/bin"]
    let solver = try solver(
      "env > '\(directory.path)/variables'", environment: own)
    #expect(try present(solver) == nil)
    let variables = try directory.read("variables").split(separator: "\n").map(String.init)
    #expect(variables.contains("API_TOKEN=t") && variables.contains("PATH=/usr/bin:/bin"))
    #expect(!variables.contains { $0.hasPrefix("NOTIFY_SOCKET") })
    #expect(HookSolver.environment([:]) == ["PATH=/usr/local/bin:/usr/bin:/bin"])
    solver.close()
  }

  @Test func `nothing is told after the end, and the program is killed`() throws {
    let answer = Answer()
    let solver = try solver("echo $$ > '\(directory.path)/process'; exec sleep 1000")
    solver.present(values) { _ in answer.isTold = true }
    while try directory.read("process").isEmpty { try loop.turn(mayWait: false) }
    solver.close()
    let process = try #require(pid_t(directory.read("process").dropLast()))
    while kill(process, 0) == 0 { try loop.turn(mayWait: false) }
    #expect(!answer.isTold)
  }
}
