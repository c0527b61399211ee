import EventLoop
import Glibc
import HTTPCore
import TLS
import TestSupport

@testable import EdgeProxy

/// Another server's edge whose every word is written in the test.
final class ScriptedPeer {
  /// What has come on one stream.
  struct Heard {
    var node = ""
    var bytes: [UInt8] = []
    var isEnded = false
    var closed: UInt32?
  }

  let address: SocketAddress
  private let listener: FileDescriptor
  private let context: ServerContext
  private var socket: FileDescriptor?
  private var stream: TLSStream?
  private var session: ServerSession?
  private var isOpen = false
  private(set) var connections = 0
  var heard: [Int32: Heard] = [:]
  /// Windows are opened again as bytes come.
  var takes = true
  /// It neither reads nor writes.
  var isFrozen = false

  init(_ context: ServerContext) throws {
    self.context = context
    guard let anywhere = SocketAddress(ip: "127.0.0.1", port: 0) else {
      throw SystemError("bind", code: EINVAL)
    }
    listener = try Socket.listen(anywhere, reusePort: false)
    guard let bound = Socket.localAddress(listener.raw) else { throw SystemError("getsockname") }
    address = bound
  }

  /// The streams that have been asked for, in their order.
  var streams: [Int32] { heard.keys.sorted() }

  // MARK: What it says

  func answer(_ id: Int32, status: Int = 200, body: [UInt8] = []) {
    let text = "HTTP/1.1 \(status) X\r\n\r\n"
    _ = session?.respond(id, octets(text).span, hasBody: status == 200 || !body.isEmpty)
    if !body.isEmpty { _ = session?.send(id, body.span, endsStream: true) }
    flush()
  }

  /// Sends what the windows take, and returns how much that was.
  @discardableResult
  func say(_ id: Int32, _ bytes: [UInt8], ends: Bool = false) -> Int {
    flush()
    let count = session?.send(id, bytes.span, endsStream: ends) ?? 0
    flush()
    return count
  }

  func end(_ id: Int32) {
    _ = session?.end(id)
    flush()
  }

  func reset(_ id: Int32, _ code: ErrorCode) {
    session?.reset(id, code)
    flush()
  }

  func leave() {
    session?.refuseFurther()
    flush()
  }

  func cut() {
    stream = nil
    session = nil
    socket = nil
  }

  // MARK: What it hears

  /// Takes what is there, and a new connection instead of the one it had.
  func turn() throws {
    guard !isFrozen else { return }
    if let accepted = try Socket.accept(listener.raw) {
      cut()
      connections += 1
      heard = [:]
      isOpen = false
      stream = try TLSStream(context: context, descriptor: accepted.raw)
      session = try ServerSession(
        SessionLimits(head: HeadLimits(), streams: FixedLimits.pipes, isPeer: true))
      session?.output = ByteBuffer(storage: [UInt8](repeating: 0, count: 1 << 20))
      socket = consume accepted
    }
    guard let stream else { return }
    do {
      if !isOpen {
        guard try stream.handshake() == .done else { return }
        isOpen = true
      }
      try read(stream)
    } catch {
      cut()
    }
    flush()
  }

  private func read(_ stream: TLSStream) throws {
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      var space = bytes.mutableSpan
      switch try stream.read(into: &space) {
      case .bytes(let count): take(Array(bytes[..<count]))
      case .closed: return cut()
      case .wantsRead, .wantsWrite: return
      }
    }
  }

  private func take(_ bytes: [UInt8]) {
    guard let session else { return }
    var start = 0
    while start < bytes.count {
      let piece = bytes.span.extracting(start..<bytes.count)
      let received = session.receive(piece, now: 0)
      note(received.event, Array(bytes[start...]))
      start += received.count
      while let closed = session.nextClosed() {
        heard[closed.stream, default: Heard()].closed = closed.code
      }
    }
  }

  private func note(_ event: ServerSession.Event, _ input: [UInt8]) {
    switch event {
    case .nothing: break
    case .request(let id, let ended):
      var head = RequestHead()
      session?.takeHead(into: &head)
      let field = head.fields.first {
        ASCII.equalsExactly(head.span($0.name), PipeProtocol.nodeField)
      }
      heard[id, default: Heard()].node = field.map { text(head.span($0.value)) } ?? ""
      heard[id]?.isEnded = ended
    case .refused(let id, _, _): heard[id, default: Heard()].node = "refused"
    case .data(let id, let range, let ended):
      heard[id]?.bytes += input[range]
      if takes { session?.consume(id, range.count) }
      if ended { heard[id]?.isEnded = true }
    case .ended(let id): heard[id]?.isEnded = true
    }
  }

  private func flush() {
    guard let session, let stream, isOpen, !isFrozen else { return }
    while true {
      session.pump()
      guard !session.output.isEmpty else { return }
      guard case .bytes(let count) = (try? Self.write(session.output, stream)) else { return }
      session.output.consume(count)
    }
  }

  private static func write(
    _ output: borrowing ByteBuffer, _ stream: TLSStream
  ) throws -> TLSWriteResult {
    try stream.write(output.readable)
  }
}
