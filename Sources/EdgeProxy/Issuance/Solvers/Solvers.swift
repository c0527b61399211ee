internal import Configuration
internal import EventLoop
internal import Logging

/// The ways into DNS that a configuration can name.
enum Solvers {
  /// Why the way into DNS that is configured cannot be gone.
  struct Unusable: Error, CustomStringConvertible {
    let description: String
  }

  /// `records` tells what is configured of them when a value is to come into DNS.
  static func make(
    _ settings: AcmeSettings, records: @escaping () -> RecordsSettings?,
    environment: [String: String], on loop: EventLoop, logger: Logger
  ) throws(Unusable) -> any ChallengeSolver {
    switch settings.dns {
    case nil: throw Unusable(description: "'acme.dns' does not say how values come into DNS")
    case .fleet: return ZoneSolver(on: loop)
    case .records:
      return RecordSolver(records, on: loop, logger: logger) {
        RecordProviders.make($0, environment: environment, on: loop, logger: logger)
      }
    case .hook(let hook):
      let settings = HookSolver.Settings(
        command: hook.command, timeout: hook.timeout, wait: hook.wait)
      return HookSolver(settings, environment: environment, on: loop, logger: logger)
    case .update(let update):
      guard let settings = UpdateSolver.Settings(update) else {
        throw Unusable(description: "'\(update.zone)' or '\(update.keyName)' is no name of DNS")
      }
      return UpdateSolver(settings, on: loop, logger: logger)
    }
  }
}
