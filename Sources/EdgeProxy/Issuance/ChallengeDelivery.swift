internal import ACME
internal import Logging

/// Brings the values that CAs are to be shown to all that answer on this server, and tells when each has them: the
/// workers, and whatever answers questions of DNS.
final class ChallengeDelivery {
  private let places: Int
  private let logger: Logger
  private let now: () -> Int64
  private let post: (ChallengeTable, Set<ChallengeValue>, Int) -> Void
  private var values: Set<ChallengeValue> = []
  private var node: String?
  private var table = ChallengeTable.empty
  /// The number of the newest table.
  private var number = 0
  /// How many places have a table, by its number; one that all have is forgotten.
  private var counts: [Int: Int] = [:]
  private var waiting: [(number: Int, done: () -> Void)] = []

  /// `post` sends a table, and the values that it was made from, with its number to each place, which answers by
  /// `taken`; `now` is in seconds since 1970.
  init(
    places: Int, logger: Logger, now: @escaping () -> Int64,
    post: @escaping (ChallengeTable, Set<ChallengeValue>, Int) -> Void
  ) {
    self.places = places
    self.logger = logger
    self.now = now
    self.post = post
  }

  /// Whoever asks for the token `edgeproxy-NODE` is told the name of this server; `nil` for nobody.
  func tell(node: String?) {
    guard node != self.node else { return }
    self.node = node
    send()
  }

  /// These values take the place of those before; `done` is called once all places have them.
  func deliver(_ values: Set<ChallengeValue>, _ done: @escaping () -> Void) {
    if values != self.values {
      self.values = values
      send()
    }
    waiting.append((number, done))
    settle()
  }

  private func send() {
    let before = table.leftOut
    table = ChallengeTable(values, node: node, keeping: table, now: now())
    if table.leftOut > before {
      logger.warning(
        "some challenges are not answered", metadata: ["not_answered": "\(table.leftOut)"])
    }
    number += 1
    counts[number] = 0
    post(table, values, number)
  }

  /// A place has the table of this number.
  func taken(_ number: Int) {
    guard let count = counts[number] else { return }
    counts[number] = count + 1 < places ? count + 1 : nil
    settle()
  }

  /// Each place takes tables in their order, so one that all have stands for those before.
  private func settle() {
    let oldest = counts.keys.min() ?? .max
    let ready = waiting.filter { $0.number < oldest }
    waiting.removeAll { $0.number < oldest }
    for each in ready { each.done() }
  }
}

@available(*, unavailable) extension ChallengeDelivery: Sendable {}
