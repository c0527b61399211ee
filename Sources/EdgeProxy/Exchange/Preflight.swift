internal import HTTPCore

/// What browsers are told that ask for pages of other origins, Fetch §3.2.
extension Exchange {
  /// Answers a preflight by the rule of its route, whether or not the route's node is there.
  func answerPreflight(_ rule: CrossOrigin) {
    guard rule.allowsOrigin(of: request.head) else { return sendError(403, "origin-refused") }
    sendOwn(204, "No Content") { rule.describePreflight(&$0, for: request.head) }
  }

  /// Writes the fields of the rule into an error page, so that a script can read it; `false` where they do
  /// not fit.
  func writeCrossOrigin(into output: inout ByteBuffer) -> Bool {
    guard let rule = destination?.rules?.crossOrigin else { return true }
    var fits = true
    for (name, value) in rule.fields(for: request.head) {
      fits = fits && HeadSerializer.field(name, value.span, into: &output)
    }
    guard rule.varies else { return fits }
    let origin = Array("Origin".utf8)
    return fits && HeadSerializer.field("Vary", origin.span, into: &output)
  }
}
