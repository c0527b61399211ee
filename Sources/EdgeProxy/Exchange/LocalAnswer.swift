import EventLoop
import HTTPCore

/// Buffers for answers of our own, used again.
final class LocalAnswerScratch {
  var body: [UInt8] = []
}

/// Answers that this program gives by itself: errors, health, redirects, challenges.
extension Exchange {
  func refuse(_ failure: RequestBodyFailure) {
    switch failure {
    case .head(let error), .framing(let error): answerLocally(.refused(error))
    case .tooLarge(let limit): answerLocally(.tooLarge(limit: limit))
    case .storage: answerLocally(.status(503, "body-storage"))
    case .headTimeout: answerLocally(.status(408, "head-timeout"))
    case .bodyTimeout: answerLocally(.status(408, "body-timeout"))
    }
  }

  /// Answers here; the request goes no further.
  func answerLocally(_ reason: LocalReason) {
    abandonTries()
    stage = .answering
    scratch.body.removeAll(keepingCapacity: true)
    switch reason {
    case .status(let status, let cause):
      note(cause: cause)
      sendPage(status, detail: nil)
    case .refused(let error):
      note(cause: error.reason)
      sendPage(error.status, detail: LimitDetail(error))
    case .tooLarge(let limit):
      note(cause: "body-too-large")
      sendPage(413, detail: LimitDetail(sent: nil, limit: limit))
    case .blockTooLarge(let sent, let limit):
      note(cause: "request-block-too-large")
      sendPage(431, detail: LimitDetail(sent: sent, limit: limit))
    case .healthy:
      scratch.body.append("ok\n")
      send(200, contentType: "text/plain; charset=utf-8")
    case .unhealthy(let word):
      scratch.body.append(word)
      scratch.body.append("\n")
      send(503, contentType: "text/plain; charset=utf-8")
    case .redirect: redirect()
    case .challenge: challenge()
    }
  }

  private func sendPage(_ status: Int, detail: LimitDetail?) {
    let page = ErrorResponse.render(
      status: status, detail: detail, acceptsJSON: head.acceptsJSON, node: worker.nodeName,
      requestID: requestID, pages: snapshot.configuration.errorPages, into: &scratch.body)
    send(status, contentType: page)
  }

  /// To https: 301 where the method survives it, else 308, which keeps the method (RFC 9110 §15.4).
  private func redirect() {
    let status = head.method == .get || head.method == .head ? 301 : 308
    var location: [UInt8] = []
    location.append("https://")
    location.append(contentsOf: head.host)
    if worker.httpsPort != 443 {
      location.append(UInt8(ascii: ":"))
      location.append(decimal: UInt64(worker.httpsPort))
    }
    if head.path.isEmpty || head.decodedPath.first != UInt8(ascii: "/") {
      location.append(UInt8(ascii: "/"))
    } else {
      location.append(copying: head.span(head.path))
    }
    if let query = head.query {
      location.append(UInt8(ascii: "?"))
      location.append(copying: head.span(query))
    }
    send(status, contentType: "text/plain; charset=utf-8", location: location)
  }

  /// A file of the challenge directory, named by one path segment of token characters.
  private func challenge() {
    if let body = worker.challenges.find(head.decodedPath.span) {
      scratch.body = body
      return send(200, contentType: "application/octet-stream")
    }
    note(cause: "challenge-unknown")
    sendPage(404, detail: nil)
  }

  private func send(_ status: Int, contentType: StaticString, location: [UInt8]? = nil) {
    let bytes = unsafe UnsafeBufferPointer(
      start: contentType.utf8Start, count: contentType.utf8CodeUnitCount)
    // SAFETY: a StaticString lives for ever and knows its length.
    send(status, contentType: unsafe Array(bytes), location: location)
  }

  private func send(_ status: Int, contentType: [UInt8], location: [UInt8]? = nil) {
    guard let driver else { return }
    self.status = status
    firstByteAt = worker.loop.now
    let closing = driver.mustClose()
    let hidesBody = head.method == .head
    let framing = OutputFraming.length(UInt64(scratch.body.count))
    let fitted = driver.sendHead(hidesBody ? .none : framing) { output in
      var fits = HeadSerializer.begin(
        status: status, reason: Self.reason(of: status), date: worker.date.span,
        into: &output)
      fits = fits && HeadSerializer.field("Content-Type", contentType.span, into: &output)
      if let location {
        fits = fits && HeadSerializer.field("Location", location.span, into: &output)
      }
      if status == 503 {
        let seconds: StaticString = "Retry-After: 5\r\n"
        output.append(seconds)
      }
      output.append("Cache-Control: no-store\r\n")
      HeadSerializer.end(framing, connectionToken(closing: closing), into: &output)
      return fits
    }
    guard fitted else { return driver.cutAnswer() }
    if hidesBody { return driver.endAnswer() }
    let body = scratch.body
    let taken = driver.sendBody(body.span)
    bodyBytesSent = body.count
    pump.sourceDone = true
    if taken < body.count {
      pump.clientBlocked = true
      do throws(SystemError) {
        try spool.append(
          body.span.extracting(taken..<body.count), toFile: false,
          directory: worker.spoolDirectory)
      } catch {
        return driver.cutAnswer()
      }
      return
    }
    pump.sourceDone = false
    driver.endAnswer()
  }

  /// The reason phrase, RFC 9110 §15.
  static func reason(of status: Int) -> StaticString {
    switch status {
    case 200: "OK"
    case 301: "Moved Permanently"
    case 308: "Permanent Redirect"
    case 400: "Bad Request"
    case 404: "Not Found"
    case 408: "Request Timeout"
    case 413: "Content Too Large"
    case 414: "URI Too Long"
    case 417: "Expectation Failed"
    case 421: "Misdirected Request"
    case 431: "Request Header Fields Too Large"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    default: "Error"
    }
  }
}
