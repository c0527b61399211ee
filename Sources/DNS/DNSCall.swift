package import DNSCore
package import EventLoop

/// One message to one server, and the message that answers it.
///
///     waiting ──▶ over      (an answer, an error, the time, `cancel`)
///
/// What it came to is told once, by the loop, never from within `init`.
package final class DNSCall: DNSWork, EventSource, TimerTarget, TurnEnd {
  package typealias Carrier = DNSCarrier

  package typealias Outcome = Result<[UInt8], DNSCallError>

  private let loop: EventLoop
  private let carrier: Carrier
  /// Over TCP with its length in front, RFC 1035 §4.2.2.
  private let sending: [UInt8]
  private var sent = 0
  private var input: [UInt8] = []
  private let isAnswer: ([UInt8]) -> Bool
  private var completion: ((Outcome) -> Void)?
  private var descriptor: FileDescriptor?
  private var token = SourceToken.none
  private var timer = TimerToken.none
  private var resend: Alarm?
  /// What beginning has failed with.
  private var failure: SystemError?

  /// A datagram that is lost is sent again after so long, then after twice as long.
  private static let resendAfter = Duration.seconds(1)
  private static let readsMax = 16

  /// Sends `message`, of at most 65535 bytes, and waits for one that `isAnswer`.
  ///
  /// Over UDP others are passed over: anybody can send them. Over TCP another one ends the call.
  package init(
    _ message: [UInt8], to address: SocketAddress, over carrier: Carrier, within timeout: Duration,
    on loop: EventLoop, isAnswer: @escaping ([UInt8]) -> Bool,
    _ completion: @escaping (Outcome) -> Void
  ) {
    self.loop = loop
    self.carrier = carrier
    self.isAnswer = isAnswer
    self.completion = completion
    let length = UInt16(clamping: message.count)
    let prefix = [UInt8(length >> 8), UInt8(truncatingIfNeeded: length)]
    sending = carrier == .udp ? message : prefix + message
    do throws(SystemError) {
      try begin(address)
      timer = loop.arm(self, after: timeout)
    } catch {
      failure = error
      loop.atTurnEnd(self)
    }
  }

  private func begin(_ address: SocketAddress) throws(SystemError) {
    switch carrier {
    case .udp:
      let socket = try Datagram.connect(address)
      token = try loop.register(socket.raw, self, [.readable])
      descriptor = consume socket
      sendDatagram(again: Self.resendAfter)
    case .tcp:
      let socket = try Socket.connect(address)
      token = try loop.register(socket.raw, self, [.incoming, .writable])
      descriptor = consume socket
    }
  }

  private func sendDatagram(again pause: Duration) {
    guard let raw = descriptor?.raw else { return }
    // A refusal is told by the read, and whatever else went wrong by the time.
    let message = sending
    _ = Descriptor.send(raw, message.span)
    let alarm = Alarm(on: loop) { [unowned self] in sendDatagram(again: pause * 2) }
    alarm.set(after: pause)
    resend = alarm
  }

  package func cancel() {
    completion = nil
    loop.cancel(timer)
    timer = .none
    resend?.cancel()
    loop.forget(token)
    token = .none
    descriptor = nil
  }

  private func finish(_ outcome: Outcome) {
    guard let completion else { return }
    cancel()
    completion(outcome)
  }

  // MARK: Events

  package func timerFired(_ token: TimerToken) {
    timer = .none
    finish(.failure(.timedOut))
  }

  package func turnEnded() {
    if let failure { finish(.failure(.connection(failure))) }
  }

  package func ready(_ events: Readiness) {
    switch carrier {
    case .udp: receiveDatagrams()
    case .tcp: if send() { receive() }
    }
  }

  private func receiveDatagrams() {
    var block = [UInt8](repeating: 0, count: DNSMessage.bytesMax)
    for _ in 0..<Self.readsMax {
      guard let raw = descriptor?.raw else { return }
      var space = block.mutableSpan
      switch Descriptor.read(raw, into: &space) {
      case .bytes(let count):
        let message = Array(block.prefix(count))
        if isAnswer(message) { return finish(.success(message)) }
      // One without a byte says nothing.
      case .closed: continue
      case .wouldBlock: return
      case .failed(let error): return finish(.failure(.connection(error)))
      }
    }
  }

  /// `false` while it is not out.
  private func send() -> Bool {
    guard let raw = descriptor?.raw else { return false }
    let code = sent == 0 ? Socket.pendingError(raw) : 0
    guard code == 0 else {
      finish(.failure(.connection(SystemError("connect", code: code))))
      return false
    }
    let message = sending
    while sent < message.count {
      switch Descriptor.send(raw, message.span.extracting(sent..<message.count)) {
      case .bytes(let count): sent += count
      case .wouldBlock: return false
      case .failed(let error):
        finish(.failure(.connection(error)))
        return false
      }
    }
    do throws(SystemError) {
      try loop.modify(raw, token, .incoming)
      return true
    } catch {
      finish(.failure(.connection(error)))
      return false
    }
  }

  private func receive() {
    var block = [UInt8](repeating: 0, count: 4096)
    while let raw = descriptor?.raw {
      var space = block.mutableSpan
      switch Descriptor.read(raw, into: &space) {
      case .bytes(let count): input += block.prefix(count)
      case .wouldBlock: return
      case .closed: return finish(.failure(.closed))
      case .failed(let error): return finish(.failure(.connection(error)))
      }
      guard input.count >= 2 else { continue }
      let length = Int(input[0]) << 8 | Int(input[1])
      guard input.count >= length + 2 else { continue }
      let message = Array(input.dropFirst(2).prefix(length))
      return finish(isAnswer(message) ? .success(message) : .failure(.otherAnswer))
    }
  }
}

/// Why a server has not answered.
package enum DNSCallError: Error, Equatable, Sendable, CustomStringConvertible {
  case connection(SystemError)
  case timedOut
  case closed
  case otherAnswer

  package var description: String {
    switch self {
    case .connection(let error): "\(error)"
    case .timedOut: "no answer in time"
    case .closed: "the server closed the connection without an answer"
    case .otherAnswer: "its answer is not one to what was asked"
    }
  }
}

@available(*, unavailable) extension DNSCall: Sendable {}
