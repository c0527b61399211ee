package import EventLoop
package import TLS

/// Asks other servers over HTTP/1.1 and HTTPS: one connection for each request, none kept.
///
/// Redirects are not followed, nothing is asked twice, and every answer and every wait has a bound. All of
/// it happens on one loop.
package final class HTTPCaller {
  private let identity: ClientIdentity
  private let loop: EventLoop
  private let userAgent: String
  private let bodyMax: Int
  private let reading = ReadingBlock()
  private var calls: [UInt64: HTTPCall] = [:]
  private var begun: UInt64 = 0
  private var isClosed = false

  /// What the body of an answer may measure, in bytes.
  package static let bodyMax = 1 << 20

  /// `identity` says which authorities are believed; its files are read for each request.
  package init(
    _ identity: ClientIdentity, on loop: EventLoop, userAgent: String,
    bodyMax: Int = HTTPCaller.bodyMax
  ) {
    self.identity = identity
    self.loop = loop
    self.userAgent = userAgent
    self.bodyMax = bodyMax
  }

  deinit { close() }

  /// Asks, and tells the answer once, from the loop and never from within this call.
  package func call(
    _ request: HTTPRequest, within: Duration,
    _ completion: @escaping (Result<HTTPResponse, HTTPCallError>) -> Void
  ) {
    guard !isClosed else { return }
    guard let bytes = request.bytes(userAgent: userAgent) else {
      return begin(request, [], completion).fail(.malformed("a field of the request"))
    }
    begin(request, bytes, completion).start(within: within)
  }

  /// The same at addresses that are known, of which there is one at least.
  package func call(
    _ request: HTTPRequest, at addresses: [SocketAddress], within: Duration,
    _ completion: @escaping (Result<HTTPResponse, HTTPCallError>) -> Void
  ) {
    let bytes = request.bytes(userAgent: userAgent) ?? []
    begin(request, bytes, completion).start(at: addresses, within: within)
  }

  /// Ends all calls; nothing is told afterwards.
  package func close() {
    isClosed = true
    let open = calls.values
    calls = [:]
    for call in open { call.cancel() }
  }

  private func begin(
    _ request: HTTPRequest, _ bytes: [UInt8], _ completion: @escaping HTTPCall.Completion
  ) -> HTTPCall {
    let number = begun
    begun += 1
    let call = HTTPCall(
      HTTPCall.Question(bytes: bytes, url: request.url, identity: identity),
      answer: AnswerReading(to: request.method, bodyMax: bodyMax), on: loop, reading
    ) { [unowned self] result in
      let finished = calls.removeValue(forKey: number)
      withExtendedLifetime(finished) { completion(result) }
    }
    calls[number] = call
    return call
  }
}

@available(*, unavailable) extension HTTPCaller: Sendable {}
