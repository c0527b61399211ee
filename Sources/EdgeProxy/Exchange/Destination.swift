internal import Configuration

/// Where a request goes, from the configuration that was in force when it began.
struct Destination {
  /// The place of the route in the configuration.
  let route: Int
  /// What the route does to fields; `nil` for most.
  var rules: RouteRules?
  /// What the request waits for before the route answers it; `nil` for nothing.
  var gate: Gate?
  /// `nil` where the route leads to none.
  var upstream: WorkerUpstream?
  /// `nil` on a route that keeps no answers.
  var stale: StaleUse?
}
