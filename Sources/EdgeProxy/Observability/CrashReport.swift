internal import CCrash
internal import CLinux

/// The line that is written when a signal such as SIGILL or SIGSEGV ends the process (`CCrash`).
enum CrashReport {
  /// Has the handler write to these descriptors from now on; `record` is -1 for none.
  ///
  /// Where the environment asks for Swift's own backtrace (`SWIFT_BACKTRACE=enable=yes`), that comes
  /// instead: it takes seconds and shows memory, but a developer learns more from it.
  static func begin(
    log: Int32, isJournal: Bool, record: Int32, environment: [String: String]
  ) {
    let asked = environment["SWIFT_BACKTRACE"]
    if let asked, asked.split(separator: ",").contains("enable=yes") { return }
    crash_install(log, isJournal ? 1 : 0, record)
  }

  /// Keys must not be in a core dump, nor may another process of the same user look for them here.
  static func keepMemoryPrivate() {
    _ = shim_set_dumpable(0)
  }
}
