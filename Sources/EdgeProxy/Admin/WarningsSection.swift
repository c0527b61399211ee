internal import Calendar

/// The faults that parts of the server have raised and not cleared.
struct WarningsSection {
  var warnings: [Warnings.Warning]

  var section: StatusSection {
    var raised = Metric.gauge("warning", "1 for each fault that was raised and is not over.")
    for warning in warnings { raised.add(1, ("key", warning.key)) }
    return StatusSection(
      name: "warning_details", value: .list(warnings.map(Self.value)), text: [],
      metrics: warnings.isEmpty ? [] : [raised], warnings: warnings.map(Self.text))
  }

  private static func value(_ warning: Warnings.Warning) -> StatusValue {
    [
      "key": .text(warning.key), "text": .text(warning.text), "advice": .text(warning.advice),
      "since": .time(warning.since),
    ]
  }

  private static func text(_ warning: Warnings.Warning) -> String {
    "\(warning.text); \(warning.advice) (since \(UTC.text(warning.since)))"
  }
}
