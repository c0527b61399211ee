internal import Configuration
internal import DNS
internal import EventLoop
internal import Logging

/// The ways into DNS that a configuration can name.
enum Solvers {
  /// Why the way into DNS that is configured cannot be gone.
  struct Unusable: Error, CustomStringConvertible {
    let description: String
  }

  static func make(
    _ settings: AcmeSettings, environment: [String: String], on loop: EventLoop, logger: Logger
  ) throws(Unusable) -> any ChallengeSolver {
    switch settings.dns {
    case nil: throw Unusable(description: "'acme.dns' does not say how values come into DNS")
    case .hook(let hook):
      let settings = HookSolver.Settings(
        command: hook.command, timeout: hook.timeout, wait: hook.wait)
      return HookSolver(settings, environment: environment, on: loop, logger: logger)
    case .update(let update):
      guard let zone = DNSName(update.zone), let keyName = DNSName(update.keyName) else {
        throw Unusable(description: "'\(update.zone)' or '\(update.keyName)' is no name of DNS")
      }
      let settings = UpdateSolver.Settings(
        servers: [update.server], zone: zone, keyName: keyName, keyFile: update.keyFile,
        algorithm: update.algorithm == .sha512 ? .sha512 : .sha256,
        secondaries: update.secondaries, resolver: update.resolver)
      return UpdateSolver(settings, on: loop, logger: logger)
    }
  }
}
