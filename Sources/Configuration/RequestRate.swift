/// How fast one client may ask.
package struct RequestRate: Sendable, Equatable {
  /// Requests per second in the long run.
  package var perSecond: Int
  /// Requests that may come at once.
  package var burst: Int

  package init(perSecond: Int, burst: Int) {
    self.perSecond = perSecond
    self.burst = burst
  }
}
