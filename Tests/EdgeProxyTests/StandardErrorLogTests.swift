import Glibc
import Logging
import Testing

@testable import EdgeProxy

@Suite("Lines of the error log")
struct LogLineTests {
  /// 2026-11-23 01:02:03.004567 UTC.
  private let time: Int64 = 1_795_395_723_004_567

  @Test func `outside the journal a line begins with time and level`() {
    let line = LogLine.make(
      .warning, "node is out", ["upstream": "apps", "node": "10.0.0.2:3031"], time: time)
    #expect(
      line.text
        == "2026-11-23T01:02:03.004Z warning node is out node=10.0.0.2:3031 upstream=apps\n")
  }

  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
      (-62_167_219_200_000_001, "0001-01-01T00:00:00.999Z"),
      (.min, "0001-01-01T00:00:00.224Z"), (.max, "9999-12-31T23:59:59.775Z"),
    ] as [(Int64, String)])
  func `any clock makes a line`(time: Int64, expected: String) {
    #expect(LogLine.make(.info, "x", [:], time: time).text == "\(expected) info x\n")
  }

  @Test(
    arguments: [
      (.critical, 2), (.error, 3), (.warning, 4), (.notice, 5), (.info, 6), (.debug, 7),
      (.trace, 7),
    ] as [(Logger.Level, Int)])
  func `the journal gets the severity of syslog`(level: Logger.Level, severity: Int) {
    #expect(LogLine.make(level, "x", [:], time: nil).text == "<\(severity)>x\n")
  }

  @Test(arguments: [
    ("plain", "plain"), ("", "\"\""), ("two words", "\"two words\""), ("a=b", "\"a=b\""),
    ("a\"b\\", #""a\"b\\""#), ("line\nbreak", #""line\nbreak""#), ("\u{1b}[31m", #""\u001b[31m""#),
    ("é", "\"é\""), ("\u{9b}", #""\u009b""#),
  ])
  func `a value is a word or a JSON string`(value: String, expected: String) {
    #expect(LogLine.make(.info, "m", ["k": "\(value)"], time: nil).text == "<6>m k=\(expected)\n")
  }

  @Test func `a message cannot forge a second line`() {
    let line = LogLine.make(.info, "refused a\n<0>evil\u{1b}\u{85}\u{7f}", ["a\nb": "c"], time: nil)
    #expect(line.text == "<6>refused a\\x0a<0>evil\\x1b\\x85\\x7f a\\x0ab=c\n")
  }

  @Test func `a long line is cut between two characters`() {
    for pad in 0..<4 {
      let message = String(repeating: "a", count: pad) + String(repeating: "é€", count: 2000)
      let line = LogLine.make(.info, message, [:], time: nil)
      #expect(line.count <= LogLine.bytesMax)
      #expect(line.count > LogLine.bytesMax - 4)
      #expect(line.text.hasSuffix("\n"))
      #expect(!line.text.contains("\u{fffd}"))
    }
  }
}

@Suite("Writing the error log")
struct StandardErrorLogTests {
  private func withPipe(_ body: (_ reader: Int32, _ writer: Int32) throws -> Void) throws {
    var ends: [Int32] = [0, 0]
    try #require(unsafe pipe(&ends) == 0)
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
    defer { for end in ends { close(end) } }
    try body(ends[0], ends[1])
  }

  private func read(_ raw: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let count = unsafe Glibc.read(raw, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }

  @Test func `events of the level and above come out with all their metadata`() throws {
    try withPipe { reader, writer in
      var logger = Logger(label: "edgeproxy") { _ in
        StandardErrorLog(level: LogLevel(.notice), descriptor: writer, isJournal: true)
      }
      logger[metadataKey: "worker"] = "1"
      var other = logger
      other[metadataKey: "worker"] = "2"
      logger.info("too small to tell")
      logger.notice("started", metadata: ["node": "edge 1"])
      other.logLevel = .debug
      other.debug("detail", metadata: ["worker": "own"])
      #expect(read(reader) == "<5>started node=\"edge 1\" worker=1\n<7>detail worker=own\n")
    }
  }

  @Test func `another level counts for loggers that are there already`() throws {
    try withPipe { reader, writer in
      let level = LogLevel(.error)
      let logger = Logger(label: "edgeproxy") { _ in
        StandardErrorLog(level: level, descriptor: writer, isJournal: true)
      }
      var own = logger
      own.logLevel = .warning
      logger.notice("before")
      level.set(.notice)
      logger.notice("after")
      own.notice("too small for its own level")
      #expect(read(reader) == "<5>after\n")
    }
  }

  @Test func `a reader that is behind costs lines, not time`() throws {
    try withPipe { reader, writer in
      let logger = Logger(label: "edgeproxy") { _ in
        StandardErrorLog(level: LogLevel(.info), descriptor: writer, isJournal: false)
      }
      // More than any pipe holds: a write that waited would hang this test.
      for _ in 0..<100 { logger.error("\(String(repeating: "x", count: 1000))") }
      let lines = read(reader).split(separator: "\n")
      #expect((10..<100).contains(lines.count))
      #expect(lines.allSatisfy { $0.hasSuffix(String(repeating: "x", count: 1000)) })
    }
  }

  @Test func `the journal is known by its inode`() throws {
    try withPipe { _, writer in
      var status = stat()
      unsafe fstat(writer, &status)
      let name = "\(status.st_dev):\(status.st_ino)"
      #expect(StandardErrorLog.isJournal(writer, environment: name))
      #expect(!StandardErrorLog.isJournal(writer, environment: name + "1"))
      #expect(!StandardErrorLog.isJournal(writer, environment: nil))
      #expect(!StandardErrorLog.isJournal(-1, environment: name))
    }
  }
}
