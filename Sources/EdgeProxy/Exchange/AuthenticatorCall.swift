internal import Configuration
internal import EventLoop
internal import HTTPCore

/// A question to an authenticator whether a request may go on, and the answer to it.
///
/// The question is an exchange of its own, which chooses nodes, tries again, waits and is timed as any
/// other. This takes the place of its client: the answer comes here instead of to a connection. What
/// becomes of it is told to the exchange that asks at the end of the turn, since it may come in the
/// middle of anything.
final class AuthenticatorCall: TurnEnd {
  enum Outcome {
    /// A 2xx: the request goes on.
    case letIn
    /// Any other answer: it is the client's.
    case refused
    /// There is no answer that could be passed on.
    case failed(Exchange.LocalReason)
  }

  private(set) var outcome: Outcome?
  private(set) var head = ResponseHead()
  private(set) var body: [UInt8] = []
  /// `nil` when the question has been answered or nobody waits for it any more.
  private var question: Exchange?
  private var asker: Exchange?
  /// The answer has come to its end.
  private var hasEnded = false
  private var isSettled = false

  /// More of a page that asks for a password is passed on to nobody.
  static let bodyBytesMax = 64 << 10

  init(of asker: Exchange) { self.asker = asker }

  func begin(_ settings: ForwardAuthSettings, on connection: Connection, route: Int) {
    guard let asker else { return }
    let question = asker.worker.takeExchange(for: .call(self), on: connection)
    self.question = question
    var destination = Destination(route: route)
    destination.upstream = asker.snapshot.upstreams[settings.upstream]
    question.ask(settings.path, about: asker, at: destination)
  }

  /// Nobody waits for the answer any more.
  func cancel() {
    asker = nil
    endQuestion()
  }

  private func endQuestion() {
    guard let question else { return }
    self.question = nil
    if hasEnded { question.finish() } else { question.clientGone() }
    question.worker.give(question)
  }

  private func settle(_ outcome: Outcome) {
    self.outcome = outcome
    guard !isSettled, let question else { return }
    isSettled = true
    question.worker.loop.atTurnEnd(self)
  }

  func turnEnded() {
    guard let asker else { return }
    self.asker = nil
    endQuestion()
    asker.authenticatorAnswered(self)
  }

  // MARK: What the question is told, in the place of its client

  /// No node has answered, or none could be asked.
  func failed(_ reason: Exchange.LocalReason) {
    hasEnded = true
    switch reason {
    case .status(let status, _): settle(.failed(.status(status, "authenticator-unavailable")))
    default: settle(.failed(reason))
    }
  }

  /// The head of an answer that will be delivered.
  func headArrived(_ response: borrowing ResponseHead) {
    head.become(response)
    if (200..<300).contains(response.status) { settle(.letIn) }
  }

  /// A piece of the body; all of it is taken.
  func take(_ bytes: borrowing Span<UInt8>) {
    if outcome != nil { return }
    guard body.count + bytes.count <= Self.bodyBytesMax else {
      return settle(.failed(.status(502, "authenticator-answer-too-large")))
    }
    body.append(copying: bytes)
  }

  func answerEnded() {
    hasEnded = true
    if outcome == nil { settle(.refused) }
  }

  func answerCut() {
    if outcome == nil { settle(.failed(.status(502, "authenticator-unavailable"))) }
  }
}

@available(*, unavailable) extension AuthenticatorCall: Sendable {}
