internal import Configuration
internal import HTTPCore

/// Answers whose heads are made here, field by field, and to which a route's rules apply.
extension Exchange {
  /// Answers what a route leads to without an instance.
  func answerHere(_ local: LocalRoute) {
    switch local {
    case .files(let settings): answerFile(settings)
    case .redirect(let settings): answerRedirect(settings)
    case .respond(let settings):
      ownBody.begin()
      ownBody.text.append(settings.body.span)
      sendOwnBody(settings.status, ErrorResponse(status: settings.status, reason: "").phrase) {
        $0.add("Content-Type", settings.contentType.span)
      }
    }
  }

  private func answerRedirect(_ settings: RedirectSettings) {
    var location: [UInt8] = []
    let route = destination?.route
    let change = route.flatMap { snapshot.configuration.routes[$0].pathChange }
    settings.target.write(for: request.head, behind: change?.strip ?? [], into: &location)
    ownBody.begin()
    sendOwnBody(settings.status, settings.phrase) { $0.add("Location", location.span) }
  }

  /// Sends an answer that has no body.
  func sendOwn(_ status: Int, _ phrase: StaticString, _ describe: (inout ResponseHead) -> Void) {
    guard sendOwnHead(from: .given, status, phrase, .none, describe) else { return }
    ownBody.begin()
    endIfDone()
  }

  /// Sends what is in `ownBody`, as far as the method and the status let an answer have a body.
  func sendOwnBody(
    _ status: Int, _ phrase: StaticString, _ describe: (inout ResponseHead) -> Void
  ) {
    guard status != 204, status != 304 else { return sendOwn(status, phrase, describe) }
    let count = UInt64(ownBody.count)
    guard request.head.method != .head else {
      return sendOwn(status, phrase) {
        describe(&$0)
        $0.add("Content-Length", decimal: count)
      }
    }
    guard sendOwnHead(from: .given, status, phrase, .length(count), describe) else { return }
    sendOwnBody()
    endIfDone()
  }

  /// Sends a head; `false` where it did not fit and the connection is cut.
  func sendOwnHead(
    from source: Answer.Source, _ status: Int, _ phrase: StaticString,
    _ framing: OutputFraming, _ describe: (inout ResponseHead) -> Void
  ) -> Bool {
    localHead.begin(status, phrase)
    describe(&localHead)
    return sendLocalHead(from: source, framing)
  }

  /// Sends `localHead`, as the rules of the route change it; `false` where it did not fit and the
  /// connection is cut.
  func sendLocalHead(
    from source: Answer.Source, _ framing: OutputFraming, coding: BodyCoding = .asSent
  ) -> Bool {
    guard let driver else { return false }
    let closing = driver.mustClose()
    let requestID = record.requestID
    localHead.add("X-Request-ID", requestID.span)
    if let rules = destination?.rules { rules.apply(to: &localHead, for: request.head) }
    let fitted = beginAnswer(from: source, driver, localHead.status, framing) { output in
      HeadSerializer.write(
        localHead, framing: framing, connection: connectionToken(closing: closing),
        date: worker.date.span, coding: coding, into: &output)
    }
    if !fitted { driver.cutAnswer() }
    return fitted
  }
}
