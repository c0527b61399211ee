/// When a CA would have a certificate renewed, RFC 9773 §4.2.
package struct RenewalInfo: Sendable, Equatable {
  /// Seconds since 1970; the start is before the end.
  package let start: Int64
  package let end: Int64
  /// Where people read why, such as the notice of a revocation.
  package let explanation: String?
  /// How long the CA asks to wait before the next question.
  package let retryAfter: Duration?

  package init(_ bytes: [UInt8], retryAfter: Duration? = nil) throws(ACMEError) {
    let members = try Document.read(Members.self, bytes, "the renewal information")
    guard let start = Timestamp.seconds(members.suggestedWindow.start),
      let end = Timestamp.seconds(members.suggestedWindow.end)
    else { throw .malformed("the renewal information: the window has no times of RFC 3339") }
    guard start < end else {
      throw .malformed("the renewal information: the window ends before it begins")
    }
    self.start = start
    self.end = end
    explanation = members.explanationURL.map(Document.line)
    self.retryAfter = retryAfter
  }

  private struct Members: Decodable {
    let suggestedWindow: Window
    let explanationURL: String?

    private enum Member: String, CodingKey { case suggestedWindow, explanationURL }

    init(from decoder: any Decoder) throws {
      let members = try decoder.container(keyedBy: Member.self)
      suggestedWindow = try members.decode(Window.self, forKey: .suggestedWindow)
      explanationURL = members.lenient(String.self, .explanationURL)
    }
  }

  private struct Window: Decodable {
    let start: String
    let end: String
  }
}
