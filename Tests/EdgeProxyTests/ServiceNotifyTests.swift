import EventLoop
import Glibc
import Testing

@testable import EdgeProxy

@Suite("Telling systemd, sd_notify(3)")
struct ServiceNotifyTests {
  @Test func `messages are assignments, one per line`() {
    let payload = ServiceNotify.payload([
      .reloading(now: Instant(nanoseconds: 12_345_678)), .ready, .stopping, .watchdog,
      .status("serving\nREADY=1\r\nfor 3"),
    ])
    #expect(
      String(decoding: payload, as: UTF8.self) == """
        RELOADING=1
        MONOTONIC_USEC=12345
        READY=1
        STOPPING=1
        WATCHDOG=1
        STATUS=serving READY=1 for 3
        """)
  }

  @Test(
    arguments: [
      ("30000000", nil, .seconds(15)), ("1", nil, .nanoseconds(500)),
      ("30000000", "77", .seconds(15)), ("30000000", "78", nil), ("30000000", "", nil),
      (nil, nil, nil), ("", nil, nil), ("0", nil, nil), ("-5", nil, nil), ("30s", nil, nil),
      ("9223372036854775807", nil, nil),
    ] as [(String?, String?, Duration?)])
  func `the watchdog is fed twice as often as it asks`(
    microseconds: String?, watched: String?, expected: Duration?
  ) {
    #expect(
      ServiceNotify.watchdogInterval(microseconds: microseconds, watched: watched, process: 77)
        == expected)
  }

  @Test(arguments: [
    nil, "", "@", "relative", "vsock:2:1234", "/" + String(repeating: "x", count: 200),
  ])
  func `without a usable socket nobody is told`(path: String?) {
    #expect(ServiceNotify(socket: path) == nil)
  }

  @Test(arguments: [true, false])
  func `a message arrives at a path and at an abstract name`(isAbstract: Bool) throws {
    var template = Array("/tmp/edgeproxy-notify.XXXXXX".utf8CString)
    let holder = unsafe mkstemp(&template)
    close(holder)
    let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    unsafe unlink(path)
    defer { unsafe unlink(path) }
    let name = isAbstract ? "@" + path.dropFirst() : path
    // As systemd binds it: of an abstract name only the bytes of the name count.
    let bytes =
      [UInt8(AF_UNIX), 0]
      + (isAbstract ? [0] + Array(name.utf8.dropFirst()) : Array(name.utf8) + [0])
    let kind = Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue)
    let listener = socket(AF_UNIX, kind, 0)
    defer { close(listener) }
    let bound = unsafe bytes.withUnsafeBytes { raw in
      unsafe bind(
        listener, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
    }
    try #require(bound == 0)
    let notify = try #require(ServiceNotify(socket: name))
    notify.send(.ready, .status("serving"))
    var buffer = [UInt8](repeating: 0, count: 256)
    let count = unsafe recv(listener, &buffer, buffer.count, 0)
    #expect(
      String(decoding: buffer.prefix(max(0, count)), as: UTF8.self) == "READY=1\nSTATUS=serving")
  }

  @Test func `a service manager that is gone is no error`() throws {
    try #require(ServiceNotify(socket: "/nonexistent/notify")).send(.stopping)
  }
}
