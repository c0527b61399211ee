internal import CertStore
internal import DNS
internal import DNSCore
internal import EventLoop

/// Puts the values of one order into its zones, or takes them away, step by step.
///
///     targets (one name after the other) ──▶ updates (one zone after the other) ──▶ secondaries ──▶ done
///
/// What it came to is told once, by the loop, never from within `begin`.
final class UpdateJob {
  enum Task { case present, remove }

  typealias Targets = [DNSName: ChallengeTarget.Found]
  typealias Outcome = Result<Targets, SolverFailure>

  private let task: Task
  private let wanted: [ChallengeRecord]
  private let settings: UpdateSolver.Settings
  private let loop: EventLoop
  /// Where the values of a name are, as far as that is known.
  private var targets: Targets
  private var resolvers: [SocketAddress] = []
  private var work: (any DNSWork)?
  private var completion: ((UpdateJob, Outcome) -> Void)?

  init(
    _ task: Task, _ wanted: [ChallengeRecord], known targets: Targets,
    _ settings: UpdateSolver.Settings,
    on loop: EventLoop, _ completion: @escaping (UpdateJob, Outcome) -> Void
  ) {
    self.task = task
    self.wanted = wanted
    self.targets = targets
    self.settings = settings
    self.loop = loop
    self.completion = completion
  }

  /// Both files are read each time: another key, or another resolver, needs no restart.
  func begin() {
    let key: TSIGKey
    do throws(SolverFailure) {
      key = try Self.key(settings)
    } catch {
      work = DNSLater(on: loop) { [unowned self] in finish(.failure(error)) }
      return
    }
    if let resolver = settings.resolver {
      resolvers = [resolver]
    } else {
      let text = try? WholeFile.read(ResolverFile.path, bytesMax: ResolverFile.bytesMax)
      resolvers = ResolverFile.servers(text ?? [])
    }
    findNext(key)
  }

  deinit { work?.cancel() }

  func cancel() {
    completion = nil
    work?.cancel()
    work = nil
  }

  private static func key(_ settings: UpdateSolver.Settings) throws(SolverFailure) -> TSIGKey {
    do throws(RecordFailure) {
      return try UpdateKey.read(
        settings.keyFile, name: settings.keyName, algorithm: settings.algorithm)
    } catch {
      throw SolverFailure(error.description)
    }
  }

  // MARK: Steps

  private func findNext(_ key: TSIGKey) {
    guard let next = wanted.first(where: { targets[$0.name] == nil }) else {
      return update(changes()[...], key)
    }
    work = ChallengeTarget(next.name, settings, resolvers: resolvers, on: loop) {
      [unowned self] in
      work = nil
      switch $0 {
      case .success(let found):
        targets[next.name] = found
        findNext(key)
      case .failure(let failure): finish(.failure(failure))
      }
    }
  }

  /// What is to be changed, by zones.
  private func changes() -> [(zone: DNSName, changes: [DNSUpdate.Change])] {
    var changes: [DNSName: [DNSUpdate.Change]] = [:]
    for one in wanted {
      guard let target = targets[one.name] else { continue }
      for text in one.texts {
        let change: DNSUpdate.Change =
          switch task {
          case .present: .add(target.name, text: text, seconds: settings.seconds)
          case .remove: .remove(target.name, text: text)
          }
        changes[target.zone, default: []].append(change)
      }
    }
    return changes.map { ($0, $1) }
  }

  private func update(
    _ zones: ArraySlice<(zone: DNSName, changes: [DNSUpdate.Change])>, _ key: TSIGKey
  ) {
    guard let (zone, changes) = zones.first else { return watch() }
    work = DNSUpdateCall(changes, of: zone, at: settings.servers, key, on: loop) {
      [unowned self] in
      work = nil
      switch $0 {
      case .success: update(zones.dropFirst(), key)
      case .failure(let error): finish(.failure(SolverFailure("\(error)")))
      }
    }
  }

  private func watch() {
    var texts: [DNSName: Set<[UInt8]>] = [:]
    for one in wanted {
      guard let target = targets[one.name] else { continue }
      texts[target.name, default: []].formUnion(one.texts)
    }
    let servers = task == .present ? settings.secondaries : []
    work = TextWatch(texts, at: servers, within: UpdateSolver.secondariesTimeout, on: loop) {
      [unowned self] in
      work = nil
      finish($0.map { .failure($0) } ?? .success(targets))
    }
  }

  private func finish(_ outcome: Outcome) {
    guard let completion else { return }
    cancel()
    completion(self, outcome)
  }
}
