internal import Configuration
internal import Glibc

/// The way of `edgeproxy reload` where no admin socket takes commands: SIGHUP, without an answer.
enum ReloadSignal {
  /// Asks the process that systemd names in `MAINPID` for `ExecReload=`; false where there is none.
  ///
  /// The admin socket may be off, or elsewhere in the changed file than where the server listens.
  static func send() -> Bool {
    guard let process = process(Environment.current()["MAINPID"]), kill(process, SIGHUP) == 0
    else { return false }
    print("told process \(process) by SIGHUP to reload; its log says what came of it")
    return true
  }

  /// The id of one process; never 0 or a negative number, which stand for many.
  static func process(_ text: String?) -> pid_t? {
    guard let process = text.flatMap({ pid_t($0) }), process > 1 else { return nil }
    return process
  }
}
