import HTTPCore
import TestSupport
import Testing

private typealias Frames = HTTP2Frames
private typealias Field = (String, String)

/// Sends heads to one session after the other and reads what becomes of each.
private final class HeadReader {
  private let session: ServerSession
  private var stream: UInt32 = 1

  init() throws {
    session = try ServerSession(SessionLimits(head: HeadLimits(), streams: 100))
    session.output = ByteBuffer(storage: [UInt8](repeating: 0, count: 65536))
    _ = take(Frames.greeting)
  }

  /// The request that these fields make; `nil` where they are malformed.
  func read(_ fields: [Field]) -> RequestReading? {
    defer { stream += 2 }
    return take(Frames.frame(1, 5, stream, Frames.block(fields)))
  }

  private func take(_ input: [UInt8]) -> RequestReading? {
    var reading: RequestReading?
    var start = 0
    while start < input.count {
      let received = session.receive(input.span.extracting(start..<input.count), now: 0)
      start += received.count
      guard case .request(let id, _) = received.event else { continue }
      var head = RequestHead()
      session.takeHead(into: &head)
      reading = RequestReading(head, consumed: nil, refusal: nil)
      _ = session.respond(id, octets("HTTP/1.1 200 OK\r\n\r\n").span, hasBody: false)
    }
    _ = SessionReading.drain(session)
    while session.nextClosed() != nil {}
    return reading
  }
}

/// All orders of some elements.
private func orders<Element>(of elements: [Element]) -> [[Element]] {
  guard elements.count > 1 else { return [elements] }
  return elements.indices.flatMap { index in
    var rest = elements
    let first = rest.remove(at: index)
    return orders(of: rest).map { [first] + $0 }
  }
}

@Suite("HTTP/2 fields in every order, RFC 9113 §8.3")
struct FieldOrderTests {
  private let pseudo: [Field] = [
    (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":path", "/chat"),
    (":authority", "a.test"),
  ]
  private let regular: [Field] = [
    ("sec-websocket-key", "x"), ("host", "a.test"), ("sec-websocket-version", "13"),
    ("cookie", "a=1"), ("cookie", "b=2"),
  ]

  @Test func `an extended CONNECT is the same request in every order of its fields`() throws {
    let reader = try HeadReader()
    for first in orders(of: pseudo) {
      for second in orders(of: regular) {
        let order = first + second
        let head = try #require(reader.read(order), "\(order)")
        let cookies = second.filter { $0.0 == "cookie" }.map(\.1).joined(separator: "; ")
        guard
          head.host == "a.test", head.methodText == "GET", head.path == "/chat",
          head.fields.first == "host: a.test",
          head.fields.sorted() == [
            "cookie: \(cookies)", "host: a.test", "sec-websocket-version: 13",
          ]
        else {
          Issue.record("\(order) became \(head.fields)")
          return
        }
      }
    }
  }

  @Test func `a plain request is the same in every order of its fields`() throws {
    let reader = try HeadReader()
    let fields: [Field] = [
      ("host", "A.test"), ("cookie", "a=1"), ("x-one", "1"), ("cookie", "b=2"),
      ("content-length", "0"), ("te", "trailers"),
    ]
    let start: [Field] = [
      (":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "a.test"),
    ]
    for order in orders(of: fields) {
      let head = try #require(reader.read(start + order), "\(order)")
      let cookies = order.filter { $0.0 == "cookie" }.map(\.1).joined(separator: "; ")
      let expected = [
        "content-length: 0", "cookie: \(cookies)", "host: a.test", "te: trailers", "x-one: 1",
      ]
      guard head.fields.first == "host: a.test", head.fields.sorted() == expected else {
        Issue.record("\(order) became \(head.fields)")
        return
      }
    }
  }

  @Test func `Host alone names the host, wherever it stands`() throws {
    let reader = try HeadReader()
    let start: [Field] = [(":method", "GET"), (":scheme", "https"), (":path", "/")]
    for order in orders(of: regular) {
      let head = try #require(reader.read(start + order), "\(order)")
      #expect(head.host == "a.test")
      #expect(head.authority == "a.test")
      #expect(head.fields.first == "host: a.test")
      #expect(head.fields.count == 4)
    }
  }

  @Test func `a pseudo-header field behind any other is malformed`() throws {
    for field in regular {
      for place in 1..<pseudo.count {
        let reader = try HeadReader()
        var order = pseudo
        order.insert(field, at: place)
        #expect(reader.read(order) == nil, "\(order)")
      }
    }
  }
}
