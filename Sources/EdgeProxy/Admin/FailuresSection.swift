/// The last requests that failed, with all that was tried for them.
struct FailuresSection {
  var failures: [FailureRing.Failure]

  /// Failures that are told, of all workers together.
  static let countMax = 64

  /// `edgeproxy status` does not print it: the access log has it, and more.
  var section: StatusSection {
    StatusSection(name: "last_failures", value: .list(last.map(Self.value)), text: [])
  }

  /// The newest first.
  private var last: some Sequence<FailureRing.Failure> {
    failures.sorted { $0.time > $1.time }.prefix(Self.countMax)
  }

  /// The names are those of the access log.
  private static func value(_ failure: FailureRing.Failure) -> StatusValue {
    [
      "time": .time(failure.time / 1_000_000), "status": .number(failure.status),
      "id": text(failure.requestID), "listener": text(failure.listener),
      "host": text(failure.host), "method": text(failure.method), "path": text(failure.path),
      "total_us": .number(Int(failure.totalMicroseconds)), "upstream": text(failure.upstream),
      "attempts": .number(failure.triesCount), "tries": .list(failure.tries.map(value)),
      "cause": failure.cause.map { .text("\($0)") } ?? .nothing,
    ]
  }

  private static func value(_ attempt: AccessRecord.Try) -> StatusValue {
    [
      "node": text(attempt.node), "outcome": .text("\(attempt.outcome)"),
      "us": .number(Int(attempt.microseconds)),
    ]
  }

  private static func text(_ bytes: [UInt8]) -> StatusValue {
    bytes.isEmpty ? .nothing : .text(String(decoding: bytes, as: UTF8.self))
  }
}
