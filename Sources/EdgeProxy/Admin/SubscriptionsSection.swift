internal import EventLoop
internal import TLS

/// The instances that have announced themselves, and what was refused.
struct SubscriptionsSection {
  var listening: [String]
  var records: [[UInt8]: InstanceRegistry.Record]
  var counts: SubscriptionCounts
  /// Problems with sockets, keys and the copy.
  var mistakes: [String]
  var now: Instant

  var section: StatusSection {
    let keys = records.keys.sorted { $0.lexicographicallyPrecedes($1) }
    return StatusSection(
      name: "subscriptions",
      value: [
        "listening": .texts(listening), "keys": .list(keys.map(value)),
        "accepted": .number(counts.accepted),
        "refused": .fields(
          refusals.map { .init(name: $0.rawValue, value: .number(counts.refused[$0] ?? 0)) }),
      ],
      text: [
        .table(
          "announced instances", columns: ["KEY", "INSTANCE", "SOURCE", "HEARD", "STATE"],
          rows: keys.flatMap(rows)),
        .table(
          "refused subscriptions", columns: ["REASON", "COUNT"],
          rows: refusals.map { [$0.rawValue, "\(counts.refused[$0] ?? 0)"] }),
      ],
      metrics: metrics, warnings: mistakes)
  }

  private var refusals: [SubscriptionRefusal] {
    SubscriptionRefusal.allCases.filter { counts.refused[$0] != nil }
  }

  private func value(_ key: [UInt8]) -> StatusValue {
    let record = records[key]
    return [
      "key": .text(String(decoding: key, as: UTF8.self)),
      "heard_seconds": .number(seconds(since: record?.lastHeard)),
      "instances": .list((record?.instances ?? []).map(value)),
    ]
  }

  private func value(_ known: KnownInstance) -> StatusValue {
    [
      "address": .text(known.instance.address.description), "source": .text(source(known.origin)),
      "state": .text(state(known)), "why": known.doubt(now).map { .text($0.rawValue) } ?? .nothing,
      "heard_seconds": .number(seconds(since: known.lastHeard)),
      "known_seconds": .number(seconds(since: known.firstHeard)),
      "weight": .number(known.instance.weight), "cores": .number(known.instance.cores),
      "backup": .flag(known.instance.isBackup), "local": .flag(known.instance.isLocal),
      "modifier1": .number(Int(known.instance.modifier1)),
      "modifier2": .number(Int(known.instance.modifier2)),
    ]
  }

  private func rows(_ key: [UInt8]) -> [[String]] {
    let name = String(decoding: key, as: UTF8.self)
    guard let record = records[key] else { return [] }
    if record.instances.isEmpty {
      return [[name, "none", "", "\(seconds(since: record.lastHeard)) s ago", "gone"]]
    }
    return record.instances.map { known in
      [
        name, known.instance.address.description, source(known.origin),
        "\(seconds(since: known.lastHeard)) s ago",
        state(known) + (known.doubt(now).map { ": \($0.rawValue)" } ?? ""),
      ]
    }
  }

  private func state(_ known: KnownInstance) -> String {
    known.doubt(now) == nil ? "fresh" : "doubtful"
  }

  private func source(_ origin: KnownInstance.Origin) -> String {
    switch origin {
    case .subscription(let source): source.description
    case .shared(let node): "shared by \(node)"
    case .copy(let source): "from disk, \(source)"
    }
  }

  private func seconds(since instant: Instant?) -> Int {
    Int(instant.map { (now - $0).wholeSeconds } ?? 0)
  }

  private var metrics: [Metric] {
    var instances = Metric.gauge("subscribed_instances", "Announced instances, by state.")
    var (fresh, doubtful) = (0, 0)
    for record in records.values {
      for known in record.instances {
        if known.doubt(now) == nil { fresh += 1 } else { doubtful += 1 }
      }
    }
    instances.add(fresh, ("state", "fresh"))
    instances.add(doubtful, ("state", "doubtful"))
    var refused = Metric.counter(
      "subscriptions_refused_total", "Datagrams that changed nothing, by reason.")
    for refusal in SubscriptionRefusal.allCases {
      refused.add(counts.refused[refusal] ?? 0, ("reason", refusal.rawValue))
    }
    return [
      Metric.gauge("subscribed_keys", "Keys that instances have announced.").adding(records.count),
      instances,
      Metric.counter("subscriptions_accepted_total", "Datagrams that were believed.")
        .adding(counts.accepted),
      refused,
    ]
  }
}

extension SubscriptionsSection {
  init(_ discovery: Discovery, now: Instant) {
    self.init(
      listening: discovery.listeners.map(\.address.description),
      records: discovery.registry.records, counts: discovery.counts,
      mistakes: discovery.mistakes, now: now)
  }
}
