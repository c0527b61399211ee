internal import EventLoop
internal import TLS

extension PortKeeper {
  /// The https port: open or closed, why and since when.
  var section: StatusSection {
    let reason = failure.map { "\($0)" } ?? change.reason
    let names = addresses.map(\.description)
    let text =
      isOpen
      ? "open on \(names.joined(separator: ", ")) since \(UTC.text(change.at))"
      : "closed since \(UTC.text(change.at)): \(reason)"
    return StatusSection(
      name: "port",
      value: [
        "https": .text(isOpen ? "open" : "closed"), "reason": .text(reason),
        "since": .time(change.at), "addresses": .texts(names),
      ],
      text: [.line("https", text)],
      metrics: [
        Metric.gauge("https_port_open", "Whether the https port is open.").adding(isOpen ? 1 : 0)
      ])
  }
}
