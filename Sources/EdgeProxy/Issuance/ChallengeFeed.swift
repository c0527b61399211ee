internal import ACME
internal import Etcd
internal import Logging

/// Hears from etcd what CAs are to be shown, whichever server asked them.
///
/// While etcd is away what is known stays.
final class ChallengeFeed {
  private var known: KnownChallenges
  private let logger: Logger
  private var watch: RangeWatch?

  /// `changed` is told all values, and the revision of etcd up to which they are all.
  init(
    _ client: EtcdClient, prefix: String, logger: Logger,
    changed: @escaping (Set<ChallengeValue>, Int64) -> Void
  ) {
    known = KnownChallenges(prefix: prefix)
    self.logger = logger
    let range = KeyRange.prefix(ChallengeKey.range(prefix: prefix))
    watch = RangeWatch(client, range) { [unowned self] in
      apply($0)
      changed(known.values, watch?.lastSeen ?? 0)
    }
    watch?.start()
  }

  private func apply(_ changes: Changes) {
    let before = known.refused
    known.apply(changes)
    guard known.refused > before else { return }
    logger.warning(
      "there are more challenges than a server takes; some are not answered",
      metadata: ["not_answered": "\(known.refused)", "limit": "\(KnownChallenges.countMax)"])
  }

  /// Whether etcd tells of every change now.
  var isSynced: Bool { watch?.isSynced ?? false }

  func end() { watch?.end() }
}

@available(*, unavailable) extension ChallengeFeed: Sendable {}
