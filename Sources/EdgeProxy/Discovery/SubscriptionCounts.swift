internal import EventLoop

/// How many datagrams were taken, and how many not, by reason.
struct SubscriptionCounts: Sendable {
  var accepted = 0
  var refused: [SubscriptionRefusal: Int] = [:]
}

/// Which refusals are in the log already: one line for each reason and source a minute.
struct ReportedRefusals {
  private struct Case: Hashable {
    let refusal: SubscriptionRefusal
    let source: SubscriptionSource
  }

  private var reported: Set<Case> = []
  private var since = Instant(nanoseconds: 0)

  /// Lines in a minute; forged sources are as many as there are addresses.
  private static let linesMax = 50
  private static let interval = Duration.seconds(60)

  mutating func isNews(
    _ refusal: SubscriptionRefusal, _ source: SubscriptionSource, now: Instant
  ) -> Bool {
    if now - since >= Self.interval {
      since = now
      reported.removeAll(keepingCapacity: true)
    }
    guard reported.count < Self.linesMax else { return false }
    return reported.insert(Case(refusal: refusal, source: source)).inserted
  }
}

extension InstanceRegistry {
  /// What a copy holds, heard no earlier than 1970 where the clock was set back; what another server of the fleet was told is that one's to keep.
  func rows(time: Int64, now: Instant) -> [InstanceCopy.Row] {
    var rows: [InstanceCopy.Row] = []
    for (key, record) in records {
      for known in record.instances {
        rows.append(
          InstanceCopy.Row(
            key: key, heard: max(0, time - (now - known.lastHeard).wholeSeconds),
            instance: known.instance, source: known.origin.source))
      }
      if record.instances.isEmpty {
        rows.append(
          InstanceCopy.Row(
            key: key, heard: max(0, time - (now - record.lastHeard).wholeSeconds),
            instance: nil))
      }
    }
    return rows
  }
}

extension InstanceRegistry {
  /// What other servers are told: instances that announce themselves here, and with `local` also those
  /// at an address of this machine alone.
  func announcedHere(node: String, local: Bool, now: Instant) -> [SharedInstance] {
    records.flatMap { key, record in
      record.instances.compactMap { known -> SharedInstance? in
        guard case .subscription = known.origin, known.doubt(now) == nil,
          local || !known.instance.address.isLocal
        else { return nil }
        return SharedInstance(node: node, key: key, known.instance)
      }
    }
  }
}

extension Duration {
  /// Never less than 0.
  var wholeSeconds: Int64 { max(0, nanoseconds / 1_000_000_000) }
}
