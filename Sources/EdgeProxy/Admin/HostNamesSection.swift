internal import Configuration
internal import EventLoop

/// The host names among the nodes of the configuration, and where they lead.
struct HostNamesSection {
  struct Name {
    var host: HostAndPort
    /// The addresses from the last lookup that found any; `nil` before that.
    var addresses: [SocketAddress]?
    /// Why the last lookup failed; `nil` where it did not.
    var failure: String?
  }

  var names: [Name]

  var section: StatusSection {
    StatusSection(
      name: "hosts",
      value: .list(
        names.map { name in
          [
            "name": .text(name.host.description),
            "addresses": .texts((name.addresses ?? []).map(\.description)),
            "failure": name.failure.map { .text($0) } ?? .nothing,
          ]
        }),
      text: [
        .table(
          "host names", columns: ["NAME", "ADDRESSES", "LOOKUP"],
          rows: names.map { name in
            [
              name.host.description,
              name.addresses?.map(\.description).joined(separator: " ") ?? "none",
              name.failure ?? (name.addresses == nil ? "under way" : "ok"),
            ]
          })
      ],
      metrics: names.isEmpty ? [] : [resolved])
  }

  private var resolved: Metric {
    var resolved = Metric.gauge(
      "host_resolved", "Whether the last lookup of a node's name brought an address.")
    for name in names {
      let isResolved = name.addresses != nil && name.failure == nil
      resolved.add(isResolved ? 1 : 0, labels: [("host", name.host.description)])
    }
    return resolved
  }
}
