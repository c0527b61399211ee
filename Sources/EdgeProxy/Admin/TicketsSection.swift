/// The keys of session tickets.
struct TicketsSection {
  /// Whether the fleet shares them.
  var isShared: Bool
  /// Counts the rotations; servers that have the same keys have the same number.
  var generation: UInt64
  /// Why the fleet's keys are not used; `nil` while they are.
  var failure: String?

  var section: StatusSection {
    let number = Int(clamping: generation)
    return StatusSection(
      name: "tickets",
      value: [
        "shared": .flag(isShared), "generation": .number(number),
        "failure": failure.map { .text($0) } ?? .nothing,
      ],
      text: [
        .line(
          "ticket keys",
          "\(isShared ? "the fleet's" : "its own"), generation \(number)"
            + (failure.map { ": \($0)" } ?? ""))
      ],
      metrics: [
        Metric.gauge("ticket_key_generation", "How often the ticket keys were rotated.")
          .adding(number)
      ],
      warnings: failure.map { ["the fleet's ticket keys are not used: \($0)"] } ?? [])
  }
}
