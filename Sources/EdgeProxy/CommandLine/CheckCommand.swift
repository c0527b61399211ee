internal import Configuration
internal import EventLoop

/// `--check-config`: says all that is wrong with the file and what it names.
///
/// The findings are what the command is asked for, so they go to standard output.
struct CheckCommand {
  let path: String
  /// Also looks at the world: etcd, nodes, ports and the clock.
  let isLive: Bool
  /// Whose eyes to look with; `nil` for those of the service.
  var user: String?

  /// The exit status: 0 where only warnings were found, 1 where there are errors, 64 where nobody of that
  /// name can be asked.
  func run() -> Int32 {
    let unit = ServiceUnit.installed()
    let onlooker: Onlooker
    do throws(Onlooker.Refusal) {
      onlooker = try Onlooker.choose(
        asked: user, current: ServiceIdentity.current, isRoot: ServiceIdentity.isRoot, unit: unit
      ) { ServiceIdentity.find($0) != nil }
    } catch {
      StandardError.write("edgeproxy: \(error)\n")
      return Self.usage
    }
    do throws(SystemError) {
      try onlooker.user.flatMap { Self.identity($0, unit) }?.assume()
    } catch {
      StandardError.write("edgeproxy: cannot look as another user: \(error)\n")
      return 1
    }
    return check(onlooker, unit)
  }

  /// EX_USAGE of sysexits(3), as for every wrong use of the command line.
  private static let usage: Int32 = 64

  /// `nil` where the unit lets its user read everything.
  private static func identity(_ user: String, _ unit: ServiceUnit?) -> ServiceIdentity? {
    guard let unit, user == unit.user else { return ServiceIdentity.find(user) }
    let all = ["CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH"]
    if all.contains(where: unit.capabilities.contains) { return nil }
    return ServiceIdentity.find(user, group: unit.group, more: unit.supplementaryGroups)
  }

  private func check(_ onlooker: Onlooker, _ unit: ServiceUnit?) -> Int32 {
    let isRoot = ServiceIdentity.isRoot || onlooker.user != nil
    let view = ServiceView(
      unit: unit ?? (isRoot ? .shipped : nil), isInstalled: unit != nil,
      userName: onlooker.user ?? ServiceIdentity.current, groupName: unit?.group ?? "edgeproxy",
      isStranger: onlooker.isStranger)
    // What the unit sets is what the service gets; the rest may come from its files.
    let environment = Environment.current().merging(unit?.environment ?? [:]) { $1 }
    let now = WallTime.seconds
    let diagnostics = ConfigurationLoader.check(
      path: path, environment: environment, now: now, view: view, note: onlooker.note
    ) { configuration, named, findings in
      FamilyCheck(named: named, findings: findings).run()
      JoinCheck(
        configuration: configuration, named: named, findings: findings,
        isStranger: onlooker.isStranger
      ).run()
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
