internal import ArgumentParser
internal import Configuration
internal import EventLoop
internal import Glibc

/// `edgeproxy status`: what the running server says of itself.
struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show what the running server does.",
    discussion: "Exits with 0 when it serves, 1 when it does not, and 69 when nobody answers.")

  @ParentCommand var root: Arguments
  @OptionGroup var file: ConfigurationFile

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  func validate() throws { try root.refuseServerOptions() }

  func run() throws {
    let reply = try AdminRequest(file.config).send("GET", json ? "/status" : "/status.txt")
    print(reply.body, terminator: "")
    throw ExitCode(reply.status == 200 && reply.health == "ok" ? 0 : 1)
  }
}

/// `edgeproxy reload`: what SIGHUP does, with its result.
struct ReloadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reload", abstract: "Make the running server read its configuration again.",
    discussion: """
      Prints the mistakes and exits with 1 when the old configuration goes on; with 2 when the new one \
      is in force but for what it names, such as keys that need a restart or an address that cannot be \
      listened on; and with 69 when nobody answers.
      """)

  /// The configuration is in force, but for what was printed.
  private static let isPartial = ExitCode(2)

  @ParentCommand var root: Arguments
  @OptionGroup var file: ConfigurationFile

  func validate() throws { try root.refuseServerOptions() }

  func run() throws {
    let reply: AdminClient.Reply
    do {
      reply = try AdminRequest(file.config).send("POST", "/reload")
    } catch {
      if ReloadSignal.send() { return }
      throw error
    }
    // Over TCP no commands are taken.
    if reply.status == 405, ReloadSignal.send() { return }
    print(reply.body, terminator: "")
    if reply.status == 202 { throw Self.isPartial }
    throw ExitCode(reply.status == 200 ? 0 : 1)
  }
}

/// `edgeproxy drain`: takes the running server out, for as long as somebody works on its machine.
struct DrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drain",
    abstract: "Make the running server close its ports and finish what it has.",
    discussion: """
      The https port closes first and at once. The process stays, drained, until 'edgeproxy undrain' \
      or until it is stopped; a restart serves again. Returns when nothing is left, or with \
      '--no-wait' at once. What is left after 'timeouts.drain' is cut.
      """)

  @ParentCommand var root: Arguments
  @OptionGroup var file: ConfigurationFile

  @Flag(name: .long, help: "Return at once.")
  var noWait = false

  /// Milliseconds between two looks.
  private static let lookEvery: UInt32 = 200

  func validate() throws { try root.refuseServerOptions() }

  func run() throws {
    let request = AdminRequest(file.config)
    let reply = try request.send("POST", "/drain")
    print(reply.body, terminator: "")
    guard reply.status == 202 else { throw ExitCode(1) }
    if noWait { return }
    var told = reply.body
    while true {
      let state = try request.send("GET", "/drain").body
      if state != told { print(state, terminator: "") }
      told = state
      if state == "drained\n" { return }
      // Somebody has put it back meanwhile.
      if state == "serving\n" { throw ExitCode(1) }
      usleep(Self.lookEvery * 1000)
    }
  }
}

/// `edgeproxy undrain`: puts back what `drain` has taken out.
struct UndrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "undrain", abstract: "Make the drained server serve again.")

  @ParentCommand var root: Arguments
  @OptionGroup var file: ConfigurationFile

  func validate() throws { try root.refuseServerOptions() }

  func run() throws {
    let reply = try AdminRequest(file.config).send("POST", "/undrain")
    print(reply.body, terminator: "")
    throw ExitCode(reply.status == 200 ? 0 : 1)
  }
}

/// A request to the server that runs with a configuration file; says why there is no answer.
struct AdminRequest {
  private let path: String

  /// EX_UNAVAILABLE of sysexits(3).
  private static let unavailable = ExitCode(69)

  init(_ path: String) { self.path = path }

  /// Waits for `silence` seconds where nothing comes.
  func send(
    _ method: String, _ target: String, silence: Int = AdminClient.seconds
  ) throws -> AdminClient.Reply {
    let address = try address()
    do throws(AdminClient.Failure) {
      return try AdminClient(address: address, silenceSeconds: silence).send(method, target)
    } catch {
      StandardError.write("edgeproxy: nobody answers at \(address): \(error)\n")
      throw Self.unavailable
    }
  }

  private func address() throws -> SocketAddress {
    do throws(SystemError) {
      let found = try ConfigurationLoader.adminAddress(
        path: path, environment: Environment.current())
      if let found { return found }
      StandardError.write("edgeproxy: \(path): 'listen.admin' is off\n")
    } catch {
      StandardError.write("edgeproxy: \(path): cannot be read: \(error.reason)\n")
    }
    throw Self.unavailable
  }
}
