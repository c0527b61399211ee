internal import Configuration
internal import EventLoop

/// The ways into DNS that a configuration can name.
enum Solvers {
  /// `nil` where the configuration names none.
  static func make(_ settings: AcmeSettings, on loop: EventLoop) throws -> (any ChallengeSolver)? {
    nil
  }
}
