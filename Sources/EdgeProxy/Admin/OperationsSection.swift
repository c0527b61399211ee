internal import Calendar

/// What operators have ordered of nodes and sites.
struct OperationsSection {
  private let book: OrderBook

  init(_ book: OrderBook) { self.book = book }

  var section: StatusSection {
    StatusSection(
      name: "operations",
      value: .list(book.all.map(value)),
      text: [
        .table(
          "orders of operators",
          columns: ["OF", "ORDER", "SINCE", "BY", "UNTIL", "WHERE", "REASON"],
          rows: book.all.map(row))
      ],
      metrics: metrics)
  }

  private func value(_ subject: OrderSubject, _ order: Order) -> StatusValue {
    [
      "kind": .text(subject.kind), "subject": .text("\(subject)"),
      "state": .text(order.state.rawValue), "since": .time(order.at), "by": .text(order.user),
      "server": .text(order.server), "until": order.until.map { .time($0) } ?? .nothing,
      "reason": .text(order.reason), "this_server_only": .flag(book.isOwn(subject)),
    ]
  }

  private func row(_ subject: OrderSubject, _ order: Order) -> [String] {
    [
      "\(subject)", order.state.rawValue, UTC.text(order.at), "\(order.user) on \(order.server)",
      order.until.map { UTC.text($0) } ?? "taken back",
      book.isOwn(subject) ? "this server" : "every server",
      order.reason.isEmpty ? "none" : order.reason,
    ]
  }

  private var metrics: [Metric] {
    var orders = Metric.gauge("orders", "Orders of operators that are in force, by state.")
    for state in Order.State.allCases {
      orders.add(book.all.count { $0.order.state == state }, ("state", state.rawValue))
    }
    return [orders]
  }
}
