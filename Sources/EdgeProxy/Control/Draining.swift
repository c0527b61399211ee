internal import EventLoop

/// The state of a drain, in which the server sends its clients away.
///
///     serving ── set aside ──▶ draining ──▶ drained        (`edgeproxy drain`; `undrain` leads back)
///        └─────────┴────────────── ending ──▶ gone         (SIGTERM)
struct Draining {
  private enum Stage: Equatable {
    case serving
    case draining(until: Instant)
    case drained
    case ending(until: Instant)
  }

  private var stage = Stage.serving
  /// Counts the drains: what a worker says of an earlier one is no news.
  private(set) var generation = 0

  /// The process ends when it is done.
  var isEnding: Bool {
    if case .ending = stage { true } else { false }
  }

  /// An administrator has taken this server out.
  var isSetAside: Bool { stage != .serving && !isEnding }
  var isDrained: Bool { stage == .drained }

  /// Whether what is left has had the time that it gets.
  func isOverdue(_ now: Instant) -> Bool {
    switch stage {
    case .serving, .drained: false
    case .draining(let until), .ending(let until): now >= until
    }
  }

  mutating func setAside(until: Instant) {
    stage = .draining(until: until)
    generation += 1
  }

  mutating func end(until: Instant) {
    stage = .ending(until: until)
    generation += 1
  }

  /// Nothing is left.
  mutating func finished() {
    if case .draining = stage { stage = .drained }
  }

  mutating func undo() { stage = .serving }
}
