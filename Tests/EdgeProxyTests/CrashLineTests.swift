import CCrash
import EventLoop
import Glibc
import HTTPCore
import Testing

@testable import EdgeProxy

/// A worker's notes as C has them, given back with the test.
@safe
private final class Notes {
  let worker: OpaquePointer

  init() throws {
    let made = unsafe crash_worker_new()
    unsafe worker = try #require(unsafe made)
  }

  deinit { unsafe crash_worker_free(worker) }

  func begin(
    _ target: String, host: String = "app.example", method: String = "GET", at now: Int64 = 1
  ) -> UInt32 {
    let place = unsafe crash_begin(worker, now)
    let facts = [
      (CRASH_CLIENT, "192.0.2.7"), (CRASH_ID, "7f3a"), (CRASH_METHOD, method), (CRASH_HOST, host),
      (CRASH_TARGET, target),
    ]
    for (fact, text) in facts {
      let bytes = Array(text.utf8)
      unsafe crash_note(worker, place, fact, bytes, bytes.count)
    }
    return place
  }

  func end(_ place: UInt32) { unsafe crash_end(worker, place) }

  func turn(toClient address: String) {
    let bytes = Array(address.utf8)
    unsafe crash_turn_to_client(worker, bytes, bytes.count)
  }

  func line(_ event: crash_event = .segmentFault()) -> String { unsafe text(event, of: worker) }
}

/// The line of an event that happened to this worker, or with `nil` to another thread.
private func text(_ event: crash_event, of worker: OpaquePointer?) -> String {
  var line = [UInt8](repeating: 0, count: CRASH_LINE_MAX)
  var event = event
  var start = 0
  let count = unsafe crash_line(worker, &event, &line, &start)
  return String(decoding: line[0..<count], as: UTF8.self)
}

extension crash_event {
  fileprivate static func segmentFault(now: Int64 = 5_000_001, time: Int64 = -1) -> crash_event {
    var event = crash_event()
    event.signal = SIGSEGV
    event.now = now
    event.time = time
    unsafe withUnsafeMutableBytes(of: &event.thread) {
      unsafe $0.copyBytes(from: "worker-0".utf8)
    }
    return event
  }
}

@Suite("The line of a crash", .serialized)
struct CrashLineTests {
  @Test func `it names the request that the worker was busy with`() throws {
    let notes = try Notes()
    _ = notes.begin("/younger", at: 4_000_000)
    _ = notes.begin("/reports/7")
    #expect(
      notes.line()
        == "<2>ended by SIGSEGV age_ms=5 client=192.0.2.7 host=app.example method=GET "
        + "request=current request_id=7f3a target=/reports/7 thread=worker-0 under_way=2\n")
  }

  @Test func `a worker that was busy with a connection names that, and who was waiting`() throws {
    let notes = try Notes()
    _ = notes.begin("/earlier", at: 1_000_000)
    _ = notes.begin("/last", at: 2_000_000)
    notes.end(notes.begin("/over", at: 3_000_000))
    notes.turn(toClient: "2001:db8::1")
    #expect(
      notes.line()
        == "<2>ended by SIGSEGV age_ms=3 client=192.0.2.7 connection=2001:db8::1 "
        + "host=app.example method=GET request=waiting request_id=7f3a target=/last "
        + "thread=worker-0 under_way=2\n")
  }

  @Test func `with none under way it names the one that ended last`() throws {
    let notes = try Notes()
    #expect(notes.line() == "<2>ended by SIGSEGV thread=worker-0 under_way=0\n")
    let last = notes.begin("/last", at: 2_000_000)
    notes.end(notes.begin("/first", at: 3_000_000))
    notes.end(last)
    #expect(
      notes.line()
        == "<2>ended by SIGSEGV age_ms=3 client=192.0.2.7 host=app.example method=GET "
        + "request=ended request_id=7f3a target=/last thread=worker-0 under_way=0\n")
  }

  @Test func `it says where in the program, and who sent the signal`() throws {
    let notes = try Notes()
    var event = crash_event.segmentFault()
    event.signal = SIGILL
    event.sender = 812
    event.frames.0 = 0x1a2b3c
    event.frames.2 = 0xff
    event.frame_count = 3
    #expect(
      notes.line(event)
        == "<2>ended by SIGILL at=0x1a2b3c,library,0xff sender=812 thread=worker-0 under_way=0\n")
  }

  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"), (951_868_799_999, "2000-02-29T23:59:59.999Z"),
      (1_795_395_723_004, "2026-11-23T01:02:03.004Z"),
      (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    ] as [(Int64, String)])
  func `outside the journal it begins with time and level`(time: Int64, text: String) throws {
    let notes = try Notes()
    let line = notes.line(.segmentFault(time: time))
    #expect(line == "\(text) critical ended by SIGSEGV thread=worker-0 under_way=0\n")
  }

  @Test func `what a client sent can neither end the line nor grow it`() throws {
    let notes = try Notes()
    _ = notes.begin("/a b\"\\\n\u{1b}é=", host: String(repeating: "h", count: 300))
    let line = notes.line()
    #expect(line.contains(#" target="/a b\"\\\u000a\u001b\u00c3\u00a9=" "#))
    #expect(line.contains(" host=\(String(repeating: "h", count: 64)) "))
    #expect(line.utf8.filter { $0 == UInt8(ascii: "\n") }.count == 1)

    let controls = String(repeating: "\u{1}", count: 4000)
    _ = notes.begin(controls, host: controls, method: controls)
    let longest = notes.line()
    #expect(longest.utf8.count < CRASH_LINE_MAX)
    #expect(longest.hasSuffix(" thread=worker-0 under_way=2\n"))
  }

  @Test func `more requests than there are places for are counted all the same`() throws {
    let notes = try Notes()
    let places = (0..<5000).map { notes.begin("/\($0)", at: Int64($0)) }
    #expect(notes.line().contains(" request=waiting "))
    #expect(notes.line().hasSuffix(" under_way=5000\n"))
    for place in places { notes.end(place) }
    #expect(notes.line().contains(" request=ended "))
    #expect(notes.line().hasSuffix(" under_way=0\n"))
    _ = notes.begin("/again")
    #expect(notes.line().contains(" request=current "))
  }

  @Test(arguments: ["/reset?token=secret", "https://app.example/reset?secret", "/reset?"])
  func `the query of a target is left out`(target: String) throws {
    var parser = RequestParser()
    var head = RequestHead()
    let request = "GET \(target) HTTP/1.1\r\nHost: app.example\r\nCookie: secret\r\n\r\n"
    let bytes = Array(request.utf8)
    _ = try parser.parse(bytes.span, into: &head, limits: HeadLimits())
    let underWay = UnderWay()
    var place = underWay.begin(
      head, id: Array("1d".utf8), client: Array("192.0.2.9".utf8),
      at: Instant(nanoseconds: Int64.max))
    let line = unsafe text(.segmentFault(now: Int64.max), of: underWay.worker)
    #expect(line.contains(" client=192.0.2.9 host=app.example method=GET "))
    #expect(line.contains(" request=current request_id=1d target=/reset thread="))
    #expect(!line.contains("secret"))
    underWay.end(&place)
    #expect(place == .none)
  }
}
