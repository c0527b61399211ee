package import DNSCore
package import EventLoop

/// One question to one server over one carrier, and the server's answer, whatever it says.
///
/// For those who look at a server itself: no other server is asked after it, an answer that does not fit stays
/// cut, and an error is an answer. What it came to is told once, by the loop, never from within `init`.
package final class DNSProbe: DNSWork {
  package struct Answer: Sendable, Equatable {
    package var message: DNSMessage
    /// From the question to the answer.
    package var after: Duration

    package init(message: DNSMessage, after: Duration) {
      self.message = message
      self.after = after
    }
  }

  package typealias Outcome = Result<Answer, DNSCallError>

  private let loop: EventLoop
  private let begun: Instant
  private var work: (any DNSWork)?
  private var completion: ((Outcome) -> Void)?

  /// The servers of a zone are asked without recursion.
  package init(
    _ question: DNSQuestion, at server: SocketAddress, over carrier: DNSCall.Carrier,
    within timeout: Duration = DNSQuery.serverTimeout, on loop: EventLoop,
    _ completion: @escaping (Outcome) -> Void
  ) {
    self.loop = loop
    self.completion = completion
    begun = loop.clockNow
    let message = DNSQuery.message(question, recursive: false)
    // One name and an empty record always fit.
    let bytes = (try? message.encoded()) ?? []
    work = DNSCall(
      bytes, to: server, over: carrier, within: timeout, on: loop,
      isAnswer: { (try? DNSMessage(decoding: $0))?.answers(message) ?? false },
      { [unowned self] in answered($0) })
  }

  deinit { work?.cancel() }

  package func cancel() {
    completion = nil
    work?.cancel()
    work = nil
  }

  private func answered(_ outcome: DNSCall.Outcome) {
    guard let completion else { return }
    cancel()
    switch outcome {
    case .failure(let error): completion(.failure(error))
    case .success(let bytes):
      guard let message = try? DNSMessage(decoding: bytes) else {
        return completion(.failure(.otherAnswer))
      }
      completion(.success(Answer(message: message, after: loop.clockNow - begun)))
    }
  }
}

@available(*, unavailable) extension DNSProbe: Sendable {}
