package import Etcd
package import EventLoop

/// A member of etcd on loopback whose every answer is written in the test: HTTP/2 and gRPC by hand.
package final class ScriptedMember: EventSource {
  package enum Question: Equatable {
    case range, put, txn, watch, progress, grant, keepAlive, status, authenticate, other
  }

  package let endpoint: Endpoint
  /// The message that answers a question; `nil` for silence.
  package var answer: (Question) -> [UInt8]?
  /// The status that refuses a question, where it is not answered.
  package var refusal: (Question) -> GRPCStatus? = { _ in nil }
  package private(set) var asked: [Question] = []
  /// The messages of these questions, as they came.
  package private(set) var heard: [[UInt8]] = []
  /// The token of the call that is being answered; `nil` where it has none.
  package private(set) var userToken: String?
  private let loop: EventLoop
  private let listener: FileDescriptor
  private var token = SourceToken.none
  private var lines: [Line] = []
  package private(set) var failure: SystemError?

  package init(on loop: EventLoop, _ answer: @escaping (Question) -> [UInt8]?) throws {
    self.loop = loop
    self.answer = answer
    guard let any = SocketAddress(ip: "127.0.0.1", port: 0) else { throw SystemError("socket") }
    listener = try Socket.listen(any, reusePort: false)
    guard let port = Socket.localAddress(listener.raw)?.port,
      let endpoint = Endpoint("http://127.0.0.1:\(port)")
    else { throw SystemError("getsockname") }
    self.endpoint = endpoint
    token = try loop.register(listener.raw, self, [.readable])
  }

  package func ready(_ events: Readiness) {
    do throws(SystemError) {
      guard let accepted = try Socket.accept(listener.raw) else { return }
      let raw = accepted.raw
      let line = Line(accepted, of: self)
      lines.append(line)
      line.token = try loop.register(raw, line, [.readable])
    } catch {
      failure = error
    }
  }

  /// Closes the connections that there are.
  package func hangUp() {
    for line in lines { loop.forget(line.token) }
    lines = []
  }

  package func end() {
    loop.forget(token)
    for line in lines { loop.forget(line.token) }
  }

  fileprivate enum Reply { case message(Question, [UInt8]?), refusal(GRPCStatus) }

  fileprivate func reply(to message: [UInt8], of call: Line.Call) -> Reply {
    let question: Question =
      switch call.method {
      case .range: .range
      case .put: .put
      case .txn: .txn
      case .leaseGrant: .grant
      case .leaseKeepAlive: .keepAlive
      case .watch: message.first == 0x1a ? .progress : .watch
      case .status: .status
      case .authenticate: .authenticate
      case .deleteRange, .leaseRevoke, nil: .other
      }
    asked.append(question)
    heard.append(message)
    userToken = call.token
    if let status = refusal(question) { return .refusal(status) }
    return .message(question, answer(question))
  }
}

/// One connection to it.
fileprivate final class Line: EventSource {
  var token = SourceToken.none
  private let descriptor: FileDescriptor
  private unowned let member: ScriptedMember
  private var input: [UInt8] = []
  private var hasBegun = false
  private var framers: [UInt32: MessageFramer] = [:]
  private var headed: Set<UInt32> = []
  private var calls: [UInt32: Call] = [:]
  private let inflater = FieldInflater()

  struct Call {
    var method: MethodPath?
    var token: String?
  }

  init(_ descriptor: consuming FileDescriptor, of member: ScriptedMember) {
    self.descriptor = descriptor
    self.member = member
  }

  private func say(_ bytes: [UInt8]) { _ = Descriptor.send(descriptor.raw, bytes.span) }

  func ready(_ events: Readiness) {
    var block = [UInt8](repeating: 0, count: 65_536)
    var space = block.mutableSpan
    guard case .bytes(let count) = Descriptor.read(descriptor.raw, into: &space) else { return }
    input += block[..<count]
    if !hasBegun {
      guard input.count >= HTTP2Frames.preface.count else { return }
      input.removeFirst(HTTP2Frames.preface.count)
      hasBegun = true
      say(HTTP2Frames.frame(4, 0, 0))
    }
    while input.count >= 9 {
      let length = Int(input[0]) << 16 | Int(input[1]) << 8 | Int(input[2])
      guard input.count >= 9 + length else { return }
      let stream = input[5..<9].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      take(input[3], input[4], stream, Array(input[9..<(9 + length)]))
      input.removeFirst(9 + length)
    }
  }

  private func take(_ type: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8]) {
    switch type {
    case 0:
      for message in (try? framers[stream, default: MessageFramer()].receive(payload)) ?? [] {
        reply(to: message, on: stream)
      }
    case 1:
      let fields = inflater?.read(payload) ?? []
      let path = fields.first { $0.name == ":path" }?.value ?? ""
      calls[stream] = Call(
        method: MethodPath(rawValue: path), token: fields.first { $0.name == "token" }?.value)
    case 4 where flags & 1 == 0: say(HTTP2Frames.frame(4, 1, 0))
    case 6 where flags & 1 == 0: say(HTTP2Frames.frame(6, 1, 0, payload))
    default: break
    }
  }

  private func reply(to message: [UInt8], on stream: UInt32) {
    let reply = member.reply(to: message, of: calls[stream] ?? Call())
    guard case .message(let question, let answer) = reply else {
      if case .refusal(let status) = reply { refuse(status, on: stream) }
      return
    }
    guard let answer else { return }
    var bytes: [UInt8] = []
    if headed.insert(stream).inserted {
      let head = [(":status", "200"), ("content-type", "application/grpc")]
      bytes += HTTP2Frames.frame(1, 4, stream, HTTP2Frames.block(head))
    }
    bytes += HTTP2Frames.frame(0, 0, stream, MessageFramer.frame(answer))
    let isStream = [.watch, .progress, .keepAlive].contains(question)
    if !isStream {
      bytes += HTTP2Frames.frame(1, 5, stream, HTTP2Frames.block([("grpc-status", "0")]))
    }
    say(bytes)
  }

  private func refuse(_ status: GRPCStatus, on stream: UInt32) {
    let head = [(":status", "200"), ("content-type", "application/grpc")]
    let trailers = [("grpc-status", "\(status.code.rawValue)"), ("grpc-message", status.message)]
    let fields = headed.insert(stream).inserted ? head + trailers : trailers
    say(HTTP2Frames.frame(1, 5, stream, HTTP2Frames.block(fields)))
  }
}
