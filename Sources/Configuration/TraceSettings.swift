/// What is done about the trace that a request belongs to (W3C Trace Context).
package struct TraceSettings: Sendable, Equatable {
  package enum Mode: String, Sendable, CaseIterable {
    /// A `traceparent` goes on as it came.
    case pass
    /// The same, and a request without one begins a trace.
    case make
    /// None goes on.
    case off
  }
  package enum Source: String, Sendable, CaseIterable { case anyone, trusted }

  package var mode = Mode.pass
  /// Whose `traceparent` is believed: anyone's, or that of `trusted` networks.
  package var source = Source.anyone
  /// Whether a trace that begins here says that it is recorded.
  package var isSampled = true

  package init() {}

  init(_ section: Section) {
    mode = Mode(rawValue: section.word("mode")) ?? .pass
    source = Source(rawValue: section.word("from")) ?? .anyone
    isSampled = section.flag("sampled")
  }
}

extension Directives {
  static let traces: [Directive] = [
    .section("traces", "The trace that a request belongs to, in traceparent (W3C Trace Context)"),
    .init(
      "traces.mode", .word(TraceSettings.Mode.allCases.map(\.rawValue)), "pass",
      "pass: a valid one goes on as it came; make: a request without one begins a trace; off: none"
        + " goes on"),
    .init(
      "traces.from", .word(TraceSettings.Source.allCases.map(\.rawValue)), "anyone",
      "Whose is believed: anyone's, or that of trusted networks alone"),
    .init(
      "traces.sampled", .flag, "true",
      "Whether a trace that begins here says that it is recorded"),
  ]
}
