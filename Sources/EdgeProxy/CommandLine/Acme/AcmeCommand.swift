internal import ArgumentParser
internal import Configuration
internal import EventLoop

/// `edgeproxy acme`: the certificates that the running server, or one of its fleet, orders by itself.
struct AcmeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "acme",
    abstract: "The certificates that servers order by themselves.",
    discussion: """
      Every command asks the running server, which does the work. Exits with 69 when nobody answers.
      """,
    subcommands: [
      AcmeStatusCommand.self, AcmeIssueCommand.self, AcmeRenewCommand.self,
      AcmeRevokeCommand.self, AcmeAccountCommand.self,
    ])
}

/// `edgeproxy acme status`: what is ordered, what is next, and why.
struct AcmeStatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show each certificate, its next step, and why.",
    discussion:
      "Exits with 0 when nothing has failed, and with 1 when an order has or none can be made.")

  @OptionGroup var file: ConfigurationFile

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  func run() throws {
    try CommandBody.run {
      let desk = AcmeDesk(file)
      let body = try desk.body()
      let report = try AcmeReport(json: body)
      print(json ? body : AcmeText.table(report, now: WallTime.seconds), terminator: "")
      if report.hasFailed { throw ExitCode(1) }
    }
  }
}

/// `edgeproxy acme issue`: orders certificates at once.
struct AcmeIssueCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "issue", abstract: "Order certificates of the configuration now.",
    discussion: """
      Waits for the result. CAs give certificates for the same names a few times a week only, so a third \
      order needs '--force'. With '--staging' the issuer's directory for tests is asked, and what it gives \
      is not served.
      """)

  @OptionGroup var file: ConfigurationFile
  @OptionGroup var patience: AcmePatience

  @Argument(
    help: "Names of the certificates, or what they are called.",
    transform: AcmeNameArgument.read)
  var names: [String]

  @Flag(
    name: .long, help: "Rehearse at the issuer's directory for tests; the result is not served.")
  var staging = false

  @Flag(
    name: .long, help: "Also where it is not due, and where a limit of our own speaks against it.")
  var force = false

  func run() throws {
    try CommandBody.run {
      let list = names.map { "name=\($0)" }.joined(separator: "&")
      let options = (staging ? "&staging=1" : "") + (force ? "&force=1" : "")
      try AcmeDesk(file).order("/acme/issue?\(list)\(options)", wait: patience.wait.span)
    }
  }
}

/// `edgeproxy acme renew`: has a certificate replaced now.
struct AcmeRenewCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "renew", abstract: "Replace a certificate now, before it is due.",
    discussion: "Waits for the result.")

  @OptionGroup var file: ConfigurationFile
  @OptionGroup var patience: AcmePatience

  @Argument(
    help: "A name of the certificate, or what it is called.",
    transform: AcmeNameArgument.read)
  var name: String

  func run() throws {
    try CommandBody.run {
      try AcmeDesk(file).order("/acme/renew?name=\(name)", wait: patience.wait.span)
    }
  }
}

/// `edgeproxy acme revoke`: has its CA declare a certificate invalid.
struct AcmeRevokeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke", abstract: "Have the issuer revoke a certificate, for ever.",
    discussion: """
      The reasons are those of RFC 5280: keyCompromise where somebody else may have the key, superseded \
      where another certificate has taken its place, cessationOfOperation where the names are no longer \
      yours, affiliationChanged, privilegeWithdrawn, or unspecified.
      """)

  @OptionGroup var file: ConfigurationFile
  @OptionGroup var patience: AcmePatience

  @Argument(
    help: "A name of the certificate, or what it is called.",
    transform: AcmeNameArgument.read)
  var name: String

  @Option(help: ArgumentHelp("Why.", valueName: "word"))
  var reason: RevocationWord

  func run() throws {
    try CommandBody.run {
      try AcmeDesk(file).order(
        "/acme/revoke?name=\(name)&reason=\(reason.number)", wait: patience.wait.span)
    }
  }
}

/// `edgeproxy acme account`: the accounts at the issuers.
struct AcmeAccountCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "account", abstract: "Show the accounts at the issuers, or give them new keys.")

  @OptionGroup var file: ConfigurationFile
  @OptionGroup var patience: AcmePatience

  @Flag(name: .long, help: "Give the accounts new keys; the old ones are of no use then.")
  var rotate = false

  func run() throws {
    try CommandBody.run {
      let desk = AcmeDesk(file)
      guard rotate else { return print(AcmeText.accounts(try desk.report()), terminator: "") }
      try desk.order("/acme/account?rotate=1", isAboutAccounts: true, wait: patience.wait.span)
    }
  }
}

/// A reason of RFC 5280 §5.3.1 that an operator can have.
enum RevocationWord: String, CaseIterable, ExpressibleByArgument {
  case unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation,
    privilegeWithdrawn

  /// RFC 5280's.
  var number: Int {
    switch self {
    case .unspecified: 0
    case .keyCompromise: 1
    case .affiliationChanged: 3
    case .superseded: 4
    case .cessationOfOperation: 5
    case .privilegeWithdrawn: 9
    }
  }

  /// Small letters and `-` are taken too.
  init?(argument: String) {
    let word = argument.lowercased().filter { $0 != "-" && $0 != "_" }
    guard let found = Self.allCases.first(where: { $0.rawValue.lowercased() == word }) else {
      return nil
    }
    self = found
  }
}

/// A name of a certificate on the command line, which goes into the target of a request as it is.
enum AcmeNameArgument {
  static func read(_ text: String) throws -> String {
    guard let name = AcmeSettings.normalName(text) else {
      throw ValidationError(
        "'\(Found.shortened(text))' is no name such as example.org or *.example.org.")
    }
    return name
  }
}

/// How long a command waits for what the server makes of it.
struct AcmePatience: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "How long to wait for the result, such as 5m; 0 leaves it to the server.", valueName: "time"))
  var wait = WaitLimit(.minutes(15))
}
