internal import Configuration
internal import EventLoop

/// `--check-config`: says all that is wrong with the file and what it names.
///
/// The findings are what the command is asked for, so they go to standard output.
struct CheckCommand {
  let path: String
  /// Also looks at the world: etcd, nodes, ports and the clock.
  let isLive: Bool

  /// The exit status: 0 where only warnings were found, 1 where there are errors.
  func run() -> Int32 {
    let now = WallTime.seconds
    let diagnostics = ConfigurationLoader.check(
      path: path, environment: Environment.current(), now: now
    ) { configuration, named, findings in
      FamilyCheck(named: named, findings: findings).run()
      JoinCheck(configuration: configuration, named: named, findings: findings).run()
      guard isLive else { return }
      LiveCheck(configuration: configuration, named: named, findings: findings, now: now).run()
    }
    print(Report.text(diagnostics), terminator: "")
    return diagnostics.contains { $0.severity == .error } ? 1 : 0
  }
}

/// The text that is printed about a configuration file.
enum Report {
  /// One line for each diagnostic; the last line is `ok` or how many errors there are.
  static func text(_ diagnostics: [Diagnostic]) -> String {
    let errors = diagnostics.count { $0.severity == .error }
    let summary = errors == 0 ? "ok" : errors == 1 ? "1 error" : "\(errors) errors"
    return lines(diagnostics) + summary + "\n"
  }

  static func lines(_ diagnostics: [Diagnostic]) -> String {
    diagnostics.map { "\($0)\n" }.joined()
  }
}
