internal import HTTPCore

/// A metric family as Prometheus knows it: one name, one meaning, a sample for each set of labels.
struct Metric: Equatable, Sendable {
  enum Kind: String, Sendable { case counter, gauge, histogram }

  struct Label: Equatable, Sendable {
    var name: String
    var value: String
  }

  struct Sample: Equatable, Sendable {
    /// Behind the name: `_bucket`, `_sum` or `_count` of a histogram.
    var suffix = ""
    var labels: [Label]
    var value: Int
    /// How many of the value's digits stand behind the point.
    var decimals: Int
  }

  /// Without the prefix `edgeproxy_`; a counter's ends with `_total`.
  let name: String
  let help: String
  let kind: Kind
  /// Samples have so many digits behind the point.
  private let decimals: Int
  private(set) var samples: [Sample] = []

  static func counter(_ name: String, _ help: String) -> Metric {
    Metric(name: name, help: help, kind: .counter)
  }

  static func gauge(_ name: String, _ help: String) -> Metric {
    Metric(name: name, help: help, kind: .gauge)
  }

  /// A gauge in seconds, the unit of Prometheus for times, whose samples are milliseconds.
  static func gauge(milliseconds name: String, _ help: String) -> Metric {
    Metric(name: name, help: help, kind: .gauge, decimals: 3)
  }

  /// Times in the buckets of `DurationHistogram`, in seconds.
  static func histogram(_ name: String, _ help: String) -> Metric {
    Metric(name: name, help: help, kind: .histogram)
  }

  private init(name: String, help: String, kind: Kind, decimals: Int = 0) {
    self.name = name
    self.help = help
    self.kind = kind
    self.decimals = decimals
  }

  mutating func add(_ value: Int, _ labels: (String, String)...) { add(value, labels: labels) }

  /// The metric with one more sample, for those that have a single one.
  func adding(_ value: Int, _ labels: (String, String)...) -> Metric {
    var metric = self
    metric.add(value, labels: labels)
    return metric
  }

  mutating func add(_ value: Int, labels: [(String, String)]) {
    samples.append(
      Sample(
        labels: labels.map { Label(name: $0.0, value: $0.1) }, value: value, decimals: decimals))
  }

  /// All samples of one histogram.
  mutating func add(_ durations: DurationReading, _ labels: (String, String)...) {
    let labels = labels.map { Label(name: $0.0, value: $0.1) }
    let cumulative = durations.cumulative
    for (bound, count) in zip(DurationReading.bounds, cumulative) {
      let bound = Label(name: "le", value: bound)
      samples.append(Sample(suffix: "_bucket", labels: labels + [bound], value: count, decimals: 0))
    }
    samples.append(
      Sample(suffix: "_sum", labels: labels, value: durations.microseconds, decimals: 6))
    samples.append(
      Sample(suffix: "_count", labels: labels, value: cumulative.last ?? 0, decimals: 0))
  }

  /// Appends the family in Prometheus' text format, version 0.0.4.
  func write(to output: inout TextBuffer) {
    output.append("# HELP edgeproxy_")
    output.append(string: name)
    output.append(UInt8(ascii: " "))
    Self.escape(help, quotes: false, to: &output)
    output.append("\n# TYPE edgeproxy_")
    output.append(string: name)
    output.append(UInt8(ascii: " "))
    output.append(string: kind.rawValue)
    output.append(UInt8(ascii: "\n"))
    for sample in samples { write(sample, to: &output) }
  }

  private func write(_ sample: Sample, to output: inout TextBuffer) {
    output.append("edgeproxy_")
    output.append(string: name)
    output.append(string: sample.suffix)
    for (index, label) in sample.labels.enumerated() {
      output.append(index == 0 ? UInt8(ascii: "{") : UInt8(ascii: ","))
      output.append(string: label.name)
      output.append("=\"")
      Self.escape(label.value, quotes: true, to: &output)
      output.append(UInt8(ascii: "\""))
    }
    if !sample.labels.isEmpty { output.append(UInt8(ascii: "}")) }
    output.append(UInt8(ascii: " "))
    if sample.decimals > 0 {
      let unit = sample.decimals == 3 ? 1000 : 1_000_000
      output.append(decimal: max(0, sample.value) / unit)
      output.append(UInt8(ascii: "."))
      output.append(max(0, sample.value) % unit, digits: sample.decimals)
    } else {
      output.append(decimal: sample.value)
    }
    output.append(UInt8(ascii: "\n"))
  }

  /// The format escapes backslash, quotation mark and line feed; other control characters have no
  /// form in it and become U+FFFD, since somebody may look at this in a terminal.
  private static func escape(_ text: String, quotes: Bool, to output: inout TextBuffer) {
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": output.append(#"\\"#)
      case "\n": output.append(#"\n"#)
      case "\"" where quotes: output.append(#"\""#)
      case _ where scalar.isControl: output.append("\u{FFFD}")
      default: output.append(string: String(scalar))
      }
    }
  }
}
