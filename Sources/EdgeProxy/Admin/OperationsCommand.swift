internal import Configuration

/// What an operator orders of a node or a host, as the admin socket takes it.
struct OperationsCommand: Equatable, Sendable {
  /// As it was written: the address of a node or a host.
  var subject: String
  /// `nil` takes the order back.
  var state: Order.State?
  /// Whether it is about hosts.
  var isOfHosts: Bool
  /// After so many seconds it ends by itself.
  var seconds: Int64?
  var reason = ""
  /// Of this server alone, whatever etcd says.
  var isOwn = false

  /// The paths that are such commands.
  static let paths = [
    "/node/disable", "/node/drain", "/node/enable", "/maintenance/on", "/maintenance/pause",
    "/maintenance/off",
  ]
  private static let subjectBytesMax = 512

  /// Reads a path and its query; `nil` for what is no such command.
  ///
  /// A word too many is none either: one who meant `for` and wrote another word would wait for an end.
  init?(path: String, query: String) {
    guard var values = AdminQuery.values(query), values.values.allSatisfy({ $0.count == 1 }) else {
      return nil
    }
    func take(_ name: String) -> String? { values.removeValue(forKey: name)?.first }
    switch path {
    case "/node/disable": (isOfHosts, state) = (false, .disabled)
    case "/node/drain": (isOfHosts, state) = (false, .draining)
    case "/node/enable": (isOfHosts, state) = (false, nil)
    case "/maintenance/on": (isOfHosts, state) = (true, .maintenance)
    case "/maintenance/pause": (isOfHosts, state) = (true, .paused)
    case "/maintenance/off": (isOfHosts, state) = (true, nil)
    default: return nil
    }
    guard let subject = take(isOfHosts ? "host" : "address"),
      (1...Self.subjectBytesMax).contains(subject.utf8.count),
      !subject.unicodeScalars.contains(where: \.isControl)
    else { return nil }
    self.subject = subject
    if let text = take("for") {
      guard isOfHosts, state != nil, let seconds = Number.parse(text), seconds >= 1,
        seconds <= Order.spanMax
      else { return nil }
      self.seconds = Int64(seconds)
    }
    if let text = take("reason") {
      guard state != nil, Order.isReason(text) else { return nil }
      reason = text
    }
    switch take("here") {
    case nil, "0": break
    case "1": isOwn = true
    default: return nil
    }
    guard values.isEmpty else { return nil }
  }
}
