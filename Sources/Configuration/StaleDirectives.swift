/// The keys about last good answers.
extension Directives {
  static let routeStale: [Directive] = [
    .optional(
      "routes[].stale_if_error", .duration(.zero ... .hours(30 * 24)), example: "1h",
      "The last good answer to a GET without cookies or Authorization is kept for so long, and given"
        + " when no node answers; 0s for none")
  ]

  static let stale: [Directive] = [
    .section("stale", "What is kept for routes with stale_if_error, by all workers together"),
    .init(
      "stale.memory", .size(64 << 10...1 << 40), "64MiB",
      "Answers beyond it go to the disk, those that were not asked for the longest first"),
    .init(
      "stale.disk", .size(0...1 << 50), "1GiB",
      "Files in the directory of state; 0B for memory alone"),
    .init(
      "stale.object_max", .size(1 << 10...64 << 20), "1MiB",
      "A larger answer is not kept; at most a quarter of memory"),
  ]
}
