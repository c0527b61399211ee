/// Why an order did not become a certificate.
package struct OrderFailure: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Kind: Sendable, Equatable {
    /// The CA looked for a name's challenge and was not satisfied.
    case validation(name: String)
    /// The CA wants to be asked less often.
    case rateLimited(retryAfter: Duration?)
    /// The CA does not issue this: CAA, a name that it refuses, a profile that it does not know.
    case rejected
    /// The CA did not work, or could not be reached.
    case server
    /// The CA does not accept the account.
    case account
    /// This server could not do its part.
    case local
  }

  package let kind: Kind
  /// The name that it is about, where it is about one.
  package let name: String?
  package let problem: Problem?
  /// A sentence for people.
  package let reason: String

  init(_ kind: Kind, name: String? = nil, problem: Problem? = nil, _ reason: String) {
    self.kind = kind
    self.name = name
    self.problem = problem
    self.reason = Document.line(reason)
  }

  package var description: String { reason }

  /// What follows from an answer to a request about `name`.
  init(_ error: ACMEError, name: String?) {
    let name = name ?? error.problem?.parts.lazy.compactMap(\.name).first
    let about = name.map { "\($0): " } ?? ""
    self.init(Self.kind(error), name: name, problem: error.problem, about + "\(error)")
  }

  private static func kind(_ error: ACMEError) -> Kind {
    if error.isRateLimited { return .rateLimited(retryAfter: error.retryAfter) }
    if let status = error.status, status >= 500 { return .server }
    switch error {
    case .unreachable, .malformed, .status: return .server
    case .unsupported: return .rejected
    case .local: return .local
    case .problem(let problem, _, _):
      switch problem.type {
      case "accountDoesNotExist", "externalAccountRequired", "userActionRequired", "unauthorized":
        return .account
      case "serverInternal", "badNonce": return .server
      default: return .rejected
      }
    }
  }

  /// What the CA noted at an order or an authorization that has failed.
  init(noted problem: Problem?, name: String?, otherwise reason: String) {
    let name = name ?? problem?.parts.lazy.compactMap(\.name).first
    let about = name.map { "\($0): " } ?? ""
    guard let problem else {
      self.init(name.map { .validation(name: $0) } ?? .rejected, name: name, about + reason)
      return
    }
    let kind: Kind =
      switch problem.type {
      case "caa", "rejectedIdentifier", "unsupportedIdentifier", "badCSR", "badPublicKey":
        .rejected
      case "rateLimited": .rateLimited(retryAfter: nil)
      case "serverInternal": .server
      default: name.map { .validation(name: $0) } ?? .rejected
      }
    self.init(kind, name: name, problem: problem, about + "\(reason): \(problem)")
  }
}
