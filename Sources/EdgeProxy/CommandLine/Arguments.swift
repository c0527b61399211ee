internal import ArgumentParser
internal import Configuration
internal import Glibc

/// The configuration file, which every command takes.
struct ConfigurationFile: ParsableArguments {
  @Option(name: .long, help: ArgumentHelp("The configuration file.", valueName: "file"))
  var config = "/etc/edgeproxy/edgeproxy.yaml"

  func validate() throws {
    if config.isEmpty { throw ValidationError("'--config' names no file.") }
  }
}

/// The command line: options on the root command, which runs the server, and commands beside it.
struct Arguments: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "edgeproxy",
    abstract: "A TLS reverse proxy for applications behind uWSGI.",
    discussion: "It serves in the foreground unless an option says otherwise.",
    version: Version.text,
    subcommands: [
      StatusCommand.self,
      ReloadCommand.self,
      DrainCommand.self,
      UndrainCommand.self,
      CertCommand.self,
      AcmeCommand.self,
      NodeCommand.self,
      MaintenanceCommand.self,
      DNSCommand.self,
      ImportApacheCommand.self,
      ImportNginxCommand.self,
      PasswordCommand.self,
    ])

  @OptionGroup var file: ConfigurationFile

  @Option(
    name: .long,
    help: ArgumentHelp("Threads that serve; default: one for each processor.", valueName: "n"))
  var workers: Int?

  @Option(
    name: .customLong("check-config"), defaultAsFlag: "",
    help: ArgumentHelp(
      "Report every mistake of the configuration and exit; the file may follow.", valueName: "file")
  )
  var checked: String?

  @Option(
    name: .customLong("as"),
    help: ArgumentHelp(
      "With --check-config: look with this user's eyes; default for root: the service's user.",
      valueName: "user"))
  var user: String?

  @Flag(name: .long, help: "With --check-config: also ask etcd and the nodes, and try the ports.")
  var live = false

  @Flag(name: .long, help: "Print the reference: every key with its default, and exit.")
  var printReference = false

  @Flag(
    name: .long, help: ArgumentHelp("Print edgeproxy.yaml(5), and exit.", visibility: .hidden))
  var printManual = false

  static let workersMax = 1024

  var checkConfig: Bool { checked != nil }

  func validate() throws {
    let commands = Self.configuration.subcommands.map { $0.configuration.commandName }
    if let checked, commands.contains(checked) {
      throw ValidationError("A command takes no option that is meant for the server.")
    }
    if user != nil, !checkConfig { throw ValidationError("'--as' goes with '--check-config'.") }
    if let workers, !(1...Self.workersMax).contains(workers) {
      throw ValidationError("'--workers' must be from 1 to \(Self.workersMax).")
    }
    if live && !checkConfig { throw ValidationError("'--live' goes with '--check-config'.") }
    if checkConfig && printReference {
      throw ValidationError("'--check-config' and '--print-reference' exclude each other.")
    }
  }

  /// For commands that talk to a running server: what is meant for starting one means nothing there.
  func refuseServerOptions() throws {
    if workers != nil || checkConfig || printReference || printManual {
      throw ValidationError("A command takes no option that is meant for the server.")
    }
  }

  func run() throws {
    if let checked {
      let path = checked.isEmpty ? file.config : checked
      throw ExitCode(CheckCommand(path: path, isLive: live, user: user).run())
    }
    if printReference {
      print(ReferencePage.text(), terminator: "")
      return
    }
    if printManual {
      print(ManualPage.text(), terminator: "")
      return
    }
    throw ExitCode(ServeCommand(path: file.config, workers: workers).run())
  }
}
