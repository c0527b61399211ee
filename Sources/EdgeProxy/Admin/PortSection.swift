internal import Calendar
internal import EventLoop

extension PortKeeper {
  private static func line(_ fleet: (servers: Int, closing: Int)) -> StatusText {
    .line(
      "fleet",
      "\(fleet.servers) servers, \(fleet.closing) cannot serve; at most \(fleet.servers / 2) close")
  }

  /// The https port: open or closed, why and since when; `fleet` counts the servers that agree on it,
  /// and those of them that cannot serve.
  func section(fleet: (servers: Int, closing: Int)?) -> StatusSection {
    let reason = failure.map { "\($0)" } ?? change.reason
    let names = addresses.map(\.description)
    let text =
      isOpen
      ? "open on \(names.joined(separator: ", ")) since \(UTC.text(change.at))"
      : "closed since \(UTC.text(change.at)): \(reason)"
    let state = Metric.gauge("https_port_open", "Whether the https port is open.")
    var metrics = [state.adding(isOpen ? 1 : 0)]
    if let fleet {
      let servers = Metric.gauge("fleet_servers", "Servers that agree on whose port is closed.")
      let unable = Metric.gauge("fleet_servers_unable", "Those of them that cannot serve.")
      metrics += [servers.adding(fleet.servers), unable.adding(fleet.closing)]
    }
    return StatusSection(
      name: "port",
      value: [
        "https": .text(isOpen ? "open" : "closed"), "reason": .text(reason),
        "since": .time(change.at), "addresses": .texts(names),
        "fleet_servers": fleet.map { .number($0.servers) } ?? .nothing,
        "fleet_servers_unable": fleet.map { .number($0.closing) } ?? .nothing,
      ],
      text: [.line("https", text)] + (fleet.map { [Self.line($0)] } ?? []), metrics: metrics)
  }
}
