/// Why a CA did not do what it was asked.
package enum ACMEError: Error, Sendable, Equatable, CustomStringConvertible {
  /// No answer came; the text says what the connection failed with.
  case unreachable(String)
  /// The CA refused, and says why, RFC 8555 §6.7.
  case problem(Problem, status: Int, retryAfter: Duration?)
  /// The CA refused, and gives no problem document.
  case status(Int, retryAfter: Duration?)
  /// The answer is not what the RFC says; the text names the document and the fault.
  case malformed(String)
  /// The CA's directory names no address for this.
  case unsupported(String)
  /// This server could not make a signature or a document.
  case local(String)

  package var description: String {
    switch self {
    case .unreachable(let reason): "the CA cannot be reached: \(reason)"
    case .problem(let problem, let status, _): "the CA answered \(status), \(problem)"
    case .status(let status, _): "the CA answered \(status) without saying why"
    case .malformed(let fault): "the CA's answer is not valid: \(fault)"
    case .unsupported(let what): "the CA's directory has no \(what)"
    case .local(let reason): reason
    }
  }

  /// What the CA says went wrong.
  package var problem: Problem? {
    if case .problem(let problem, _, _) = self { problem } else { nil }
  }

  /// How long the CA asks to wait, at most `RetryAfter.longest`.
  package var retryAfter: Duration? {
    switch self {
    case .problem(_, _, let period), .status(_, let period): period
    case .unreachable, .malformed, .unsupported, .local: nil
    }
  }

  /// The status code of the answer, where there was one that refused.
  package var status: Int? {
    switch self {
    case .problem(_, let status, _), .status(let status, _): status
    case .unreachable, .malformed, .unsupported, .local: nil
    }
  }

  /// Whether the CA was asked too much or too often.
  package var isRateLimited: Bool { problem?.type == "rateLimited" || status == 429 }
}

/// What a CA answered to a request that it did not refuse.
package struct ACMEAnswer: Sendable, Equatable {
  package let status: Int
  package let body: [UInt8]
  /// The address of what was made, or `nil`.
  package let location: String?
  /// How long the CA asks to wait before the next question, at most `RetryAfter.longest`.
  package let retryAfter: Duration?

  package init(
    status: Int, body: [UInt8], location: String? = nil, retryAfter: Duration? = nil
  ) {
    self.status = status
    self.body = body
    self.location = location
    self.retryAfter = retryAfter
  }
}
