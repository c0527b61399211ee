internal import HTTPCore

/// An answer, or work that gives it once it is done.
enum AdminReply {
  case now(AdminAnswer)
  /// Begins the work; what is passed is called once with the answer, on the control loop.
  case later((@escaping (AdminAnswer) -> Void) -> Void)
  /// Events until the client goes.
  case events(PageFeed)
}

/// What an administrator is answered.
///
/// That of events has no body: they follow.
struct AdminAnswer: Sendable, Equatable {
  enum ContentType: Sendable, Equatable {
    case json, text, metrics, events
    /// HTML, with what it may do in a browser.
    case page(policy: String)
  }

  var status: Int
  var type = ContentType.text
  var body: [UInt8]
  /// The health in one word, for clients that do not read the body.
  var health: String?

  static func text(_ status: Int, _ text: String) -> AdminAnswer {
    AdminAnswer(status: status, body: Array(text.utf8))
  }

  /// The name of the field that holds `health`.
  static let healthField: StaticString = "edgeproxy-health"

  /// The head, RFC 9112 §4; each connection carries one answer.
  func head(date: [UInt8]) -> [UInt8] {
    var output = ByteBuffer(storage: [UInt8](repeating: 0, count: 2048))
    var fits = HeadSerializer.begin(
      status: status, reason: reason, date: date.span, into: &output)
    let media = Array(contentType.utf8)
    let noStore = Array("no-store".utf8)
    let noSniff = Array("nosniff".utf8)
    fits = fits && HeadSerializer.field("Content-Type", media.span, into: &output)
    fits = fits && HeadSerializer.field("Cache-Control", noStore.span, into: &output)
    fits = fits && HeadSerializer.field("X-Content-Type-Options", noSniff.span, into: &output)
    // No other site may have it in a page of its own.
    let sameOrigin = Array("same-origin".utf8)
    fits =
      fits
      && HeadSerializer.field("Cross-Origin-Resource-Policy", sameOrigin.span, into: &output)
    if case .page(let policy) = type {
      let bytes = Array(policy.utf8)
      fits = fits && HeadSerializer.field("Content-Security-Policy", bytes.span, into: &output)
      let noReferrer = Array("no-referrer".utf8)
      fits = fits && HeadSerializer.field("Referrer-Policy", noReferrer.span, into: &output)
    }
    if status == 405 {
      let methods = Array("GET, HEAD".utf8)
      fits = fits && HeadSerializer.field("Allow", methods.span, into: &output)
    }
    if let health {
      let word = Array(health.utf8)
      fits = fits && HeadSerializer.field(Self.healthField, word.span, into: &output)
    }
    guard fits else { return [] }
    let framing = type == .events ? OutputFraming.untilClose : .length(UInt64(body.count))
    HeadSerializer.end(framing, .close, into: &output)
    fits = fits && !output.isFull
    var bytes: [UInt8] = []
    bytes.append(copying: output.readable)
    return bytes
  }

  private var contentType: String {
    switch type {
    case .json: "application/json"
    case .text: "text/plain; charset=utf-8"
    case .metrics: "text/plain; version=0.0.4; charset=utf-8"
    case .events: "text/event-stream"
    case .page: "text/html; charset=utf-8"
    }
  }

  private var reason: StaticString {
    switch status {
    case 200: "OK"
    case 202: "Accepted"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 409: "Conflict"
    case 413: "Content Too Large"
    case 422: "Unprocessable Content"
    case 431: "Request Header Fields Too Large"
    case 503: "Service Unavailable"
    default: "Bad Request"
    }
  }
}
