/// The state of the link to etcd: the member that is asked, and whether every change arrives.
struct EtcdSection {
  var endpoint: String
  var isReachable: Bool
  /// Whether every change is told now.
  var isSynced: Bool
  /// The revision up to which every change is known; `nil` before the first listing.
  var revision: Int64?
  /// Why something does not work; `nil` while all is well.
  var failure: String?
  /// Writes of this server that etcd refused since the start.
  var refusedWrites: [EtcdWrites.Kind: Int] = [:]

  var section: StatusSection {
    StatusSection(
      name: "etcd",
      value: [
        "endpoint": .text(endpoint), "reachable": .flag(isReachable), "synced": .flag(isSynced),
        "revision": revision.map { .number(Int($0)) } ?? .nothing,
        "failure": failure.map { .text($0) } ?? .nothing,
      ],
      text: [.line("etcd", text)],
      metrics: [
        Metric.gauge("etcd_reachable", "Whether a member of etcd is connected.")
          .adding(isReachable ? 1 : 0),
        Metric.gauge("etcd_synced", "Whether every change in etcd is heard of.")
          .adding(isSynced ? 1 : 0),
        Metric.gauge("etcd_revision", "The revision up to which every change is known.")
          .adding(Int(revision ?? 0)),
        refusals,
      ],
      warnings: isSynced ? [] : ["etcd tells nothing: \(failure ?? "no answer yet")"])
  }

  private var refusals: Metric {
    var metric = Metric.counter(
      "etcd_writes_refused_total", "Writes of this server that etcd refused.")
    for kind in EtcdWrites.Kind.allCases {
      metric.add(refusedWrites[kind] ?? 0, ("what", kind.word))
    }
    return metric
  }

  private var text: String {
    let state = isSynced ? "synced with" : isReachable ? "connected to" : "not connected to"
    let known = revision.map { ", revision \($0)" } ?? ""
    return "\(state) \(endpoint)\(known)" + (failure.map { ": \($0)" } ?? "")
  }
}
