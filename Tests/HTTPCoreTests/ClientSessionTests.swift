import HTTPCore
import Testing

@Suite("The client's side of HTTP/2, RFC 9113")
struct ClientSessionTests {
  private let session: ClientSession

  init() throws { session = try ClientSession() }

  private let request: [ClientSession.Field] = [
    .init(":method", "POST"), .init(":scheme", "http"), .init(":path", "/x"),
    .init(":authority", "a.test"),
  ]

  /// A frame, RFC 9113 §4.1.
  private func frame(_ type: UInt8, flags: UInt8 = 0, stream: Int32 = 0, _ payload: [UInt8] = [])
    -> [UInt8]
  {
    let count = payload.count
    return [
      UInt8(count >> 16), UInt8(count >> 8 & 255), UInt8(count & 255), type, flags,
      UInt8(stream >> 24 & 255), UInt8(stream >> 16 & 255), UInt8(stream >> 8 & 255),
      UInt8(stream & 255),
    ] + payload
  }

  private var settings: [UInt8] { frame(4) }
  /// `:status: 200`, from the static table of RFC 7541.
  private let ok: [UInt8] = [0x88]
  private static let endStream: UInt8 = 1
  private static let endHeaders: UInt8 = 4

  /// A literal field that is not indexed, RFC 7541 §6.2.2; both texts are short.
  private func literal(_ name: String, _ value: String) -> [UInt8] {
    [0x00, UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(value.utf8.count)]
      + Array(value.utf8)
  }

  private func receive(_ bytes: [UInt8]) throws -> [ClientSession.Event] {
    try session.receive(bytes.span)
  }

  /// Types of the frames in what is to be sent, after the preface.
  private func sentTypes() throws -> [UInt8] {
    var rest = try session.output()[...]
    let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    if rest.starts(with: preface) { rest = rest.dropFirst(preface.count) }
    var types: [UInt8] = []
    while rest.count >= 9 {
      let head = Array(rest.prefix(9))
      types.append(head[3])
      rest = rest.dropFirst(9 + (Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])))
    }
    return types
  }

  /// A session with one request under way.
  private func begun() throws -> Int32 {
    let stream = try session.request(request)
    _ = try session.output()
    _ = try receive(settings)
    _ = try session.output()
    return stream
  }

  @Test func `it begins with the preface, settings and a larger window`() throws {
    let bytes = try session.output()
    #expect(bytes.starts(with: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8))
    let again = try ClientSession()
    #expect(try !again.output().isEmpty)
    #expect(try session.output().isEmpty)
  }

  @Test func `a request is a head at once and data when there is some`() throws {
    _ = try session.output()
    let stream = try session.request(request)
    #expect(stream == 1)
    #expect(try sentTypes() == [1])
    session.send([1, 2, 3], on: stream, isLast: false)
    #expect(try sentTypes() == [0])
    #expect(try sentTypes() == [])
    session.send([], on: stream, isLast: true)
    #expect(try sentTypes() == [0])
  }

  @Test func `an answer is its head, its data and its trailers, wherever it is split`() throws {
    let bytes =
      settings + frame(1, flags: Self.endHeaders, stream: 1, ok)
      + frame(0, stream: 1, [7, 8])
      + frame(
        1, flags: Self.endHeaders | Self.endStream, stream: 1, literal("grpc-status", "0"))
    for split in 0...bytes.count {
      let session = try ClientSession()
      let stream = try session.request(request)
      session.send([], on: stream, isLast: true)
      _ = try session.output()
      var events = try session.receive(Array(bytes.prefix(split)).span)
      events += try session.receive(Array(bytes.dropFirst(split)).span)
      var data: [UInt8] = []
      let others = events.filter {
        guard case .data(_, let bytes) = $0 else { return true }
        data += bytes
        return false
      }
      #expect(data == [7, 8])
      #expect(
        others == [
          .fields(stream: 1, [.init(":status", "200")]),
          .fields(stream: 1, [.init("grpc-status", "0")]), .ended(stream: 1),
          .closed(stream: 1, code: 0),
        ])
    }
  }

  @Test func `the end of the server's side is told while ours is open`() throws {
    let stream = try begun()
    let events = try receive(
      frame(1, flags: Self.endHeaders, stream: stream, ok)
        + frame(0, flags: Self.endStream, stream: stream))
    #expect(
      events == [.fields(stream: stream, [.init(":status", "200")]), .ended(stream: stream)])
  }

  @Test func `a reset and a goodbye are told with their codes`() throws {
    let stream = try begun()
    #expect(
      try receive(frame(3, stream: stream, [0, 0, 0, 8])) == [.closed(stream: stream, code: 8)])
    let goodbye = frame(7, [0, 0, 0, 1, 0, 0, 0, 11] + Array("too_many_pings".utf8))
    #expect(
      try receive(goodbye)
        == [.goingAway(lastStream: 1, code: 11, reason: "too_many_pings")])
  }

  @Test func `a ping is answered for the server and told for us`() throws {
    _ = try begun()
    _ = try receive(frame(6, [UInt8](repeating: 1, count: 8)))
    #expect(try sentTypes() == [6])
    session.ping()
    #expect(try sentTypes() == [6])
    #expect(try receive(frame(6, flags: 1, [UInt8](repeating: 0, count: 8))) == [.pong])
  }

  @Test func `a cancelled stream is reset and takes no more data`() throws {
    let stream = try begun()
    session.cancel(stream)
    session.send([1], on: stream, isLast: true)
    #expect(try sentTypes() == [3])
  }

  @Test func `a request whose head cannot be sent is told to be over`() throws {
    _ = try begun()
    let long = ClientSession.Field("x", String(repeating: "x", count: 500_000))
    let stream = try session.request(request + [long])
    #expect(try sentTypes() == [])
    guard case .closed(stream, let code)? = session.takeEvents().first else {
      Issue.record("nothing was told")
      return
    }
    #expect(code != 0)
    #expect(!session.isOpen(stream))
  }

  @Test func `too many fields end the stream and not the connection`() throws {
    let stream = try begun()
    let many = (0...ClientSession.fieldsMax).flatMap { literal("a", "\($0)") }
    let events = try receive(frame(1, flags: Self.endHeaders, stream: stream, ok + many))
    #expect(events.allSatisfy { if case .fields = $0 { false } else { true } })
    #expect(try sentTypes() == [3])
    #expect(!session.isOver)
  }

  @Test(arguments: [
    // A frame of a stream that was never begun, and no HTTP/2 at all.
    [0, 0, 1, 0, 0, 0, 0, 0, 99, 1] as [UInt8], Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8),
  ])
  func `a server that breaks the rules is left with a goodbye`(bytes: [UInt8]) throws {
    _ = try session.request(request)
    _ = try session.output()
    do {
      _ = try receive(settings + bytes)
      #expect(try sentTypes().contains(7))
    } catch let error as HTTP2Error {
      #expect(error.description.hasPrefix("HTTP/2: "))
    }
  }
}
