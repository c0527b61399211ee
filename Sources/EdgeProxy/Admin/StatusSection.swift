internal import HTTPCore

/// What one owner tells about itself: for programs, for people and for Prometheus.
///
/// The owner of something worth knowing makes one; `Server.report` lists them. Only what is asked for is
/// made: the table of ten thousand certificates is nothing that the health needs.
struct StatusSection {
  /// The key in the JSON document.
  let name: String
  private let makeValue: () -> StatusValue
  private let makeText: () -> [StatusText]
  private let makeMetrics: () -> [Metric]
  /// What somebody should look after soon, each in one line.
  let warnings: [String]

  init(
    name: String, value: @autoclosure @escaping () -> StatusValue,
    text: @autoclosure @escaping () -> [StatusText],
    metrics: @autoclosure @escaping () -> [Metric] = [], warnings: [String] = []
  ) {
    self.name = name
    makeValue = value
    makeText = text
    makeMetrics = metrics
    self.warnings = warnings
  }

  var value: StatusValue { makeValue() }
  /// What `edgeproxy status` prints, in order.
  var text: [StatusText] { makeText() }
  var metrics: [Metric] { makeMetrics() }
}

/// Everything that is told at one moment.
struct StatusReport {
  /// `ok`, or in one word why this server should get no traffic.
  var health: String
  /// Able to serve, and the port is open.
  var isServing: Bool
  var sections: [StatusSection]

  var warnings: [String] { sections.flatMap(\.warnings) }

  /// The health in one word, and below it what may be worth a look.
  func healthText() -> String {
    ([health] + warnings.map { "warning: " + $0 }).joined(separator: "\n") + "\n"
  }

  /// One object with a key for each section.
  var document: StatusValue {
    .fields(
      [
        .init(name: "serving", value: .flag(isServing)),
        .init(name: "health", value: .text(health)),
        .init(name: "warnings", value: .texts(warnings)),
      ] + sections.map { .init(name: $0.name, value: $0.value) })
  }

  /// The document as JSON.
  func json() -> [UInt8] { document.json() }

  /// The tables of `edgeproxy status`.
  func text() -> [UInt8] {
    let health = isServing ? "serving" : "not serving: \(health)"
    let warnings = warnings.map { StatusText.line("warning", $0) }
    return StatusText.render([.line("health", health)] + warnings + sections.flatMap(\.text))
  }

  /// Prometheus' text format, version 0.0.4.
  func metrics() -> [UInt8] {
    var output = TextBuffer(capacity: 8192)
    let serving = Metric.gauge(
      "serving", "Whether this server is able to serve and its port is open."
    )
    .adding(isServing ? 1 : 0)
    serving.write(to: &output)
    Metric.gauge("warnings", "Warnings that `edgeproxy status` shows.").adding(warnings.count)
      .write(to: &output)
    for section in sections {
      for metric in section.metrics { metric.write(to: &output) }
    }
    return Self.taken(output)
  }

  private static func taken(_ output: borrowing TextBuffer) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(copying: output.bytes)
    return bytes
  }
}
