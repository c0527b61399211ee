/// `--check-config`: says all that is wrong with the file and what it names.
///
/// The findings are what the command is asked for, so they go to standard output.
struct CheckCommand {
  let path: String

  /// The exit status: 0 where the server would start, 1 where there are errors.
  func run() -> Int32 {
    let loaded = ConfigurationLoader.load(path: path, environment: Environment.current())
    print(Report.text(loaded.diagnostics), terminator: "")
    return loaded.configuration == nil ? 1 : 0
  }
}

/// What is printed about a configuration file.
enum Report {
  /// One line for each diagnostic; the last line is `ok` or how many errors there are.
  static func text(_ diagnostics: [Diagnostic]) -> String {
    let errors = diagnostics.count { $0.severity == .error }
    let summary = errors == 0 ? "ok" : errors == 1 ? "1 error" : "\(errors) errors"
    return diagnostics.map { "\($0)\n" }.joined() + summary + "\n"
  }
}
