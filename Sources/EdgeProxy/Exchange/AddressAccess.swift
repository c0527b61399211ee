internal import Configuration
internal import HTTPCore

/// Clients that are let in or kept out by their address, which is the one behind trusted proxies.
extension Exchange {
  /// Why no route answers this client; `nil` for one that is let in.
  ///
  /// A CA may ask from anywhere, so what answers its challenges is for everybody.
  func refusal(by rules: AddressRules, _ connection: Connection) -> LocalReason? {
    if rules.admits(request.client) { return nil }
    let path = request.head.decodedPath
    if !connection.listener.isTLS, worker.challenges.find(path.span) != nil { return nil }
    return .status(403, "address-denied")
  }

  /// Why this route does not answer the client; `nil` for one that is let in.
  func refusalByAddress(of route: Int) -> LocalReason? {
    let rules = snapshot.configuration.routes[route].access?.addresses
    return rules?.admits(request.client) ?? true ? nil : .status(403, "address-denied")
  }
}
