internal import EventLoop
internal import HTTPCore

/// Answers that this program gives by itself: errors, health, redirects, challenges.
extension Exchange {
  func refuse(_ failure: RequestBodyFailure) {
    switch failure {
    case .head(let error), .framing(let error): answerLocally(.refused(error))
    case .tooLarge(let limit): answerLocally(.tooLarge(limit: limit))
    case .storage: answerLocally(.status(503, "body-storage"))
    case .headTimeout: answerLocally(.status(408, "head-timeout"))
    case .bodyTimeout: answerLocally(.status(408, "body-timeout"))
    case .notTLS: answerLocally(.notTLS)
    }
  }

  /// Answers here; the request goes no further.
  ///
  /// An answer that has begun stays the only one.
  func answerLocally(_ reason: LocalReason) {
    guard !answer.hasBegun, stage != .done else { return }
    abandonTries()
    countMemory()
    stage = .answering
    if case .call(let call)? = driver { return call.failed(reason) }
    switch reason {
    case .status(let status, let cause): sendPage(ErrorResponse(status: status, reason: cause))
    case .refused(let error): sendPage(ErrorResponse(error))
    case .unauthorized(let challenge, let cause):
      sendPage(ErrorResponse(status: 401, reason: cause), challenge: challenge)
    case .tooLarge(let limit):
      sendPage(
        ErrorResponse(status: 413, reason: "body-too-large", limit: .init(sent: nil, limit: limit)))
    case .blockTooLarge(let sent, let limit):
      sendPage(
        ErrorResponse(
          status: 431, reason: "block-too-large", limit: .init(sent: sent, limit: limit)))
    case .tooOften(let cause, let limit, let seconds):
      sendPage(
        ErrorResponse(
          status: 429, reason: cause,
          limit: .init(sent: nil, limit: limit, unit: "requests per second"),
          retryAfterSeconds: seconds))
    case .siteAway(let cause, let seconds):
      sendPage(
        ErrorResponse(
          status: 503, reason: cause, retryAfterSeconds: seconds,
          sentence: "This site is being worked on. Please try again later."))
    case .notTLS:
      sendPage(
        ErrorResponse(
          status: 400, reason: "plain-http-on-https-port",
          sentence: "This port speaks HTTPS. Please use an address that begins with https://."))
    case .healthy: sendWord(200, "ok")
    case .unhealthy(let word): sendWord(503, word)
    case .redirect: redirect()
    case .otherHost(let host): redirect(to: host)
    case .challenge(let content): sendChallenge(content)
    case .challengeMethod: sendError(405, "method-not-allowed", allow: "GET, HEAD")
    case .otherMethods(let methods):
      sendPage(ErrorResponse(status: 405, reason: "method-not-allowed"), allow: methods)
    case .methodRefused: sendError(405, "method-not-allowed", allow: Self.forwardedMethods)
    case .preflight(let rule): answerPreflight(rule)
    case .options: sendOwn(204, "No Content") { $0.add("Allow", Self.forwardedMethods) }
    case .local(let local): answerHere(local)
    }
  }

  /// Answers with a page of our own.
  ///
  /// `allow` lists the methods with a 405, `length` is the file's with a 416.
  func sendError(
    _ status: Int, _ reason: StaticString, allow: StaticString? = nil, length: Int64? = nil
  ) {
    var methods: [UInt8] = []
    if let allow { methods.append(allow) }
    sendPage(ErrorResponse(status: status, reason: reason), allow: methods, length: length)
  }

  private func sendPage(
    _ response: ErrorResponse, allow: [UInt8] = [], length: Int64? = nil,
    challenge: [UInt8]? = nil
  ) {
    note(cause: response.reason)
    let requestID = record.requestID
    ownBody.begin()
    let type = snapshot.errorPages.write(
      response, requestID: requestID.span, acceptsJSON: request.head.acceptsJSON,
      into: &ownBody.text)
    send(response.status, response.phrase, type) { output in
      var fits = true
      if let seconds = response.retryAfterSeconds {
        fits = HeadSerializer.field("Retry-After", Array("\(seconds)".utf8).span, into: &output)
      }
      if !allow.isEmpty {
        fits = fits && HeadSerializer.field("Allow", allow.span, into: &output)
      }
      if let challenge {
        fits = fits && HeadSerializer.field("WWW-Authenticate", challenge.span, into: &output)
      }
      if let length {
        let range = Array("bytes */\(length)".utf8)
        fits = fits && HeadSerializer.field("Content-Range", range.span, into: &output)
      }
      if let policy = destination?.rules?.strictTransport {
        fits = fits && HeadSerializer.field("Strict-Transport-Security", policy.span, into: &output)
      }
      return fits && writeCrossOrigin(into: &output)
    }
  }

