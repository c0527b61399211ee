import Glibc
import Testing

@testable import EdgeProxy

@Suite("How earlier processes ended")
struct PastEndsTests {
  private let crash = "crashed 1764473099 SIGSEGV ended by SIGSEGV target=/a under_way=1\n"

  /// What a process finds when the one before it had begun with `text` and left `more`.
  private func next(_ text: String, _ more: String = "") -> PastEnds {
    PastEnds(text: text + more, boot: "b")
  }

  @Test func `a crash is counted, and its line is kept`() {
    let first = next(PastEnds().text(boot: "b"), crash)
    #expect(first.crashes == 1)
    #expect(first.kills == 0)
    #expect(
      first.last
        == PastEnds.Crash(
          at: 1_764_473_099, signal: "SIGSEGV", line: "ended by SIGSEGV target=/a under_way=1"))
    let second = next(first.text(boot: "b"), "stopped\n")
    #expect(second == first)
    let third = next(second.text(boot: "b"), "crashed 9 SIGILL ended by SIGILL\n")
    #expect(third.crashes == 2)
    #expect(third.last?.signal == "SIGILL")
  }

  @Test func `a process that left no word was killed`() {
    let killed = next(PastEnds().text(boot: "b"))
    #expect(killed.kills == 1)
    #expect(killed.crashes == 0)
    #expect(killed.isAfterKill)
    let after = next(killed.text(boot: "b"), "stopped\n")
    #expect(after.kills == 1)
    #expect(!after.isAfterKill)
  }

  @Test func `another start of the machine begins at nothing`() {
    let text = PastEnds().text(boot: "b") + crash
    #expect(PastEnds(text: text, boot: "c") == PastEnds())
  }

  @Test(arguments: [
    "", "\n\n\n", "edgeproxy ends 2\nboot b\nstarted\n", "edgeproxy ends 1\nboot b",
    "edgeproxy ends 1\nboot b\ncrashes x\nkilled -1\nlast\nlast 5\nlast x y z\n\u{fffd}\n",
  ])
  func `what cannot be read counts for nothing`(text: String) {
    #expect(PastEnds(text: text, boot: "b") == PastEnds())
  }

  @Test func `numbers at their edge do not end the start`() {
    let text = "edgeproxy ends 1\nboot b\ncrashes \(Int.max)\nkilled \(Int.max)\nstarted\n"
    #expect(next(text).crashes == Int.max)
    #expect(next(text, crash + "started\n").last != nil)
  }

  @Test func `a crash that was cut while it was written is still a crash`() {
    let cut = next(PastEnds().text(boot: "b"), "crashed 17644")
    #expect(cut.crashes == 1)
    #expect(cut.last == nil)
  }

  @Test func `one process at a time has the file`() throws {
    var path = Array("/tmp/edgeproxy-ends-XXXXXX".utf8CString)
    try #require(unsafe mkdtemp(&path) != nil)
    let directory = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer {
      unsafe unlink(directory + "/ends")
      unsafe rmdir(directory)
    }
    do {
      let first = try #require(try EndsFile(in: directory, boot: "b"))
      #expect(first.past == PastEnds())
      #expect(try EndsFile(in: directory, boot: "b") == nil)
      first.stopped()
    }
    let second = try EndsFile(in: directory, boot: "b")
    #expect(second?.past == PastEnds())
  }

  @Test func `the runtime directory of a unit is preferred, since it goes with the machine`() {
    let names = ["RUNTIME_DIRECTORY": "/run/edgeproxy:/run/other"]
    #expect(EndsFile.directory(state: "/state", environment: names) == "/run/edgeproxy")
    #expect(EndsFile.directory(state: "/state", environment: [:]) == "/state")
  }
}

@Suite("Crashes in the status")
struct CrashesSectionTests {
  private let crash = "crashed 1000 SIGSEGV ended by SIGSEGV target=/a\n"

  @Test func `nothing is said of a server that never crashed`() {
    let section = CrashesSection(past: PastEnds(), now: 2000).section
    #expect(section.text.isEmpty)
    #expect(section.warnings.isEmpty)
    #expect(section.value == ["count": .number(0), "killed": .number(0), "last": .nothing])
  }

  @Test func `the last crash is told, and warned of for a day`() {
    let past = PastEnds(text: PastEnds().text(boot: "b") + crash, boot: "b")
    let section = CrashesSection(past: past, now: 1000 + 86_399).section
    #expect(
      section.text == [
        .line(
          "crashes", "1 since the machine started, the last by SIGSEGV at 1970-01-01T00:16:40Z"),
        .line("", "ended by SIGSEGV target=/a"),
      ])
    #expect(section.warnings == ["the server crashed 23h 59m ago by SIGSEGV"])
    #expect(CrashesSection(past: past, now: 1000 + 86_400).section.warnings.isEmpty)
    #expect(section.metrics.map(\.samples.first?.value) == [1, 0])
  }
}
