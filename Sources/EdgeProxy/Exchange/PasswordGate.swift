internal import Configuration
internal import EventLoop
internal import HTTPCore

/// Routes that ask who the client is.
extension Exchange {
  /// Why a request does not go on at once.
  enum Held {
    case waits
    case refused(LocalReason)

    var reason: LocalReason? {
      switch self {
      case .waits: nil
      case .refused(let reason): reason
      }
    }
  }

  /// Has the request pass the gates of its route; `nil` when all are open.
  func passGates(of route: Int) -> Held? {
    guard let access = snapshot.configuration.routes[route].access else { return nil }
    if let passwords = access.passwords, let held = askForPassword(passwords) { return held }
    return access.authenticator.flatMap(askAuthenticator)
  }

  /// Whether the answer may be one for everybody: not where this server tells the application who asks.
  var isForEverybody: Bool {
    // Those that have shown none are all the same to an application.
    guard let route = destination?.route, request.facts.clientCertificate?.isVerified != true else {
      return false
    }
    let access = snapshot.configuration.routes[route].access
    return access?.passwords == nil && access?.authenticator == nil
  }

  /// The request waits no longer, whatever becomes of it.
  func leaveGate() {
    guard let gate = destination?.gate else { return }
    destination?.gate = nil
    switch gate.awaited {
    case .password(let ticket, _): snapshot.admissions.leave(ticket)
    case .authenticator(let call): call.cancel()
    }
  }

  /// The gate that the request waited at has opened.
  func goOn(behind gate: Gate) {
    guard let route = destination?.route else { return }
    destination?.gate = nil
    if case .password = gate.awaited,
      let next = snapshot.configuration.routes[route].access?.authenticator
    {
      if case .refused(let reason)? = askAuthenticator(next) { return answerLocally(reason) }
      destination?.gate?.isWhole = gate.isWhole
      return
    }
    if let reason = findAnswerer(behind: route) { return answerLocally(reason) }
    if gate.isWhole { requestComplete() }
  }

  // MARK: Passwords

  private func askForPassword(_ settings: BasicAuthSettings) -> Held? {
    request.forget(Request.userFields)
    guard let value = request.head.authorization else {
      return refuse(settings, "password-missing")
    }
    guard let given = BasicCredentials(request.head.span(value)) else {
      return refuse(settings, "credentials-malformed")
    }
    guard let desk = snapshot.passwords.desk else {
      return .refused(.status(503, "passwords-unchecked"))
    }
    guard let found = snapshot.passwords.find(given.user, in: settings.file) else {
      return refuse(settings, "password-wrong")
    }
    let mark = desk.mark(given.user, given.password, found.hash)
    if found.isKnown, desk.holds(mark) {
      identify(as: given.user)
      return nil
    }
    let ticket = snapshot.admissions.enter(self)
    let refusal = desk.check(given.password, found, mark, for: request.client) {
      [loop = worker.loop.handle] outcome in
      loop.post { loop in
        (loop.owner as? Worker)?.snapshot.admissions.tell(ticket, outcome)
      }
    }
    if let refusal {
      snapshot.admissions.leave(ticket)
      return .refused(
        refusal == .full
          ? .status(503, "password-queue-full") : .status(429, "password-attempts"))
    }
    destination?.gate = Gate(.password(ticket: ticket, user: given.user))
    return .waits
  }

  /// The desk has an answer.
  func passwordChecked(_ outcome: PasswordOutcome) {
    guard let destination, let gate = destination.gate,
      case .password(_, let user) = gate.awaited,
      let settings = snapshot.configuration.routes[destination.route].access?.passwords
    else { return }
    worker.underWay.turn(to: notedAt)
    switch outcome {
    case .right:
      identify(as: user)
      goOn(behind: gate)
    case .wrong:
      answerLocally(.unauthorized(challenge: settings.challenge, "password-wrong"))
    case .late: answerLocally(.status(503, "password-queue-full"))
    }
  }

  private func refuse(_ settings: BasicAuthSettings, _ cause: StaticString) -> Held {
    .refused(.unauthorized(challenge: settings.challenge, cause))
  }

  private func identify(as user: [UInt8]) {
    request.identify(as: user)
    note(user: user)
  }
}
