import Configuration
import Glibc
import HTTPCore
import TestSupport
import Testing

@testable import EdgeProxy

/// A request head as the parser makes it.
private func makeHead(_ text: String) throws -> RequestHead {
  var head = RequestHead()
  var parser = RequestParser()
  _ = try parser.parse(Array(text.utf8).span, into: &head, limits: HeadLimits())
  return head
}

private let request = """
  GET /a%20b?q="x" HTTP/1.1\r\nHost: App1.Example.Test:8443\r\nReferer: https://r/\r\n\
  User-Agent: A"gent\\\u{e9}\r\n\r\n
  """

/// 2026-11-23 01:02:03.000456 UTC.
private let time: Int64 = 1_795_395_723_000_456

private func makeRecord() -> AccessRecord {
  var record = AccessRecord()
  record.time = time
  record.client = Array("192.0.2.7".utf8)
  record.requestID = Array("0f1e".utf8)
  record.tlsVersion = "TLSv1.3"
  record.isResumed = true
  record.serverName = Array("app1.example.test".utf8)
  record.status = 200
  record.bytesIn = 0
  record.bytesOut = 1024
  record.route = Array("*.example.test".utf8)
  record.upstream = Array("apps".utf8)
  record.totalMicroseconds = 1500
  record.firstByteMicroseconds = 1200
  record.upstreamMicroseconds = 1100
  record.addTry(node: Array("unix:/run/a.sock".utf8), outcome: "connect", microseconds: 40)
  record.addTry(node: Array("10.0.0.2:3031".utf8), outcome: "ok", microseconds: 1060)
  return record
}

@Suite("Lines of the access log")
struct AccessFormatTests {
  private func line(
    _ kind: LogSettings.Format, _ record: AccessRecord, _ text: String
  ) throws -> String {
    var format = AccessFormat(kind)
    var buffer = TextBuffer(capacity: 16)
    let head = text.isEmpty ? RequestHead() : try makeHead(text)
    format.append(record, head, to: &buffer)
    return buffer.text
  }

