internal import EventLoop
internal import Logging

/// What this server listens on, and what it does not, for the log and the service manager.
struct ListenerSummary: Equatable {
  /// As in `https 0.0.0.0:443`.
  var open: [String] = []
  /// The same, each with the reason.
  var missing: [String] = []
  /// Why https is closed although it could be listened on; `nil` while it is open, or is not wanted.
  var closed: String?

  init(_ places: [PortKeeper.Place], httpsClosed reason: String?) {
    for place in places {
      let name = "\(place.kind.rawValue) \(place.address)"
      if place.isOpen {
        open.append(name)
      } else if let failure = place.failure {
        missing.append("\(name) (\(failure.error))")
      }
    }
    closed = reason
  }

  /// One line.
  var summary: String {
    var parts: [String] = []
    if !open.isEmpty { parts.append("serving on \(open.joined(separator: ", "))") }
    if let closed { parts.append("https is closed: \(closed)") }
    if !missing.isEmpty { parts.append("not listening on \(missing.joined(separator: ", "))") }
    return parts.isEmpty ? "serving nothing" : parts.joined(separator: "; ")
  }
}

/// Nothing can be listened on, so that nobody can reach this server.
struct NothingListened: Error, CustomStringConvertible {
  let failures: [Ports.Failure]

  /// No address can be listened on before the configuration, the unit or the kernel is another.
  var isPermanent: Bool { failures.allSatisfy(\.isPermanent) }

  var description: String {
    failures.map { "\($0); \($0.advice)" }.joined(separator: "\nedgeproxy: ")
  }
}

extension Server {
  var listeners: ListenerSummary {
    let isClosed = !configuration.listen.https.isEmpty && !ports.isOpen && ports.failure == nil
    let reason = ability.unable?.word.description ?? ports.change.reason
    return ListenerSummary(ports.places, httpsClosed: isClosed ? reason : nil)
  }

  /// The line in the log that ends the start.
  func logServing() {
    let listeners = listeners
    var metadata: Logger.Metadata = [
      "workers": "\(workers.count)", "node": "\(configuration.node)",
      "listening": "\(listeners.open.joined(separator: ", "))",
    ]
    if !listeners.missing.isEmpty {
      metadata["not_listening"] = "\(listeners.missing.joined(separator: ", "))"
    }
    if let closed = listeners.closed { metadata["https_closed"] = "\(closed)" }
    if listeners.open.isEmpty {
      logger.warning("serving nothing yet", metadata: metadata)
    } else {
      logger.notice("serving", metadata: metadata)
    }
  }

  /// Lets the service manager know what has changed.
  func tellListeners() {
    guard !ability.isDraining, service.isNews(ports.version) else { return }
    service.tell(listeners.summary)
  }
}
