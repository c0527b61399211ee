internal import Configuration
internal import HTTPCore

/// Routes where another application says who the client is, as Traefik's ForwardAuth and Caddy's
/// forward_auth have it.
extension Exchange {
  /// Whether this is a question of the server's own, which no client has sent.
  var isQuestion: Bool {
    if case .call? = driver { true } else { false }
  }

  func askAuthenticator(_ settings: ForwardAuthSettings) -> Held? {
    guard let connection, let route = destination?.route else {
      return .refused(.status(503, "draining"))
    }
    // The authenticator must not be told by the client what only it may say.
    request.forget(settings.copied)
    let call = AuthenticatorCall(of: self)
    destination?.gate = Gate(.authenticator(call))
    call.begin(settings, on: connection, route: route)
    return .waits
  }

  /// The authenticator has spoken, or cannot be asked; then nobody is let in.
  func authenticatorAnswered(_ call: AuthenticatorCall) {
    guard let destination, let gate = destination.gate, case .authenticator(let own) = gate.awaited,
      own === call,
      let settings = snapshot.configuration.routes[destination.route].access?.authenticator
    else { return }
    worker.underWay.turn(to: notedAt)
    switch call.outcome {
    case .letIn:
      takeIdentity(call.head, settings)
      goOn(behind: gate)
    case .refused: passOn(call)
    case .failed(let reason): answerLocally(reason)
    case nil: answerLocally(.status(502, "authenticator-unavailable"))
    }
  }

  /// Puts what the authenticator says of the user into the request.
  private func takeIdentity(_ head: borrowing ResponseHead, _ settings: ForwardAuthSettings) {
    for name in settings.copied {
      let isUser = name == settings.user
      for field in head.fields where head.isNamed(field, name) {
        request.add(name, head.span(field.value))
        guard isUser else { continue }
        var user: [UInt8] = []
        user.append(copying: head.span(field.value))
        note(user: user)
        request.tell(user: user)
      }
    }
  }

  /// The client gets what the authenticator has answered.
  private func passOn(_ call: AuthenticatorCall) {
    abandonTries()
    guard let driver, !answer.hasBegun else { return }
    note(cause: "authenticator-refused")
    let closing = driver.mustClose()
    localHead.become(call.head)
    if let rules = destination?.rules { rules.apply(to: &localHead, for: request.head) }
    ownBody.begin()
    let body = call.body
    ownBody.text.append(body.span)
    let status = localHead.status
    let hidesBody = request.head.method == .head || status == 204 || status == 304
    let framing = hidesBody ? OutputFraming.none : .length(UInt64(call.body.count))
    let fitted = beginAnswer(from: .given, driver, status, framing) { output in
      HeadSerializer.write(
        localHead, framing: framing, connection: connectionToken(closing: closing),
        date: worker.date.span, into: &output)
    }
    guard fitted else { return driver.cutAnswer() }
    if hidesBody { ownBody.begin() } else { sendOwnBody() }
    endIfDone()
  }
}
