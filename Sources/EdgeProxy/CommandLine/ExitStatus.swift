internal import Configuration
internal import Glibc

/// How the process ends when it cannot serve.
enum ExitStatus {
  /// A cause that may be over at the next start: a service manager starts the server again.
  static let failure: Int32 = 1
  /// EX_CONFIG of sysexits(3), after which the unit does not start the server again.
  ///
  /// No start succeeds before somebody has put the configuration right, or the permissions of a file
  /// that it names.
  static let configuration: Int32 = 78

  /// The status for a server that could not start because of `error`.
  static func of(_ error: any Error) -> Int32 {
    switch error {
    case is SharedSettings.KeysUnreadable: configuration
    case let nothing as NothingListened: nothing.isPermanent ? configuration : failure
    default: failure
    }
  }
}
