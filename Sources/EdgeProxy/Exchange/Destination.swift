internal import Configuration

/// Where a request goes, from the configuration that was in force when it began.
struct Destination {
  /// The place of the route in the configuration.
  let route: Int
  /// What the route does to fields; `nil` for most.
  var rules: RouteRules?
  /// `nil` where the route leads to none.
  var upstream: WorkerUpstream?
}