  @Test func `JSON has every fact and every try`() throws {
    #expect(
      try line(.json, makeRecord(), request) == #"""
        {"time":"2026-11-23T01:02:03.000456Z","status":200,"id":"0f1e","client":"192.0.2.7",\#
        "host":"App1.Example.Test:8443","method":"GET","target":"/a%20b?q=\"x\"",\#
        "protocol":"HTTP/1.1","referer":"https://r/","user_agent":"A\"gent\\é",\#
        "tls":"TLSv1.3","resumed":true,"sni":"app1.example.test","bytes_in":0,"bytes_out":1024,\#
        "total_us":1500,"first_byte_us":1200,"upstream_us":1100,"route":"*.example.test",\#
        "upstream":"apps","attempts":2,"tries":[{"node":"unix:/run/a.sock","outcome":"connect",\#
        "us":40},{"node":"10.0.0.2:3031","outcome":"ok","us":1060}]}

        """#)
  }

  @Test func `JSON leaves out what there is not`() throws {
    var record = AccessRecord()
    record.time = time
    record.status = 400
    record.cause = "line-end-malformed"
    #expect(
      try line(.json, record, "") == #"""
        {"time":"2026-11-23T01:02:03.000456Z","status":400,"bytes_in":0,"bytes_out":0,\#
        "total_us":0,"cause":"line-end-malformed"}

        """#)
  }

  @Test func `a TCP session has a listener and no status`() throws {
    var record = AccessRecord()
    record.time = time
    record.client = Array("127.0.0.1".utf8)
    record.listener = Array("127.0.0.1:4000".utf8)
    record.bytesIn = 5
    record.bytesOut = 7
    #expect(
      try line(.json, record, "") == #"""
        {"time":"2026-11-23T01:02:03.000456Z","protocol":"TCP","listener":"127.0.0.1:4000",\#
        "client":"127.0.0.1","bytes_in":5,"bytes_out":7,"total_us":0}

        """#)
    #expect(try line(.combined, record, "").contains("\"TCP 127.0.0.1:4000\" 0 7"))
  }

  @Test func `combined is what Apache writes`() throws {
    #expect(
      try line(.combined, makeRecord(), request) == #"""
        192.0.2.7 - - [23/Nov/2026:01:02:03 +0000] "GET /a%20b?q=\"x\" HTTP/1.1" 200 1024 \#
        "https://r/" "A\"gent\\\xc3\xa9"

        """#)
  }

  @Test func `combined has a dash for what there is not, and keeps what is empty`() throws {
    var record = makeRecord()
    record.bytesOut = 0
    record.status = 408
    #expect(
      try line(.combined, record, "")
        == "192.0.2.7 - - [23/Nov/2026:01:02:03 +0000] \"-\" 408 - \"-\" \"-\"\n")
    #expect(
      try line(.combined, record, "GET / HTTP/1.0\r\nHost: a\r\nReferer:\r\n\r\n")
        == "192.0.2.7 - - [23/Nov/2026:01:02:03 +0000] \"GET / HTTP/1.0\" 408 - \"\" \"-\"\n")
  }

  @Test func `a head that was refused half way is no trap`() throws {
    var format = AccessFormat(.json)
    var buffer = TextBuffer(capacity: 16)
    for text in ["GET / HTTP/1.1\r\nHost: a\r\nBad\r\n\r\n", "GET /% HTTP/1.1\r\n\r\n", "GET"] {
      var head = RequestHead()
      var parser = RequestParser()
      for split in 0..<text.utf8.count {
        let bytes = Array(text.utf8.prefix(split + 1))
        _ = try? parser.parse(bytes.span, into: &head, limits: HeadLimits())
        buffer.removeAll()
        format.append(makeRecord(), head, to: &buffer)
        #expect(buffer.text.hasSuffix("}\n"))
      }
    }
  }

  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00.000000Z"),
      (951_782_400_000_001, "2000-02-29T00:00:00.000001Z"),
      (1_798_761_599_999_999, "2026-12-31T23:59:59.999999Z"),
      (-1, "1969-12-31T23:59:59.999999Z"), (.min, "0001-01-01T00:00:00.224192Z"),
      (.max, "9999-12-31T23:59:59.775807Z"),
    ] as [(Int64, String)])
  func `times are UTC to the microsecond`(time: Int64, expected: String) throws {
    var record = makeRecord()
    record.time = time
    #expect(try line(.json, record, request).contains("\"time\":\"\(expected)\""))
  }

  @Test func `a line per exchange, whatever is sent`() throws {
    var random = SeededRandom(seed: 99)
    for _ in 0..<300 {
      var record = makeRecord()
      record.serverName = (0..<40).map { _ in UInt8(random.next() % 256) }
      record.client = (0..<10).map { _ in UInt8(random.next() % 256) }
      for format in [LogSettings.Format.json, .combined] {
        let text = try line(format, record, request)
        #expect(text.count { $0 == "\n" } == 1)
        #expect(!text.dropLast().unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7f })
      }
    }
  }

  @Test func `an exchange of many tries writes the first and counts all`() throws {
    var record = makeRecord()
    for _ in 0..<100 { record.addTry(node: [65], outcome: "busy", microseconds: 1) }
    let text = try line(.json, record, request)
    #expect(text.contains("\"attempts\":102,"))
    #expect(text.split(separator: "\"outcome\"").count == AccessRecord.triesMax + 1)
    record.reset()
    #expect(record.tries.isEmpty && record.triesCount == 0 && record.cause == nil)
  }

  @Test func `a record that is used again says nothing of the connection before`() throws {
    var record = AccessRecord()
    record.client = Array("192.0.2.1".utf8)
    record.tlsVersion = "TLSv1.3"
    record.isResumed = true
    record.serverName = Array("secret.test".utf8)
    record.listener = Array("0.0.0.0:443".utf8)
    record.reset()
    #expect("\(record)" == "\(AccessRecord())")
  }
}

/// A directory of its own for one test, gone with it.
private final class ScratchDirectory {
  let path: String

  init() throws {
    var template = Array("/tmp/edgeproxy-test.XXXXXX".utf8CString)
    try #require(unsafe mkdtemp(&template) != nil)
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  deinit {
    for name in ["access.log", "access.log.1"] { unsafe unlink("\(path)/\(name)") }
    unsafe rmdir(path)
  }

  func read(_ name: String) -> [UInt8] {
    let raw = unsafe open("\(path)/\(name)", O_RDONLY)
    defer { close(raw) }
    return drain(raw)
  }
}

/// All that can be read without waiting.
private func drain(_ raw: Int32) -> [UInt8] {
  var all: [UInt8] = []
  var piece = [UInt8](repeating: 0, count: 65_536)
  while true {
    let count = unsafe read(raw, &piece, piece.count)
    guard count > 0 else { return all }
    all += piece[..<count]
  }
}

private func lines(_ bytes: [UInt8]) -> [String] {
  String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
}

@Suite("Writing the access log")
struct AccessLogWriterTests {
  /// A record that is found again by its status.
  private func record(_ status: Int) -> AccessRecord {
    var record = makeRecord()
    record.status = status
    return record
  }

  @Test func `lines wait for a flush and the file is the group's to read`() throws {
    let directory = try ScratchDirectory()
    let path = "\(directory.path)/access.log"
    let writer = try AccessLogWriter(path: path, format: .json)
    #expect(writer.append(record(201), try makeHead(request)) == nil)
    #expect(directory.read("access.log").isEmpty)
    #expect(writer.flush() == nil)
    #expect(lines(directory.read("access.log")).count == 1)
    var status = stat()
    unsafe stat(path, &status)
    #expect(status.st_mode & 0o777 == 0o640 & ~0o022)
    #expect(writer.pendingBytes == 0)
  }

  @Test func `a full buffer is written without a call, and what is left when it goes`() throws {
    let directory = try ScratchDirectory()
    var writer: AccessLogWriter? = try AccessLogWriter(
      path: "\(directory.path)/access.log", format: .combined)
    let head = try makeHead(request)
    for _ in 0..<1000 { writer?.append(record(200), head) }
    #expect(directory.read("access.log").count >= 65_536)
    #expect((writer?.pendingBytes ?? 0) < 65_536)
    writer = nil
    #expect(lines(directory.read("access.log")).count == 1000)
  }

  @Test func `reopening leaves the old file whole and goes on in a new one`() throws {
    let directory = try ScratchDirectory()
    let path = "\(directory.path)/access.log"
    let writer = try AccessLogWriter(path: path, format: .combined)
    let head = try makeHead(request)
    writer.append(record(201), head)
    unsafe rename(path, path + ".1")
    #expect(writer.reopen() == nil)
    writer.append(record(202), head)
    writer.flush()
    #expect(lines(directory.read("access.log.1")).map { $0.contains(" 201 ") } == [true])
    #expect(lines(directory.read("access.log")).map { $0.contains(" 202 ") } == [true])
  }

  @Test func `when reopening fails the old file goes on`() throws {
    let directory = try ScratchDirectory()
    let path = "\(directory.path)/access.log"
    let writer = try AccessLogWriter(path: path, format: .combined)
    unsafe rename(path, path + ".1")
    unsafe mkdir(path, 0o700)
    defer { unsafe rmdir(path) }
    guard case .failed = writer.reopen() else {
      Issue.record("a directory was opened as a log")
      return
    }
    writer.append(record(201), try makeHead(request))
    writer.flush()
    #expect(lines(directory.read("access.log.1")).count == 1)
  }

  @Test func `a path that cannot be opened is an error at once`() {
    #expect(throws: (any Error).self) {
      _ = try AccessLogWriter(path: "/nonexistent/access.log", format: .json)
    }
  }

  @Test func `a full disk drops lines, counts them, is told once, and ends`() throws {
    let directory = try ScratchDirectory()
    let path = "\(directory.path)/access.log"
    unsafe symlink("/dev/full", path)
    let writer = try AccessLogWriter(path: path, format: .combined)
    let head = try makeHead(request)
    writer.append(record(200), head)
    writer.append(record(200), head)
    guard case .failed(let error) = writer.flush() else {
      Issue.record("a full disk was not noticed")
      return
    }
    #expect(error.code == ENOSPC)
    writer.append(record(200), head)
    #expect(writer.flush() == nil)
    #expect(writer.dropped == 3)
    unsafe unlink(path)
    #expect(writer.reopen() == nil)
    writer.append(record(204), head)
    #expect(writer.flush() == .recovered(dropped: 3))
    writer.append(record(205), head)
    #expect(writer.flush() == nil)
    #expect(lines(directory.read("access.log")).count == 2)
  }

  @Test func `many writers in one file never mix their lines`() async throws {
    let directory = try ScratchDirectory()
    let path = "\(directory.path)/access.log"
    try await withThrowingTaskGroup(of: Void.self) { group in
      for worker in 0..<4 {
        group.addTask {
          let writer = try AccessLogWriter(path: path, format: .combined)
          let head = try makeHead(request)
          for index in 0..<2000 {
            writer.append(record(100 + worker), head)
            if index % 37 == 0 { writer.flush() }
          }
        }
      }
      try await group.waitForAll()
    }
    let all = lines(directory.read("access.log"))
    #expect(all.count == 8000)
    #expect(all.allSatisfy { $0.hasPrefix("192.0.2.7 - - [") && $0.hasSuffix(#"\xc3\xa9""#) })
  }

  @Test func `a pipe whose reader is behind gets its lines later, whole`() throws {
    let directory = try ScratchDirectory()
    let path = "\(directory.path)/access.log"
    unsafe mkfifo(path, 0o600)
    let reader = unsafe open(path, O_RDONLY | O_NONBLOCK)
    defer { close(reader) }
    let writer = try AccessLogWriter(path: path, format: .combined)
    let head = try makeHead(request)
    for _ in 0..<1200 { #expect(writer.append(record(200), head) == nil) }
    #expect(writer.pendingBytes > 65_536)
    var all: [UInt8] = []
    for _ in 0..<10 {
      all += drain(reader)
      #expect(writer.flush() == nil)
    }
    #expect(lines(all + drain(reader)).count == 1200)
    #expect(writer.dropped == 0)
  }

  @Test func `a reader that never comes costs lines, never time or memory`() throws {
    var ends: [Int32] = [0, 0]
    try #require(unsafe pipe(&ends) == 0)
    defer { for end in ends { close(end) } }
    let writer = AccessLogWriter(sharing: ends[1], format: .json)
    let head = try makeHead(request)
    var reports = 0
    for _ in 0..<5000 where writer.append(record(200), head) != nil { reports += 1 }
    #expect(reports == 1)
    #expect(writer.dropped > 0)
    #expect(writer.pendingBytes < 400_000)
  }

  @Test func `a shared descriptor gets pieces of whole lines`() throws {
    var ends: [Int32] = [0, 0]
    // Packets keep the borders of writes visible.
    let kind = Int32(SOCK_SEQPACKET.rawValue | SOCK_NONBLOCK.rawValue)
    try #require(unsafe socketpair(AF_UNIX, kind, 0, &ends) == 0)
    defer { for end in ends { close(end) } }
    let writer = AccessLogWriter(sharing: ends[1], format: .combined)
    let head = try makeHead(request)
    for _ in 0..<100 { writer.append(record(200), head) }
    #expect(writer.flush() == nil)
    var piece = [UInt8](repeating: 0, count: 65_536)
    var count = unsafe read(ends[0], &piece, piece.count)
    var total = 0
    while count > 0 {
      #expect(count <= 4096)
      #expect(piece[count - 1] == UInt8(ascii: "\n"))
      total += lines(Array(piece[..<count])).count
      count = unsafe read(ends[0], &piece, piece.count)
    }
    #expect(total == 100)
  }
}
