internal import Configuration
internal import EventLoop

/// The applications that have announced themselves, for each upstream that is discovered.
///
/// Each such upstream gives all applications its own settings. An application keeps what is known of
/// it and of its instances while others come and go.
struct Applications {
  private struct Discovered {
    let settings: UpstreamSettings
    var states: [[UInt8]: UpstreamState] = [:]
  }

  private var known: [[UInt8]: Application] = [:]
  /// Through whose edges instances are reached.
  private var neighbours: Neighbours
  /// In the order of the configuration's upstreams.
  private var discovered: [Discovered?] = []
  /// Every instance has had the time to announce itself, so an unknown host has no application.
  private(set) var isComplete = false
  /// In the order of the configuration's upstreams; `nil` for those with nodes of their own.
  private(set) var tables: [ApplicationTable?] = []

  /// The hosts that have announced themselves, normalised.
  var hosts: [[UInt8]] { known.keys.sorted { $0.lexicographicallyPrecedes($1) } }

  init(neighbours: Neighbours = .none) { self.neighbours = neighbours }

  /// Takes over the upstreams of a configuration; one that did not change keeps its states.
  mutating func reconfigure(_ upstreams: [UpstreamSettings], now: Instant) {
    let previous = discovered
    let known = known
    discovered = upstreams.map { settings in
      guard settings.discovery != nil else { return nil }
      if let same = previous.first(where: { $0?.settings == settings }) { return same }
      var made = Discovered(settings: settings)
      for (key, application) in known {
        made.states[key] = UpstreamState(
          settings, application, neighbours: neighbours, previous: nil, now: now.nanoseconds)
      }
      return made
    }
    makeTables()
  }

  /// Takes over what has changed; an application that is `forgotten` is answered 404 from then on.
  mutating func install(_ changed: [Application], forgotten: [[UInt8]] = [], now: Instant) {
    for application in changed { known[application.key] = application }
    for key in forgotten { known[key] = nil }
    for index in discovered.indices where discovered[index] != nil {
      for application in changed {
        let previous = discovered[index]?.states[application.key]
        guard let settings = discovered[index]?.settings else { continue }
        discovered[index]?.states[application.key] = UpstreamState(
          settings, application, neighbours: neighbours, previous: previous, now: now.nanoseconds)
      }
      for key in forgotten { discovered[index]?.states[key] = nil }
    }
    makeTables()
  }

  /// Takes over whose edges can be reached: instances behind others are none that could be asked.
  mutating func install(_ neighbours: Neighbours, now: Instant) {
    guard neighbours != self.neighbours else { return }
    self.neighbours = neighbours
    install(known.values.filter { $0.instances.contains { $0.server != nil } }, now: now)
  }

  /// Every instance has had the time to announce itself.
  mutating func complete() {
    guard !isComplete else { return }
    isComplete = true
    makeTables()
  }

  private mutating func makeTables() {
    let isComplete = isComplete
    tables = discovered.map { upstream in
      upstream.map { upstream in
        let states = upstream.states.values.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        return ApplicationTable(states, isComplete: isComplete)
      }
    }
  }

  /// Those of all upstreams.
  var states: [UpstreamState] { tables.flatMap { $0?.states ?? [] } }
}
