internal import Calendar
internal import EventLoop

/// Why a node gets no requests, or fewer than it could, in words.
struct NodeWhy {
  var node: NodeState
  var role: NodeRole
  /// What an operator has ordered of it.
  var order: Order?
  /// Why it is not announced any more, where it announces itself.
  var doubt: KnownInstance.Doubt?
  /// What the last check found.
  var check: CheckRecord.Last?
  /// Until when it is out, in seconds since 1970; `nil` while it is not.
  var outUntil: Int64?

  /// One sentence for each reason; `nil` where nothing stands in the way.
  var text: String? {
    let parts = [ordered, announced, health].compactMap { $0 }
    return parts.isEmpty ? nil : parts.joined(separator: "; ")
  }

  private var ordered: String? {
    guard let order, node.standing != .enabled else { return nil }
    let since = "\(order.source) since \(UTC.text(order.at))"
    let reason = order.reason.isEmpty ? "" : " (\(order.reason))"
    return node.standing == .disabled
      ? "disabled \(since)\(reason)"
      : "draining \(since)\(reason): it gets only requests that a cookie binds to it"
  }

  private var announced: String? {
    guard role.isDoubtful else { return nil }
    let asked = "asked only while there is no other"
    switch doubt {
    case .goodbye: return "it has said goodbye: \(asked)"
    case .silent: return "not announced any more: \(asked)"
    case .lapsed: return "its server does not share it any more: \(asked)"
    case nil: return "not announced any more, or it has said goodbye: \(asked)"
    }
  }

  private var health: String? {
    let condition = node.condition
    let trouble = node.trouble?.text ?? node.lastFailure.map { $0.failure.sentence }
    let cause = (trouble ?? "tries failed") + checked
    if condition.isOnTrial { return "one request finds out whether it is back: \(cause)" }
    if let outUntil { return "out until \(UTC.text(outUntil)): \(cause)" }
    if node.isDown { return "down, and asked for want of another: \(cause)" }
    if node.isSuspected { return "silent for its last requests, and being checked" }
    return condition.lastFailed ? "the last try or check failed: \(cause)" : nil
  }

  /// The last check, where that was not well.
  private var checked: String {
    guard let check, !check.outcome.isWell else { return "" }
    return ", last check \(check.outcome.description) at \(UTC.text(check.at))"
  }
}

/// How long the last answers of a node took to their first byte, in milliseconds.
struct NodeLatency {
  let summary: LatencyHistogram.Summary

  var value: StatusValue {
    guard summary.count > 0 else { return .nothing }
    return [
      "p50": .number(summary.p50), "p95": .number(summary.p95), "p99": .number(summary.p99),
      "answers": .number(summary.count),
    ]
  }

  /// As in `12/40/90 ms`.
  var text: String {
    summary.count == 0 ? "none" : "\(summary.p50)/\(summary.p95)/\(summary.p99) ms"
  }
}

extension Discovery {
  /// Why an instance of an application is not announced any more.
  func doubt(of node: NodeState, key: [UInt8], now: Instant) -> KnownInstance.Doubt? {
    registry.records[key]?.instances.first {
      $0.instance.address == node.address && $0.instance.server == node.server
    }?.doubt(now)
  }
}
