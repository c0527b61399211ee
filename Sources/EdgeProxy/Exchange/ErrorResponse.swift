internal import Configuration
internal import HTTPCore

/// What an answer of our own says.
struct ErrorResponse: Sendable {
  /// A limit that was passed.
  struct Limit: Sendable {
    /// `nil` when the rest was not counted any more: more than the limit.
    var sent: Int?
    var limit: Int
    var unit: StaticString = "bytes"
  }

  /// The status; our own answers are never a 500.
  var status: Int
  /// A word for the cause, as the access log has it.
  var reason: StaticString
  var limit: Limit?
  /// The value of `Retry-After` in seconds, where there is one.
  let retryAfterSeconds: Int?
  /// What the person at the browser is told, where the status alone does not say it.
  private let ownSentence: StaticString?

  /// A 503 says to come again when each node has been tried again: after the longest pause of one.
  private static let longestPauseSeconds = 10

  init(
    status: Int, reason: StaticString, limit: Limit? = nil, retryAfterSeconds: Int? = nil,
    sentence: StaticString? = nil
  ) {
    // A 500 says that an application failed; what fails here is a gateway.
    self.status = status == 500 ? 502 : status
    self.reason = reason
    self.limit = limit
    ownSentence = sentence
    self.retryAfterSeconds = retryAfterSeconds ?? (status == 503 ? Self.longestPauseSeconds : nil)
  }

  /// Why a message was refused.
  init(_ error: HTTPError) {
    self.init(status: error.status, reason: error.reason)
    guard let passed = error.limit else { return }
    let unit: StaticString =
      switch error {
      case .tooManyFields: "fields"
      case .tooManyNominations: "fields named in Connection"
      case .tooManyVariables: "variables"
      default: "bytes"
      }
    limit = Limit(sent: passed.sent, limit: passed.limit, unit: unit)
  }

  /// The reason phrase, RFC 9110 §15.
  var phrase: StaticString {
    switch status {
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 204: "No Content"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 410: "Gone"
    case 411: "Length Required"
    case 412: "Precondition Failed"
    case 413: "Content Too Large"
    case 414: "URI Too Long"
    case 416: "Range Not Satisfiable"
    case 417: "Expectation Failed"
    case 421: "Misdirected Request"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    default: status < 400 ? "Success" : status < 500 ? "Request Refused" : "Server Error"
    }
  }

  /// One sentence for the person at the browser.
  var sentence: StaticString {
    if let ownSentence { return ownSentence }
    return switch status {
    case 400: "This server could not understand the request."
    case 401: "This address asks for a name and a password."
    case 403: "This address may not be read."
    case 404: "There is nothing at this address."
    case 405: "This address does not answer requests of this kind."
    case 408: "The request did not arrive in time."
    case 413: "The upload is larger than this site accepts."
    case 414: "The address is longer than this server accepts."
    case 421: "This connection was made for another site. Please reload the page."
    case 429: "Too many requests have come from your network. Please try again shortly."
    case 431: "The request's header is too large. Deleting this site's cookies may help."
    case 501, 505: "This server does not support requests of this kind."
    case 502: "The application broke off while it was answering. Please try again."
    case 503: "The application is not available at the moment. Please try again shortly."
    case 504: "The application took too long to answer. Please try again."
    default: "The request could not be answered."
    }
  }
}

/// Writes the bodies of our own answers.
///
/// A client that accepts `application/json` gets an object, others the operator's page for the
/// status where there is one (`ErrorPage`), else a small page of ours. They name only the node, the
/// status, the reason and the request id, for the person who looks into the problem.
struct ErrorPages: Sendable {
  private static let html = Array("text/html; charset=utf-8".utf8)
  private static let json = Array("application/json".utf8)

  private let node: [UInt8]
  private let pages: [ErrorPage]

  init(node: String, pages: [Int: ErrorPageSettings]) {
    self.node = Array(node.utf8)
    self.pages = pages.sorted { $0.key < $1.key }.map { ErrorPage($1, status: $0) }
  }

  /// Replaces `body` and returns its content type.
  func write(
    _ response: ErrorResponse, requestID: borrowing Span<UInt8>, acceptsJSON: Bool,
    into body: inout TextBuffer
  ) -> [UInt8] {
    body.removeAll()
    if acceptsJSON {
      writeJSON(response, requestID, into: &body)
      return Self.json
    }
    for page in pages where page.status == response.status {
      page.write(response, requestID, into: &body)
      return page.contentType
    }
    writeHTML(response, requestID, into: &body)
    return Self.html
  }

  private func writeHTML(
    _ response: ErrorResponse, _ requestID: borrowing Span<UInt8>, into body: inout TextBuffer
  ) {
    body.append("<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>")
    title(response, into: &body)
    body.append("</title>\n<h1>")
    title(response, into: &body)
    body.append("</h1>\n<p>")
    body.append(response.sentence)
    if let limit = response.limit {
      body.append(limit.sent == nil ? "</p>\n<p>Sent: more than " : "</p>\n<p>Sent: ")
      body.append(decimal: limit.sent ?? limit.limit)
      body.append(UInt8(ascii: " "))
      body.append(limit.unit)
      body.append(". Limit: ")
      body.append(decimal: limit.limit)
      body.append(UInt8(ascii: " "))
      body.append(limit.unit)
      body.append(UInt8(ascii: "."))
    }
    body.append("</p>\n<p><small>Node: ")
    body.append(html: node.span)
    body.append("<br>Reason: ")
    body.append(response.reason)
    body.append("<br>Request: ")
    body.append(html: requestID)
    body.append("</small></p>\n</html>\n")
  }

  private func title(_ response: ErrorResponse, into body: inout TextBuffer) {
    body.append(decimal: response.status)
    body.append(UInt8(ascii: " "))
    body.append(response.phrase)
  }

  private func writeJSON(
    _ response: ErrorResponse, _ requestID: borrowing Span<UInt8>, into body: inout TextBuffer
  ) {
    body.append("{\"status\":")
    body.append(decimal: response.status)
    body.append(",\"error\":\"")
    body.append(response.phrase)
    body.append("\",\"message\":\"")
    body.append(response.sentence)
    body.append("\",\"reason\":\"")
    body.append(response.reason)
    body.append(UInt8(ascii: "\""))
    if let limit = response.limit {
      if let sent = limit.sent {
        body.append(",\"sent\":")
        body.append(decimal: sent)
      }
      body.append(",\"limit\":")
      body.append(decimal: limit.limit)
      body.append(",\"unit\":\"")
      body.append(limit.unit)
      body.append(UInt8(ascii: "\""))
    }
    body.append(",\"node\":\"")
    body.append(json: node.span)
    body.append("\",\"request_id\":\"")
    body.append(json: requestID)
    body.append("\"}\n")
  }
}
