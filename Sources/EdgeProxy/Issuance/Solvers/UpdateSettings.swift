internal import Configuration
internal import DNSCore

extension UpdateSolver.Settings {
  /// What the configuration says about updates; `nil` for names that DNS cannot have.
  init?(_ update: AcmeSettings.Update) {
    guard let zone = DNSName(update.zone), let keyName = DNSName(update.keyName) else { return nil }
    self.init(
      servers: [update.server], zone: zone, keyName: keyName, keyFile: update.keyFile,
      algorithm: update.algorithm == .sha512 ? .sha512 : .sha256,
      secondaries: update.secondaries, resolver: update.resolver)
  }
}
