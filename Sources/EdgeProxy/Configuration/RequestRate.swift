/// How fast one client may ask.
struct RequestRate: Sendable, Equatable {
  /// Requests per second in the long run.
  var perSecond: Int
  /// Requests that may come at once.
  var burst: Int
}
