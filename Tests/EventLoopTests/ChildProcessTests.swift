import EventLoop
import Glibc
import TestSupport
import Testing

@Suite("Programs that are run once")
struct ChildProcessTests {
  private let loop: EventLoop
  private let directory: TemporaryDirectory

  init() throws {
    loop = try EventLoop()
    directory = try TemporaryDirectory()
  }

  private final class Answer {
    var end: ChildProcess.End?
    var output: [UInt8] = []
  }

  private func begin(
    _ script: String, _ more: [String] = [], environment: [String] = ["PATH=/usr/bin:/bin"],
    within timeout: Duration = .seconds(60), _ answer: Answer
  ) throws -> ChildProcess {
    try ChildProcess(
      ["/bin/sh", "-c", script] + more, environment: environment, within: timeout, on: loop
    ) { end, output in
      answer.end = end
      answer.output = output
    }
  }

  private func run(
    _ script: String, _ more: [String] = [], environment: [String] = ["PATH=/usr/bin:/bin"],
    within timeout: Duration = .seconds(60)
  ) throws -> (end: ChildProcess.End?, output: String) {
    let answer = Answer()
    let process = try begin(script, more, environment: environment, within: timeout, answer)
    while answer.end == nil { try loop.turn(mayWait: true) }
    return withExtendedLifetime(process) {
      let output = answer.output
      return (answer.end, text(output.span))
    }
  }

  /// Turns until a file has the number of a process.
  private func process(_ name: String) throws -> pid_t {
    while true {
      if let number = pid_t(try directory.read(name).split(separator: "\n").first ?? "") {
        return number
      }
      try loop.turn(mayWait: false)
    }
  }

  /// Turns until there is no such process, not even one that nobody has waited for.
  private func waitUntilGone(_ process: pid_t) throws {
    while kill(process, 0) == 0 { try loop.turn(mayWait: false) }
    #expect(errno == ESRCH)
  }

  @Test(arguments: [(0, ""), (3, "a\nb"), (255, "x")])
  func `the status and the output of both streams are told`(status: Int32, output: String) throws {
    let result = try run("printf %s \"$0\" >&2; exit $1", [output, "\(status)"])
    #expect(result.end == .exited(status) && result.output == output)
  }

  @Test func `a program has what it is given, no input and no other descriptors`() throws {
    let held = try Socket.pair()
    defer {
      close(held.0)
      close(held.1)
    }
    // One that a program would inherit.
    _ = fcntl(held.0, F_SETFD, 0)
    let script = "cat; echo \"$0|$1|$A|${B-none}\"; ls /proc/self/fd | wc -l"
    let result = try run(script, ["a b", "$(x)"], environment: ["PATH=/usr/bin:/bin", "A=1"])
    // The three streams, and the directory that `ls` reads.
    #expect(result.output == "a b|$(x)|1|none\n4\n" && result.end == .exited(0))
  }

  @Test func `no signal is blocked or ignored in a program`() throws {
    Signals.ignoreBrokenPipes()
    Signals.block([SIGUSR2])
    let result = try run("grep -E '^Sig(Blk|Ign)' /proc/self/status; kill -s PIPE $$; echo alive")
    #expect(result.end == .signalled(SIGPIPE))
    let masks = result.output.split(separator: "\n").map { UInt64($0.dropFirst(8), radix: 16) }
    #expect(masks.count == 2)
    // The C library keeps 32 and 33 for itself.
    for mask in masks { #expect(try #require(mask) & 0x7fff_ffff == 0, "\(result.output)") }
  }

  @Test func `a program that cannot be started is told`() throws {
    try directory.write("text", "no program")
    for (path, code) in [("/nowhere/x", ENOENT), (directory.path + "/text", EACCES)] {
      let answer = Answer()
      let process = try ChildProcess([path], environment: [], within: .seconds(60), on: loop) {
        answer.end = $0
        answer.output = $1
      }
      while answer.end == nil { try loop.turn(mayWait: true) }
      withExtendedLifetime(process) {
        #expect(answer.end == .notStarted(SystemError("posix_spawn", code: code)))
      }
    }
  }

  @Test func `the end of a long output is kept`() throws {
    let result = try run("head -c 1000000 /dev/zero | tr '\\0' x; echo end")
    #expect(result.end == .exited(0))
    #expect(result.output.utf8.count == ChildProcess.outputBytesMax)
    #expect(result.output.hasSuffix("xxend\n"))
  }

  @Test func `a program that takes too long is killed with what it began`() throws {
    let script = "sleep 1000 & echo $! > \"$0/inner\"; echo $$ > \"$0/outer\"; echo begun; wait"
    let result = try run(script, [directory.path], within: .milliseconds(500))
    #expect(result.end == .timedOut)
    try waitUntilGone(try process("outer"))
    try waitUntilGone(try process("inner"))
  }

  @Test func `a program that ends is told, whatever it leaves running with its output`() throws {
    // As a daemon does it: in another session.
    let script = "setsid sh -c 'echo $$ > \"$0/inner\"; exec sleep 1000' \"$0\" & echo done; exit 7"
    let result = try run(script, [directory.path])
    #expect(result.end == .exited(7) && result.output == "done\n")
    let inner = try process("inner")
    #expect(kill(inner, SIGKILL) == 0)
  }

  @Test func `a program that is given up is killed, waited for, and not told`() throws {
    let answer = Answer()
    let script = "echo $$ > \"$0/outer\"; exec sleep 1000"
    let child = try begin(script, [directory.path], answer)
    let number = try process("outer")
    child.cancel()
    try waitUntilGone(number)
    #expect(answer.end == nil)
  }

  @Test func `a program that is given up at once leaves nothing behind`() throws {
    let answer = Answer()
    let script = "echo $$ >> \"$0/all\"; exec sleep 1000"
    for _ in 0..<20 { try begin(script, [directory.path], answer).cancel() }
    // One that is begun later ends later than they.
    #expect(try run("true").end == .exited(0))
    for line in try directory.read("all").split(separator: "\n") {
      try waitUntilGone(try #require(pid_t(line)))
    }
    #expect(answer.end == nil)
  }
}
