internal import DNS
internal import DNSCore
internal import EventLoop

/// Finds the records that a CA reads for a name, and the zone that they are in.
///
/// A CA follows aliases, RFC 8555 §8.4. Whether there are any is asked of the servers that are to be changed, and
/// of resolvers where these do not have the name. What it came to is told once, by the loop, never from
/// within `init`.
final class ChallengeTarget: DNSWork {
  struct Found: Equatable {
    let name: DNSName
    let zone: DNSName
  }

  typealias Outcome = Result<Found, SolverFailure>

  private let name: DNSName
  private let settings: UpdateSolver.Settings
  private let resolvers: [SocketAddress]
  private let loop: EventLoop
  private var current: DNSName
  private var aliases = 0
  private var work: (any DNSWork)?
  private var completion: ((Outcome) -> Void)?

  /// As many aliases, one after the other, as resolvers follow.
  static let aliasesMax = 8

  init(
    _ name: DNSName, _ settings: UpdateSolver.Settings, resolvers: [SocketAddress],
    on loop: EventLoop, _ completion: @escaping (Outcome) -> Void
  ) {
    self.name = name
    self.settings = settings
    self.resolvers = resolvers
    self.loop = loop
    self.completion = completion
    current = name
    askServers()
  }

  deinit { work?.cancel() }

  func cancel() {
    completion = nil
    work?.cancel()
    work = nil
  }

  private func askServers() {
    work = DNSQuery(current, .authority, at: settings.servers, recursive: false, on: loop) {
      [unowned self] in
      work = nil
      switch $0 {
      case .success(let answer): serversSaid(answer)
      case .failure(let error): askResolvers("\(error)")
      }
    }
  }

  private func serversSaid(_ answer: DNSMessage) {
    guard answer.isAuthoritative else { return askResolvers(nil) }
    guard !follows(answer) else { return askNext(askServers) }
    let zone = (answer.answers + answer.authorities).first {
      $0.type == .authority && current.isWithin($0.name)
    }
    guard let zone = zone?.name else { return askResolvers(nil) }
    guard zone.isWithin(settings.zone) else {
      return fail("\(place) is in the zone '\(zone)', and '\(settings.zone)' is to be changed")
    }
    finish(.success(Found(name: current, zone: zone)))
  }

  /// `reason` says why the servers to be changed gave no answer, where they gave none.
  private func askResolvers(_ reason: String?) {
    work = DNSQuery(current, .alias, at: resolvers, recursive: true, on: loop) {
      [unowned self] in
      work = nil
      let reasons = reason.map { " (\($0))" } ?? ""
      switch $0 {
      case .success(let answer):
        guard follows(answer) else {
          return fail(
            "\(place) is not in the zone '\(settings.zone)' of \(servers)\(reasons), nor an alias"
              + " (CNAME) of a name in it")
        }
        askNext(askServers)
      case .failure(let error):
        fail(
          "\(servers) do not have \(place)\(reasons), and no resolver says whether it is an alias"
            + " (CNAME): \(error)")
      }
    }
  }

  /// Goes on to the last alias that an answer has; `false` where it has none.
  private func follows(_ answer: DNSMessage) -> Bool {
    let before = aliases
    // An answer has all that the server knows of, in any order, and may go in a circle.
    for _ in 0..<Self.aliasesMax {
      let alias = answer.answers.first { $0.type == .alias && $0.name == current }
      guard case .alias(let next) = alias?.data else { break }
      current = next
      aliases += 1
    }
    return aliases > before
  }

  private func askNext(_ ask: () -> Void) {
    guard aliases <= Self.aliasesMax else {
      return fail("'\(name)' leads through more than \(Self.aliasesMax) aliases (CNAME)")
    }
    ask()
  }

  private var place: String {
    current == name ? "'\(name)'" : "'\(current)', to which '\(name)' leads,"
  }

  private var servers: String { settings.servers.map(\.description).joined(separator: ", ") }

  private func fail(_ reason: String) { finish(.failure(SolverFailure(reason))) }

  private func finish(_ outcome: Outcome) {
    guard let completion else { return }
    cancel()
    completion(outcome)
  }
}
