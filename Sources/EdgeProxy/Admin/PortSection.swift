internal import Calendar
internal import EventLoop

extension PortKeeper {
  private static func line(_ fleet: (servers: Int, closing: Int)) -> StatusText {
    .line(
      "fleet",
      "\(fleet.servers) servers, \(fleet.closing) cannot serve; at most \(fleet.servers / 2) close")
  }

  /// Each address of the configuration, and whether it is listened on.
  private var listenersValue: StatusValue {
    .list(
      places.map {
        [
          "protocol": .text($0.kind.rawValue), "address": .text("\($0.address)"),
          "open": .flag($0.isOpen), "error": $0.failure.map { .text("\($0.error)") } ?? .nothing,
        ]
      })
  }

  private var listenerUp: Metric {
    var metric = Metric.gauge("listener_up", "Whether an address of `listen` is listened on.")
    for place in places {
      metric.add(
        place.isOpen ? 1 : 0, ("protocol", place.kind.rawValue), ("address", "\(place.address)"))
    }
    return metric
  }

  /// The https port: open or closed, why and since when; `fleet` counts the servers that agree on it,
  /// and those of them that cannot serve.
  func section(fleet: (servers: Int, closing: Int)?) -> StatusSection {
    let reason = failure.map { "\($0)" } ?? change.reason
    let names = addresses.map(\.description)
    let text =
      names.isEmpty
      ? "not wanted: 'listen.https' is empty"
      : isOpen
        ? "open on \(names.joined(separator: ", ")) since \(UTC.text(change.at))"
        : "closed since \(UTC.text(change.at)): \(reason)"
    let state = Metric.gauge("https_port_open", "Whether the https port is open.")
    var metrics = [state.adding(isOpen && !names.isEmpty ? 1 : 0), listenerUp]
    if let fleet {
      let servers = Metric.gauge("fleet_servers", "Servers that agree on whose port is closed.")
      let unable = Metric.gauge("fleet_servers_unable", "Those of them that cannot serve.")
      metrics += [servers.adding(fleet.servers), unable.adding(fleet.closing)]
    }
    return StatusSection(
      name: "port",
      value: [
        "https": .text(isOpen ? "open" : "closed"), "reason": .text(reason),
        "since": .time(change.at), "addresses": .texts(names), "listeners": listenersValue,
        "fleet_servers": fleet.map { .number($0.servers) } ?? .nothing,
        "fleet_servers_unable": fleet.map { .number($0.closing) } ?? .nothing,
      ],
      text: [.line("https", text)] + (fleet.map { [Self.line($0)] } ?? []), metrics: metrics)
  }
}
