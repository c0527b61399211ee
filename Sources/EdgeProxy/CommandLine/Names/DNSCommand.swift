internal import ArgumentParser
internal import CertStore
internal import Configuration
internal import DNS
internal import EventLoop

/// `edgeproxy dns`: the names that the fleet answers by itself, and the records that lead to them.
struct DNSCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dns",
    abstract: "The names that servers answer by themselves, and what leads to them.",
    subcommands: [
      DNSSetupCommand.self, DNSStatusCommand.self, DNSQueryCommand.self, DNSForgetCommand.self,
      DNSChecksCommand.self,
    ])
}

/// `edgeproxy dns setup`: what to enter at the provider, and whether it is there.
struct DNSSetupCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "setup",
    abstract: "Print what has to be entered at the provider once, and check that it is there.",
    discussion: """
      Works before the server runs, too. Then asks DNS as the world does: the servers of the zone above for the \
      delegation and its glue, each server of the fleet at port 53 over UDP and TCP, and the names that are to \
      lead to it. Exits with 0 when all is well, and with 1 when something is wrong.
      """)

  @OptionGroup var file: ConfigurationFile
  @OptionGroup var resolver: ResolverArgument

  @Flag(name: .long, help: "Print only what to enter.")
  var noCheck = false

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  func run() throws {
    try CommandBody.run {
      let search = try FleetSearch(file)
      let survey = try NamesSurvey(NamesSurvey.Wire(resolvers: resolver.servers), on: EventLoop())
      let setup = NamesSetup(
        fleet: search.servers(), names: search.names, ordered: search.orderedNames)
      let records = noCheck ? setup.records() : setup.records(zones: try setup.zones(survey))
      if !json { print(NamesText.setup(records), terminator: "") }
      let findings = noCheck ? nil : try survey.check(records)
      if json {
        let document = NamesText.json(records, findings).json()
        print(String(decoding: document, as: UTF8.self), terminator: "")
      } else if let findings {
        print("\nSeen from this machine:\n")
        for finding in findings { print(NamesText.line(finding)) }
      }
      if findings?.contains(where: { $0.verdict == .wrong }) ?? false { throw ExitCode(1) }
    }
  }
}

/// The resolver that a command asks.
struct ResolverArgument: ParsableArguments {
  @Option(
    name: .customLong("resolver"),
    help: ArgumentHelp(
      "The resolver to ask; default: those of /etc/resolv.conf.", valueName: "address"),
    transform: NameServerArgument.read)
  var address: SocketAddress?

  var servers: [SocketAddress] {
    if let address { return [address] }
    let text = try? WholeFile.read(ResolverFile.path, bytesMax: ResolverFile.bytesMax)
    return ResolverFile.servers(text ?? [])
  }
}

/// An IP address, with a port or without.
enum NameServerArgument {
  static func read(_ text: String) throws -> SocketAddress {
    let found = SocketAddress(ip: text, port: NamesSurvey.port) ?? SocketAddress(text)
    guard let found, found.family != .unix else {
      throw ValidationError(
        "'\(Found.shortened(text))' is no address such as 9.9.9.9 or [2001:db8::1]:53.")
    }
    return found
  }
}

/// `edgeproxy dns status`: which addresses are answered, and why the others are not.
struct DNSStatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show which addresses of the fleet DNS answers, and why.",
    discussion:
      "Exits with 0 when every address is well, 1 when one is not, and 69 when nobody answers.")

  @OptionGroup var file: ConfigurationFile

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  func run() throws {
    try CommandBody.run {
      let reply = try AdminRequest(file.config).send("GET", "/dns")
      guard reply.status == 200 else { throw CommandFailure(AcmeText.oneLine(reply.body)) }
      let report = try NamesReport(json: reply.body)
      print(json ? reply.body : NamesText.table(report), terminator: "")
      if !report.isWell { throw ExitCode(1) }
    }
  }
}

/// `edgeproxy dns forget`: a server that will not come back.
struct DNSForgetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forget", abstract: "Have the fleet forget a server that will not come back.",
    discussion: """
      Without this its addresses stay among the glue, and are asked for ever. A server that runs is not \
      forgotten: it tells of itself again. Then remove its records at the provider: see 'edgeproxy dns setup'.
      """)

  @OptionGroup var file: ConfigurationFile

  @Argument(help: "What the server is called, its 'node'.", transform: NodeArgument.read)
  var node: String

  func run() throws {
    try NamesOrder.send("/dns/forget?node=\(NodeArgument.encoded(node))", file)
  }
}

/// `edgeproxy dns checks`: the provider's own checks of each address.
struct DNSChecksCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "checks",
    abstract: "Have the provider of 'records' check each address by itself, where it can.",
    discussion: """
      The provider then takes an address out when no server of the fleet is left to say so. Its plan may have \
      to be one that has such checks.
      """)

  @OptionGroup var file: ConfigurationFile

  @Flag(name: .long, help: "Only say what would be set.")
  var dryRun = false

  func run() throws { try NamesOrder.send("/dns/checks?dry_run=\(dryRun ? 1 : 0)", file) }
}

/// A command about names that the running server carries out.
enum NamesOrder {
  static func send(_ target: String, _ file: ConfigurationFile) throws {
    try CommandBody.run {
      let reply = try AdminRequest(file.config).send(
        "POST", target, silence: AdminClient.workSeconds)
      guard reply.status == 200 else { throw CommandFailure(AcmeText.oneLine(reply.body)) }
      print(reply.body, terminator: "")
    }
  }
}

/// The name of a server on the command line.
enum NodeArgument {
  static func read(_ text: String) throws -> String {
    guard let node = NodeName.read(Array(text.utf8)) else {
      throw ValidationError("'\(Found.shortened(text))' is no name of a server.")
    }
    return node
  }

  /// With percent-encoding, RFC 3986 §2.1, of all that is not unreserved there.
  static func encoded(_ node: String) -> String {
    node.utf8.map { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        String(Unicode.Scalar(byte))
      default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }.joined()
  }
}
