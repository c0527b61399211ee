internal import ArgumentParser
internal import DNS
internal import DNSCore
internal import EventLoop

/// `edgeproxy dns query`: what each server of the fleet answers.
struct DNSQueryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "query", abstract: "Ask every server of the fleet, and show each answer.",
    discussion: """
      A name of one label such as 'all' or 'ns1' is one of the fleet's zone, and '@' is the zone itself; others \
      are whole. Exits with 0 when every server answers, and with 1 when one does not.
      """)

  @OptionGroup var file: ConfigurationFile

  @Argument(help: "The name.")
  var name: String

  @Argument(
    help: "The type: A, AAAA, NS, SOA, TXT, CNAME, ANY, or TYPE and a number.",
    transform: RecordTypeArgument.read)
  var type = DNSType.ipv4

  @Option(
    help: ArgumentHelp("Ask this address alone.", valueName: "address"),
    transform: NameServerArgument.read)
  var server: SocketAddress?

  @Flag(name: .long, help: "Ask over TCP.")
  var tcp = false

  func run() throws {
    try CommandBody.run {
      let search = try FleetSearch(file)
      guard let asked = Self.whole(name, in: search.settings.zone) else {
        throw CommandFailure("'\(AcmeText.clean(name))' is no name")
      }
      let question = DNSQuestion(name: asked, type: type)
      let rounds = NamesRound(question, over: tcp ? .tcp : .udp)
      let outcomes = try rounds.ask(places(search), on: EventLoop())
      for (place, outcome) in outcomes { print(NamesRound.text(place, outcome), terminator: "") }
      let isAnswered = outcomes.allSatisfy { if case .success = $0.1 { true } else { false } }
      if !isAnswered { throw ExitCode(1) }
    }
  }

  private func places(_ search: FleetSearch) -> [NamesRound.Place] {
    if let server { return [NamesRound.Place(name: "", address: server)] }
    let fleet = search.servers()
    for remark in fleet.remarks { StandardError.write("edgeproxy: \(AcmeText.clean(remark))\n") }
    return fleet.addresses.compactMap { address in
      search.place(of: address).map {
        NamesRound.Place(name: fleet.owner(of: address), address: $0)
      }
    }
  }

  /// The whole name that somebody means; `nil` for a text that is none.
  static func whole(_ text: String, in zone: DNSName) -> DNSName? {
    if text == "@" { return zone }
    guard let name = DNSName(text) else { return nil }
    let isShort = name.labels.count == 1 && !text.hasSuffix(".")
    return isShort ? DNSName(labels: name.labels + zone.labels) : name
  }
}

enum RecordTypeArgument {
  static func read(_ text: String) throws -> DNSType {
    guard let type = RecordText.type(text) else {
      let known = RecordText.types.map(\.description).joined(separator: ", ")
      throw ValidationError("'\(AcmeText.clean(text))' is no type; known are \(known) and TYPE257.")
    }
    return type
  }
}

/// One question to several servers at once.
struct NamesRound {
  struct Place {
    /// Whose address it is; empty where nobody knows.
    var name: String
    var address: SocketAddress
  }

  private let question: DNSQuestion
  private let carrier: DNSCall.Carrier

  init(_ question: DNSQuestion, over carrier: DNSCall.Carrier) {
    self.question = question
    self.carrier = carrier
  }

  /// What each one said, in the order of `places`.
  func ask(
    _ places: [Place], on loop: EventLoop
  ) throws(SystemError) -> [(Place, DNSProbe.Outcome)] {
    let questions = NamesQuestions(on: loop)
    var outcomes: [Int: DNSProbe.Outcome] = [:]
    for (number, place) in places.enumerated() {
      try questions.probe(question, at: place.address, over: carrier) { outcomes[number] = $0 }
    }
    try questions.settle()
    return places.enumerated().compactMap { number, place in
      outcomes[number].map { (place, $0) }
    }
  }

  /// One line for the server, and one for each record.
  static func text(_ place: Place, _ outcome: DNSProbe.Outcome) -> String {
    let name = place.name.isEmpty ? "\(place.address)" : "\(place.address) (\(place.name))"
    switch outcome {
    case .failure(let error): return "\(name): \(error)\n"
    case .success(let answer):
      let lines = RecordText.lines(answer.message)
      return "\(name): \(lines[0]), \(milliseconds(answer.after)) ms\n"
        + lines.dropFirst().map { "  \($0)\n" }.joined()
    }
  }

  /// With one digit behind the point.
  private static func milliseconds(_ duration: Duration) -> String {
    let tenths = duration.nanoseconds / 100_000
    return "\(tenths / 10).\(tenths % 10)"
  }
}
