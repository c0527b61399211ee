internal import Configuration
internal import EventLoop
internal import Logging

/// The providers of records that a configuration can name.
enum RecordProviders {
  /// `environment` is that of this process.
  static func make(
    _ settings: RecordsSettings, environment: [String: String], on loop: EventLoop,
    logger: Logger
  ) -> any RecordProvider {
    let (zone, seconds) = (settings.zone, settings.seconds)
    return switch settings.provider {
    case .update(let update):
      UpdateProvider(update, zone: zone, seconds: seconds, on: loop, logger: logger)
    case .cloudns(let account):
      CloudnsProvider(account, zone: zone, seconds: seconds, on: loop, logger: logger)
    case .hook(let hook):
      HookProvider(
        hook, zone: zone, seconds: seconds, path: environment["PATH"], on: loop, logger: logger)
    }
  }
}
