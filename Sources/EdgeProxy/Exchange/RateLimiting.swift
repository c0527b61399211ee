internal import Configuration
internal import HTTPCore

/// Requests of clients that ask too often.
extension Exchange {
  /// The count that all routes share; those of routes follow it.
  private static let sharedScope = 0

  /// Why the request is refused by the limit for all routes, or `nil`.
  func refusalByRate() -> LocalReason? {
    refusal(
      Self.sharedScope, snapshot.configuration.limits.requestsPerAddress, "rate-limit")
  }

  /// Why it is refused by the limit of its route, or `nil`.
  func refusalByRate(of route: Int) -> LocalReason? {
    refusal(route + 1, snapshot.configuration.routes[route].rate, "route-rate-limit")
  }

  private func refusal(
    _ scope: Int, _ rate: RequestRate?, _ cause: StaticString
  ) -> LocalReason? {
    guard let rate, let table = snapshot.rates else { return nil }
    guard !snapshot.configuration.trusted.contains(request.client) else { return nil }
    let now = worker.loop.now.nanoseconds
    guard let seconds = table.take(request.client.client, scope: scope, rate, now: now) else {
      return nil
    }
    worker.counters.refused(.requestsPerAddress)
    return .tooOften(cause, limit: rate.perSecond, seconds: seconds)
  }
}
