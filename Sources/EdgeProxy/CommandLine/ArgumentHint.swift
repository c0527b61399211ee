internal import ArgumentParser
internal import Configuration

/// What a command line that is not understood was probably meant to say.
enum ArgumentHint {
  /// `error` is why `words` cannot be parsed; what comes back says more where something is known.
  static func better(_ error: any Error, _ words: [String]) -> any Error {
    guard Arguments.exitCode(for: error) == .validationFailure, let text = text(for: words) else {
      return error
    }
    return ValidationError(text)
  }

  /// As in `'stauts' is no command; did you mean 'status'?`; `nil` where every word is known.
  static func text(for words: [String]) -> String? {
    var command: any ParsableCommand.Type = Arguments.self
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == "--" { return nil }
      if word.hasPrefix("-") {
        let name = String(word.prefix { $0 != "=" })
        if let found = option(name, value: rest.first) { return found }
        // Its value is no command.
        if withValue.contains(word) { rest = rest.dropFirst() }
        continue
      }
      let commands = command.configuration.subcommands
      if commands.isEmpty { return nil }
      if let next = commands.first(where: { $0.configuration.commandName == word }) {
        command = next
        continue
      }
      return unknown(word, names(commands), isTop: commands.contains { $0 == StatusCommand.self })
    }
    return nil
  }

  private static let withValue: Set<String> = [
    "--config", "--workers", "--as", "--check-config", "--resolver", "--server",
    "--root",
    "--reason", "--for",
  ]

  private static func names(_ commands: [any ParsableCommand.Type]) -> [String] {
    commands.compactMap { $0.configuration.commandName }
  }

  private static func unknown(_ word: String, _ names: [String], isTop: Bool) -> String {
    let short = "'\(Found.shortened(word))' is no command"
    if isTop, let meant = commands[word.lowercased()] { return "\(short); \(meant)" }
    if let near = Suggestion.nearest(to: word, among: names) {
      return "\(short); did you mean '\(near)'?"
    }
    if isTop, word.contains("/") || word.hasSuffix(".yaml") || word.hasSuffix(".yml") {
      return "\(short); did you mean '--config \(Found.shortened(word))'?"
    }
    return "\(short); there are \(Found.alternatives(names))"
  }

  private static func option(_ name: String, value: String?) -> String? {
    guard let meant = options[name] ?? signal(name, value) else { return nil }
    return "'\(name)' is no option; \(meant)"
  }

  /// nginx's `-s reload`.
  private static func signal(_ name: String, _ value: String?) -> String? {
    guard name == "-s", let value else { return nil }
    return commands[value].map { $0 } ?? "did you mean 'edgeproxy \(Found.shortened(value))'?"
  }

  private static let check = "did you mean '--check-config'?"
  private static let foreground =
    "it runs in the foreground; systemctl start edgeproxy starts the service"

  private static let options = [
    "-c": "did you mean '--config'? '--check-config' checks the file",
    "-f": "did you mean '--config'?", "--conf": "did you mean '--config'?",
    "--configuration": "did you mean '--config'?", "--config-file": "did you mean '--config'?",
    "--configfile": "did you mean '--config'?", "--file": "did you mean '--config'?",
    "-t": check, "-T": check, "--check": check, "--test": check, "--configtest": check,
    "--config-test": check, "--validate": check, "--checkconfig": check, "--check_config": check,
    "-v": "did you mean '--version'?", "-V": "did you mean '--version'?",
    "-w": "did you mean '--workers'?", "--threads": "did you mean '--workers'?",
    "-d": foreground, "-D": foreground, "--daemon": foreground, "--daemonize": foreground,
    "--reload": "did you mean 'edgeproxy reload'?", "--status": "did you mean 'edgeproxy status'?",
    "--drain": "did you mean 'edgeproxy drain'?", "--user": "did you mean '--as'?",
  ]

  private static let commands = [
    "check": check, "test": check, "configtest": check, "validate": check, "checkconfig": check,
    "check-config": check, "lint": check,
    "serve": "the server starts without a command", "run": "the server starts without a command",
    "start": foreground, "stop": "systemctl stop edgeproxy stops the service",
    "quit": "systemctl stop edgeproxy stops the service",
    "restart": "systemctl restart edgeproxy starts the service again",
    "version": "did you mean '--version'?", "reference": "did you mean '--print-reference'?",
    "issue": "did you mean 'acme issue'?", "renew": "did you mean 'acme renew'?",
    "revoke": "did you mean 'acme revoke'?", "certonly": "did you mean 'acme issue'?",
    "certbot": "did you mean 'acme'?", "letsencrypt": "did you mean 'acme'?",
    "certs": "did you mean 'cert'?", "certificate": "did you mean 'cert'?",
    "certificates": "did you mean 'cert'?", "nodes": "did you mean 'node'?",
    "upstreams": "did you mean 'status'?", "stats": "did you mean 'status'?",
    "health": "did you mean 'status'?", "info": "did you mean 'status'?",
    "disable": "did you mean 'node disable'?", "enable": "did you mean 'node enable'?",
    "maint": "did you mean 'maintenance'?", "pause": "did you mean 'maintenance pause'?",
    "names": "did you mean 'dns'?", "records": "did you mean 'dns setup'?",
    "nameserver": "did you mean 'dns'?", "dig": "did you mean 'dns query'?",
    "import": "did you mean 'import-nginx' or 'import-apache'?",
    "convert": "did you mean 'import-nginx' or 'import-apache'?",
    "migrate": "did you mean 'import-nginx' or 'import-apache'?",
    "logs": "journalctl -u edgeproxy shows the log", "log": "journalctl -u edgeproxy shows the log",
  ]
}
