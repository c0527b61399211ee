package import HTTPCore

/// What a route leads to that needs no instance.
package indirect enum LocalRoute: Sendable, Equatable {
  case files(FileSettings)
  case redirect(RedirectSettings)
  case respond(RespondSettings)
}

package struct FileSettings: Sendable, Equatable {
  /// Ends with a NUL, as the kernel wants it.
  package var directory: [UInt8]
  /// What the path has behind this is the file.
  package var below = "/"
  /// Tried in this order for a directory; each ends with a NUL.
  package var index: [[UInt8]]
  /// Whether a directory without an index shows what it has.
  package var listing: Bool
  /// The codings whose siblings are looked for, best first.
  package var precompressed: [ContentCoding]
  package var cacheControl: [UInt8]?
  /// The file that answers for what is not there; ends with a NUL.
  package var fallback: [UInt8]?
}

package struct RedirectSettings: Sendable, Equatable {
  package var target: RedirectTarget
  package var status: Int

  static let statuses = [301, 302, 303, 307, 308]

  package var phrase: StaticString {
    switch status {
    case 301: "Moved Permanently"
    case 303: "See Other"
    case 307: "Temporary Redirect"
    case 308: "Permanent Redirect"
    default: "Found"
    }
  }
}

package struct RespondSettings: Sendable, Equatable {
  package var status: Int
  package var contentType: [UInt8]
  package var body: [UInt8]
}

/// What a route does to the fields of its requests and answers.
///
/// A class, so that a request without rules pays for one comparison with `nil`, and one with rules
/// for one reference.
package final class RouteRules: Sendable, Equatable {
  package let request: FieldRules?
  /// `Strict-Transport-Security` is among the fields that are set.
  package let response: FieldRules?
  package let cookies: CookieAttributes?
  /// The value of `Strict-Transport-Security`, which error pages have too (RFC 6797 §7.1).
  package let strictTransport: [UInt8]?
  /// Which pages of other origins may read answers; error pages have its fields too.
  package let crossOrigin: CrossOrigin?

  package init(
    request: FieldRules?, response: FieldRules?, cookies: CookieAttributes?,
    strictTransport: [UInt8]?, crossOrigin: CrossOrigin? = nil
  ) {
    self.request = request
    self.cookies = cookies
    self.strictTransport = strictTransport
    self.crossOrigin = crossOrigin
    guard let strictTransport else {
      self.response = response
      return
    }
    var rules = response ?? FieldRules()
    rules.set.append(
      FieldRules.Field(name: Array("Strict-Transport-Security".utf8), value: strictTransport))
    self.response = rules
  }

  /// Applies to an answer to a request, the application's or our own.
  package func apply(to head: inout ResponseHead, for request: borrowing RequestHead) {
    if let response { head.apply(response) }
    if let cookies { head.complete(cookies: cookies) }
    if let crossOrigin { crossOrigin.apply(to: &head, for: request) }
  }

  package static func == (left: RouteRules, right: RouteRules) -> Bool {
    left.request == right.request && left.response == right.response
      && left.cookies == right.cookies && left.strictTransport == right.strictTransport
      && left.crossOrigin == right.crossOrigin
  }
}
