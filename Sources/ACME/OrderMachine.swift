package import TLS

/// The life of one order, RFC 8555 §7.4: what to ask the CA next, and what to do here.
///
///     newOrder ─▶ key ─▶ store ─▶ authorizations ─▶ publish ─▶ trigger ─▶ poll ─▶ finalize ─▶ download
///         ▲                           │                                    ▲
///         │                           └── all are valid already ───────────┘
///         └── a resumed order that the CA has forgotten; one that it knows goes on where it is
///
/// It has no clock and touches nothing: a driver does each step and tells how that went.
///
/// The order's address and the new key are stored before any challenge is shown, so that the next
/// issuer goes on with the same order. All challenge values are shown before the CA is told of the
/// first: `*.x` and `x` share one TXT name, and a resolver keeps what it has seen.
///
/// An input that does not answer the last step ends the order.
package struct OrderMachine {
  let names: [String]
  let challenge: ChallengeType
  let directory: Directory
  let thumbprint: String
  private let kind: SigningKey.Kind
  private let profile: String?

  var state = State.begun
  /// The certificate that the new one takes the place of, RFC 9773 §5.
  var replaces: String?
  /// There while the CA may have forgotten the order, which then begins anew, once.
  private var resumable: OrderRecord?
  private var elapsed = Duration.zero
  /// Answers in a row that say that the CA does not work at the moment.
  private var troubles = 0
  /// The next wait for a CA that names no time.
  private var pause = pauseFirst

  /// From `begin` to the end, in the driver's time; afterwards the order can be resumed.
  package static let longest = Duration.seconds(15 * 60)
  /// Each pause is twice the one before, up to the last.
  package static let pauseFirst = Duration.milliseconds(500)
  package static let pauseLast = Duration.seconds(5)
  /// What a CA that names a time is given.
  package static let pauseBounds = Duration.seconds(1)...Duration.seconds(60)
  package static let troublesMax = 4

  /// `profile` and `replaces` are left out where the CA's directory has no such thing.
  ///
  /// `replaces` is the identifier of RFC 9773 §4.1. A record to resume must come from the same CA, be for the same names and have a key of this kind;
  /// otherwise it is forgotten.
  package init(
    names: [String], challenge: ChallengeType, kind: SigningKey.Kind, profile: String?,
    replaces: String?, directory: Directory, accountThumbprint: String, resuming: OrderRecord?
  ) {
    self.names = names.map { $0.lowercased() }
    self.challenge = challenge
    self.kind = kind
    self.profile = profile.flatMap { directory.profiles.contains($0) ? $0 : nil }
    self.replaces = directory.renewalInfo == nil ? nil : replaces
    self.directory = directory
    thumbprint = accountThumbprint
    resumable = resuming
  }

  // MARK: Inputs

  package mutating func begin() -> Step {
    guard case .begun = state else { return outOfOrder() }
    guard let held = resumable.flatMap(held) else {
      resumable = nil
      return order()
    }
    return enter(.resuming(held))
  }

  /// `took` is the time since the step was given.
  package mutating func answered(
    _ result: Result<ACMEAnswer, ACMEError>, took: Duration = .zero
  ) -> Step {
    guard state.isAsking else { return outOfOrder() }
    elapsed += max(.zero, took)
    switch result {
    case .success(let answer):
      troubles = 0
      return step { machine throws(OrderFailure) in try machine.take(answer) }
    case .failure(let error):
      return step { machine throws(OrderFailure) in try machine.refused(error) }
    }
  }

  package mutating func keyMade(_ key: SigningKey) -> Step {
    guard case .makingKey(let url, let order) = state else { return outOfOrder() }
    do throws(TLSError) {
      return enter(.storing(Held(url: url, key: key, pem: try key.pem()), order))
    } catch {
      return fail(OrderFailure(.local, "the new key cannot be written: \(error)"))
    }
  }

  package mutating func stored() -> Step {
    guard case .storing(let held, let order) = state else { return outOfOrder() }
    return step { machine throws(OrderFailure) in
      try machine.follow(order, held, mayBePending: true)
    }
  }

  package mutating func published(took: Duration = .zero) -> Step {
    guard case .publishing(let held, let tasks) = state else { return outOfOrder() }
    elapsed += max(.zero, took)
    return trigger(
      held, tasks.filter { !$0.isTriggered }[...], told: tasks.filter(\.isTriggered))
  }

  package mutating func waited() -> Step {
    guard case .waiting(let period, let next) = state else { return outOfOrder() }
    elapsed += period
    return enter(next)
  }

  // MARK: Moves

  /// Asks for a new order.
  mutating func order() -> Step {
    struct NewOrder: Encodable {
      let identifiers: [Identifier]
      let profile: String?
      let replaces: String?
    }
    let wanted = NewOrder(
      identifiers: names.map(Identifier.init), profile: profile, replaces: replaces)
    do throws(ACMEError) {
      return enter(.ordering(payload: try Document.write(wanted)))
    } catch {
      return fail(OrderFailure(error, name: nil))
    }
  }

  /// Asks for a new order where the CA may have forgotten the resumed one; `nil` where it may not.
  mutating func orderAgain() -> Step? {
    guard resumable != nil else { return nil }
    resumable = nil
    return order()
  }

  /// From here on, what fails is not due to an issuer before this one.
  mutating func publish(_ held: Held, _ tasks: [ChallengeTask]) -> Step {
    resumable = nil
    return enter(.publishing(held, tasks))
  }

  /// The next pause is a short one.
  mutating func hurry() { pause = Self.pauseFirst }

  /// Waits as the CA says, within bounds, or a little longer than before.
  mutating func wait(_ retryAfter: Duration?, then next: State) -> Step {
    if let retryAfter {
      let period = min(max(retryAfter, Self.pauseBounds.lowerBound), Self.pauseBounds.upperBound)
      return enter(.waiting(period, next))
    }
    let period = pause
    pause = min(pause * 2, Self.pauseLast)
    return enter(.waiting(period, next))
  }

  /// Asks again, where the CA does not work at the moment and is not to be left alone for long.
  mutating func tryAgain(_ error: ACMEError) -> Step? {
    guard troubles < Self.troublesMax, isPassing(error) else { return nil }
    troubles += 1
    let period = error.retryAfter ?? .seconds(1 << troubles)
    guard period <= Self.pauseBounds.upperBound else { return nil }
    // The CA may have taken the request: the order says so.
    if case .finalizing(let held, _, _) = state { return wait(period, then: .checking(held)) }
    return wait(period, then: state)
  }

  private func isPassing(_ error: ACMEError) -> Bool {
    if case .unreachable = error { return true }
    if error.isRateLimited {
      // A CA that counts new orders is not asked for the same one again.
      if case .ordering = state { return false }
      return error.retryAfter != nil
    }
    return error.problem?.type == "badNonce" || (error.status ?? 0) >= 500
  }

  mutating func enter(_ next: State) -> Step {
    guard elapsed <= Self.longest else {
      let aim = next.name.map { "the CA has not looked at \($0)" } ?? "the CA has not issued it"
      return fail(
        OrderFailure(.server, name: next.name, "the order was not done within 15 minutes: \(aim)"))
    }
    state = next
    return step(next)
  }

  mutating func finish(_ chain: [UInt8], _ held: Held) -> Step {
    let last = Step.finished(chain: chain, key: held.pem)
    state = .over(last)
    return last
  }

  private mutating func fail(_ failure: OrderFailure) -> Step {
    let last = Step.failed(failure)
    state = .over(last)
    return last
  }

  /// What is over stays as it ended.
  private mutating func outOfOrder() -> Step {
    if case .over(let last) = state { return last }
    return fail(OrderFailure(.local, "the order was driven out of its order"))
  }

  private mutating func step(
    _ move: (inout OrderMachine) throws(OrderFailure) -> Step
  ) -> Step {
    do throws(OrderFailure) {
      return try move(&self)
    } catch {
      return fail(error)
    }
  }

  func step(_ state: State) -> Step {
    switch state {
    case .begun: .wait(.zero)
    case .resuming(let held), .checking(let held): .post(held.url, payload: nil)
    case .ordering(let payload): .post(directory.newOrder.description, payload: payload)
    case .makingKey: .makeKey
    case .storing(let held, _):
      .store(
        OrderRecord(
          issuer: directory.url.description, order: held.url, key: held.pem, names: names))
    case .authorizing(_, let url, _, _): .post(url.description, payload: nil)
    case .publishing(_, let tasks): .publish(tasks.map(\.value))
    case .triggering(_, let task, _, _): .post(task.challenge, payload: Array("{}".utf8))
    case .validating(_, let task, _): .post(task.authorization, payload: nil)
    case .finalizing(_, let url, let payload): .post(url, payload: payload)
    case .downloading(_, let url): .post(url, payload: nil)
    case .waiting(let period, _): .wait(period)
    case .over(let last): last
    }
  }

  /// What a record leads to, where it belongs to what is wanted.
  private func held(_ record: OrderRecord) -> Held? {
    guard record.issuer == directory.url.description,
      Set(record.names.map { $0.lowercased() }) == Set(names),
      let url = try? directory.rule.read(record.order, "the order"),
      let key = try? SigningKey(pem: record.key), key.kind == kind
    else { return nil }
    return Held(url: url.description, key: key, pem: record.key)
  }
}

@available(*, unavailable) extension OrderMachine: Sendable {}