  private func sendWord(_ status: Int, _ word: StaticString) {
    ownBody.begin()
    ownBody.text.append(word)
    ownBody.text.append(UInt8(ascii: "\n"))
    send(status, ErrorResponse(status: status, reason: word).phrase, Self.plainText)
  }

  private static let plainText = Array("text/plain; charset=utf-8".utf8)

  /// To https: 301 where the method survives it, else 308, which keeps the method (RFC 9110 §15.4).
  private func redirect() {
    let location = location(on: request.head.host)
    ownBody.begin()
    send(movedStatus, movedPhrase, Self.plainText) {
      HeadSerializer.field("Location", location.span, into: &$0)
    }
  }

  /// To the name that clients shall see, with the fields of the route.
  private func redirect(to host: [UInt8]) {
    let location = location(on: host)
    ownBody.begin()
    sendOwnBody(movedStatus, movedPhrase) { $0.add("Location", location.span) }
  }

  private var movedStatus: Int {
    request.head.method == .get || request.head.method == .head ? 301 : 308
  }

  private var movedPhrase: StaticString {
    movedStatus == 301 ? "Moved Permanently" : "Permanent Redirect"
  }

  /// The same path and query at https of a host.
  private func location(on host: [UInt8]) -> [UInt8] {
    var location: [UInt8] = []
    location.append("https://")
    location.append(contentsOf: host)
    if worker.httpsPort != 443 {
      location.append(UInt8(ascii: ":"))
      location.append(decimal: UInt64(worker.httpsPort))
    }
    // The `*` of OPTIONS is no path.
    if request.head.decodedPath.first == UInt8(ascii: "/") {
      location.append(targetOf: request.head)
    } else {
      location.append(UInt8(ascii: "/"))
    }
    return location
  }

  private func sendChallenge(_ content: [UInt8]) {
    ownBody.begin()
    ownBody.text.append(content.span)
    send(200, "OK", Array("application/octet-stream".utf8))
  }

  /// Sends the head and what is in `ownBody`.
  private func send(
    _ status: Int, _ phrase: StaticString, _ contentType: [UInt8],
    _ addFields: (inout ByteBuffer) -> Bool = { _ in true }
  ) {
    guard let driver else { return }
    let closing = driver.mustClose()
    let count = ownBody.count
    let framing = OutputFraming.length(UInt64(count))
    let hidesBody = request.head.method == .head
    let requestID = record.requestID
    let fitted = beginAnswer(from: .given, driver, status, hidesBody ? .none : framing) { output in
      var fits = HeadSerializer.begin(
        status: status, reason: phrase, date: worker.date.span, into: &output)
      fits = fits && HeadSerializer.field("Content-Type", contentType.span, into: &output)
      fits = fits && addFields(&output)
      let noStore = Array("no-store".utf8)
      fits = fits && HeadSerializer.field("Cache-Control", noStore.span, into: &output)
      fits = fits && HeadSerializer.field("X-Request-ID", requestID.span, into: &output)
      if fits { HeadSerializer.end(framing, connectionToken(closing: closing), into: &output) }
      return fits
    }
    guard fitted else { return driver.cutAnswer() }
    if hidesBody { ownBody.begin() } else { sendOwnBody() }
    endIfDone()
  }

  /// Begins to send `ownBody`; what the client cannot take now stays there.
  func sendOwnBody() {
    carried(bytesOut: Int64(ownBody.count))
    countMemory()
    sendRestOfOwnBody()
  }

  func sendRestOfOwnBody() {
    guard let driver, !ownBody.isSent else { return }
    let taken = driver.sendBody(ownBody.front)
    ownBody.consume(taken)
    if !ownBody.isSent { answer.clientFilled() }
  }
}
