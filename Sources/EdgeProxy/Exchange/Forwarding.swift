internal import Configuration
internal import HTTPCore

/// Requests that are about the way to an application and end here, RFC 9110 §7.6.2 and §9.3.8.
extension Exchange {
  /// Methods that go on to applications; whether one takes them is its own word.
  static var forwardedMethods: StaticString { "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" }

  /// Why a request goes no further than to this server; `nil` where it does or has its answer here.
  ///
  /// TRACE would have an application send back what it got: Authorization and Cookie, for whatever
  /// script asks. Max-Forwards counts for OPTIONS, and each that forwards one counts it down.
  func refusalToForward(_ local: LocalRoute?) -> LocalReason? {
    switch (request.head.method, local) {
    case (.trace, .none), (.trace, .redirect), (.trace, .respond): .methodRefused
    // Files know their own methods.
    case (.options, .none): request.countForward() ? nil : .options
    default: nil
    }
  }
}
