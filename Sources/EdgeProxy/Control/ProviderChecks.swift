internal import Configuration
internal import EventLoop
internal import Logging

/// Has the provider of the records watch each address itself, once, for an operator.
final class ProviderChecks {
  private let records: RecordsSettings
  private let port: UInt16
  private let loop: EventLoop
  private let logger: Logger
  private var provider: CloudnsProvider?

  init(_ records: RecordsSettings, port: UInt16, on loop: EventLoop, logger: Logger) {
    self.records = records
    self.port = port
    self.loop = loop
    self.logger = logger
  }

  /// `done` is called once, by the loop, with one line for each address.
  func set(isDryRun: Bool, _ done: @escaping (AdminAnswer) -> Void) {
    guard case .cloudns(let account) = records.provider else {
      return loop.soon { done(.text(409, "only the provider 'cloudns' has checks of its own\n")) }
    }
    let provider = CloudnsProvider(
      account, zone: records.zone, seconds: records.seconds, on: loop, logger: logger)
    self.provider = provider
    provider.setChecks(of: records.names, port: port, isDryRun: isDryRun) { [self] result in
      self.provider?.close()
      self.provider = nil
      switch result {
      case .failure(let failure): done(.text(502, Self.text(failure) + "\n"))
      case .success(let checks):
        let lines = checks.map { Self.text($0) + "\n" }
        done(.text(checks.contains(where: \.isRefused) ? 502 : 200, lines.joined()))
      }
    }
  }

  private static func text(_ check: CloudnsCheck) -> String {
    let record = "\(check.record.name) \(check.record.address)"
    return switch check.outcome {
    case .kept: "\(record): has a check already"
    case .set: "\(record): a check is set"
    case .wouldSet: "\(record): a check would be set"
    case .refused(let reason): "\(record): refused: \(reason)"
    }
  }

  private static func text(_ failure: RecordFailure) -> String {
    [failure.description, failure.advice].compactMap { $0 }.joined(separator: "; ")
  }
}

extension CloudnsCheck {
  fileprivate var isRefused: Bool {
    if case .refused = outcome { true } else { false }
  }
}

@available(*, unavailable) extension ProviderChecks: Sendable {}
