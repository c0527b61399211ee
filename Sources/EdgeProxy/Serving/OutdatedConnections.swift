internal import TLS

extension Worker {
  /// Hosts may ask something else of their clients' certificates than before: connections that were made
  /// under another rule take no further request, and what is under way on them goes on.
  ///
  /// A request that comes over one of them all the same is answered 421.
  func sendOthersAway(thanUnder previous: ClientRules?) {
    guard previous != snapshot.clientRules else { return }
    for connection in connections where connection.listener.kind == .https {
      if let stream = connection.stream, !tls.isUnderPresentRule(stream) { connection.drain() }
    }
  }
}
