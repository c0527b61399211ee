internal import TLS
internal import Wire

/// What each answer of the CA means for the order.
extension OrderMachine {
  mutating func take(_ answer: ACMEAnswer) throws(OrderFailure) -> Step {
    switch state {
    case .ordering: return try ordered(answer)
    case .resuming(let held):
      return try follow(try order(answer), held, mayBePending: true, answer.retryAfter)
    case .authorizing(let held, let url, let left, let tasks):
      return try authorized(answer, held, url, left, tasks)
    case .triggering(let held, let task, let left, let told):
      return trigger(held, left, told: told + [task])
    case .validating(let held, let task, let round):
      return try validated(answer, held, task, round)
    case .checking(let held):
      return try follow(try order(answer), held, mayBePending: false, answer.retryAfter)
    case .finalizing(let held, _, _):
      let order = try order(answer)
      // A CA that has not begun yet is asked before it is told again.
      guard order.status != .ready else { return wait(answer.retryAfter, then: .checking(held)) }
      return try follow(order, held, mayBePending: false, answer.retryAfter)
    case .downloading(let held, _): return try downloaded(answer, held)
    case .begun, .makingKey, .storing, .publishing, .waiting, .over: return step(state)
    }
  }

  mutating func refused(_ error: ACMEError) throws(OrderFailure) -> Step {
    let failure = OrderFailure(error, name: state.name)
    if case .ordering = state, replaces != nil, Self.isAboutReplacement(error) {
      replaces = nil
      return order()
    }
    if case .resuming = state, Self.meansForgotten(error), let again = orderAgain() {
      return again
    }
    if let again = tryAgain(error) { return again }
    guard case .problem(let problem, _, _) = error, failure.kind == .rejected else {
      throw failure
    }
    switch state {
    case .triggering(let held, var task, let left, let told):
      // It may be told already, and even be satisfied: the authorization says so.
      task.refusal = failure
      return trigger(held, left, told: told + [task])
    case .finalizing(let held, _, _) where problem.type == "orderNotReady":
      return wait(error.retryAfter, then: .checking(held))
    default: throw failure
    }
  }

  /// RFC 9773 §5: another order has replaced the certificate already, or the CA does not know it.
  private static func isAboutReplacement(_ error: ACMEError) -> Bool {
    guard let problem = error.problem, !error.isRateLimited else { return false }
    return problem.type == "alreadyReplaced" || problem.type == "malformed"
      || error.status == 404 || error.status == 409
  }

  /// The order is none of this account's, or is there no more.
  private static func meansForgotten(_ error: ACMEError) -> Bool {
    guard let status = error.status, (400..<500).contains(status), !error.isRateLimited else {
      return false
    }
    switch error.problem?.type {
    case "badNonce", "accountDoesNotExist", "externalAccountRequired", "userActionRequired":
      return false
    default: return true
    }
  }

  // MARK: The order

  private func order(_ answer: ACMEAnswer) throws(OrderFailure) -> Order {
    do throws(ACMEError) {
      return try Order(answer.body, directory.rule)
    } catch {
      throw OrderFailure(error, name: nil)
    }
  }

  private mutating func ordered(_ answer: ACMEAnswer) throws(OrderFailure) -> Step {
    let order = try order(answer)
    try check(order)
    guard let location = answer.location else {
      throw OrderFailure(.server, "the CA gives no address of the new order")
    }
    switch order.status {
    case .pending, .ready:
      return enter(.makingKey(url: try url(location, "the order"), order))
    case .processing, .valid:
      throw OrderFailure(.server, "the CA answers a new order with one of another key")
    case .invalid:
      throw OrderFailure(noted: order.problem, name: nil, otherwise: "the CA refuses the order")
    }
  }

  private func check(_ order: Order) throws(OrderFailure) {
    guard order.names == Set(names) else {
      throw OrderFailure(.server, "the CA answers with an order for other names")
    }
  }

  /// Goes on from where the order is.
  mutating func follow(
    _ order: Order, _ held: Held, mayBePending: Bool, _ retryAfter: Duration? = nil
  ) throws(OrderFailure) -> Step {
    do throws(OrderFailure) {
      try check(order)
      switch order.status {
      case .pending where mayBePending: return authorize(held, order.authorizations[...], [])
      case .pending, .processing: return wait(retryAfter, then: .checking(held))
      case .ready: return try finalize(order, held)
      case .valid:
        guard let certificate = order.certificate else {
          throw OrderFailure(.server, "the CA gives no address of the certificate")
        }
        return enter(.downloading(held, url: certificate.description))
      case .invalid:
        throw OrderFailure(
          noted: order.problem, name: nil, otherwise: "the CA has given the order up")
      }
    } catch {
      guard let again = orderAgain() else { throw error }
      return again
    }
  }

