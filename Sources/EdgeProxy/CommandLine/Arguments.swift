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
      NodeCommand.self,
    ])

  @OptionGroup var file: ConfigurationFile

  @Option(
    name: .long,
    help: ArgumentHelp("Threads that serve; default: one for each processor.", valueName: "n"))
  var workers: Int?

  @Flag(name: .long, help: "Report every mistake of the configuration and exit.")
  var checkConfig = false

  @Flag(name: .long, help: "With --check-config: also ask etcd and the nodes, and try the ports.")
  var live = false

  @Flag(name: .long, help: "Print the reference: every key with its default, and exit.")
  var printReference = false

  @Flag(
    name: .long, help: ArgumentHelp("Print edgeproxy.yaml(5), and exit.", visibility: .hidden))
  var printManual = false

  static let workersMax = 1024

  func validate() throws {
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
    if checkConfig { throw ExitCode(CheckCommand(path: file.config, isLive: live).run()) }
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