  private mutating func finalize(_ order: Order, _ held: Held) throws(OrderFailure) -> Step {
    let request: [UInt8]
    do throws(TLSError) {
      request = try CertificateRequest.der(names: names, key: held.key)
    } catch {
      throw OrderFailure(.local, "the request for the certificate cannot be made: \(error)")
    }
    do throws(ACMEError) {
      let payload = try Document.write(["csr": Base64URL.encode(request)])
      hurry()
      return enter(.finalizing(held, url: order.finalize.description, payload: payload))
    } catch {
      throw OrderFailure(error, name: nil)
    }
  }

  private mutating func downloaded(
    _ answer: ACMEAnswer, _ held: Held
  ) throws(OrderFailure) -> Step {
    guard answer.body.firstRange(of: "-----BEGIN CERTIFICATE-----".utf8) != nil else {
      throw OrderFailure(.server, "the CA gives no certificate where it says that it is")
    }
    return finish(answer.body, held)
  }

  // MARK: The names

  /// Reads the authorizations that are left; then what they ask for is shown.
  private mutating func authorize(
    _ held: Held, _ left: ArraySlice<HTTPURL>, _ tasks: [ChallengeTask]
  ) -> Step {
    if let next = left.first {
      return enter(.authorizing(held, next, left: left.dropFirst(), tasks))
    }
    return tasks.isEmpty ? enter(.checking(held)) : publish(held, tasks)
  }

  private mutating func authorized(
    _ answer: ACMEAnswer, _ held: Held, _ url: HTTPURL, _ left: ArraySlice<HTTPURL>,
    _ tasks: [ChallengeTask]
  ) throws(OrderFailure) -> Step {
    let authorization = try authorization(answer, name: nil)
    guard names.contains(authorization.name) else {
      throw OrderFailure(.server, "the CA asks about \(authorization.name), which was not ordered")
    }
    do throws(OrderFailure) {
      switch authorization.status {
      case .valid: return authorize(held, left, tasks)
      case .pending:
        return authorize(held, left, tasks + [try task(authorization, url)])
      case .invalid, .deactivated, .expired, .revoked: throw unsatisfied(authorization)
      }
    } catch {
      guard let again = orderAgain() else { throw error }
      return again
    }
  }

  private func task(
    _ authorization: Authorization, _ address: HTTPURL
  ) throws(OrderFailure) -> ChallengeTask {
    let name = authorization.name
    guard let found = authorization.challenge(challenge) else {
      let offered = authorization.offered.joined(separator: ", ")
      throw OrderFailure(
        .rejected, name: name,
        "\(name): the CA offers no \(challenge.rawValue); it offers \(offered)")
    }
    guard found.status != .invalid else { throw unsatisfied(authorization) }
    return ChallengeTask(
      found, try url(found.url, "a challenge"), of: name, authorization: address.description,
      thumbprint: thumbprint)
  }

  /// Tells the CA of the challenges that are left; then it is asked about all of them.
  mutating func trigger(
    _ held: Held, _ left: ArraySlice<ChallengeTask>, told: [ChallengeTask]
  ) -> Step {
    if let next = left.first {
      return enter(.triggering(held, next, left: left.dropFirst(), told: told))
    }
    hurry()
    return validate(held, Round(left: [], again: told))
  }

  /// Asks about the names that are left, and after a pause about those that are not valid yet.
  private mutating func validate(_ held: Held, _ round: Round) -> Step {
    var round = round
    if let next = round.left.popFirst() { return enter(.validating(held, next, round)) }
    var again = round.again[...]
    guard let next = again.popFirst() else { return enter(.checking(held)) }
    return wait(round.retryAfter, then: .validating(held, next, Round(left: again)))
  }

  private mutating func validated(
    _ answer: ACMEAnswer, _ held: Held, _ task: ChallengeTask, _ round: Round
  ) throws(OrderFailure) -> Step {
    let authorization = try authorization(answer, name: task.name)
    var round = round
    switch authorization.status {
    case .valid: break
    case .pending where authorization.challenge(challenge)?.status != .invalid:
      if let refusal = task.refusal { throw refusal }
      round.again.append(task)
      if let asked = answer.retryAfter { round.retryAfter = max(asked, round.retryAfter ?? asked) }
    case .pending, .invalid, .deactivated, .expired, .revoked: throw unsatisfied(authorization)
    }
    return validate(held, round)
  }

  private func authorization(
    _ answer: ACMEAnswer, name: String?
  ) throws(OrderFailure) -> Authorization {
    do throws(ACMEError) {
      return try Authorization(answer.body)
    } catch {
      throw OrderFailure(error, name: name)
    }
  }

  private func unsatisfied(_ authorization: Authorization) -> OrderFailure {
    OrderFailure(
      noted: authorization.problem, name: authorization.name,
      otherwise: "the CA is not satisfied (\(authorization.status.rawValue))")
  }

  private func url(_ text: String, _ what: String) throws(OrderFailure) -> String {
    do throws(ACMEError) {
      return try directory.rule.read(text, what).description
    } catch {
      throw OrderFailure(error, name: nil)
    }
  }
}
