internal import ACME
internal import CertStore
internal import Configuration
internal import HTTPCore

extension Exchange {
  /// Why a request is answered here and not by an application.
  enum LocalReason {
    /// A page of our own with a status; the cause goes to the log.
    case status(Int, StaticString)
    case refused(HTTPError)
    /// The client has to say who it is, in the way that the challenge asks for.
    case unauthorized(challenge: [UInt8], StaticString)
    case tooLarge(limit: Int)
    case blockTooLarge(sent: Int, limit: Int)
    case tooOften(StaticString, limit: Int, seconds: Int)
    /// An operator has taken the site out; the client may ask again after so many seconds.
    case siteAway(StaticString, seconds: Int)
    case healthy
    case unhealthy(StaticString)
    case redirect
    /// The route has another name for clients.
    case otherHost([UInt8])
    /// What answers a challenge of a CA.
    case challenge([UInt8])
    /// The same asked for with another method than GET and HEAD.
    case challengeMethod
    /// The client should have spoken TLS.
    case notTLS
    /// TRACE.
    case methodRefused
    /// The route takes other methods, which the answer lists.
    case otherMethods([UInt8])
    /// OPTIONS by which a browser asks whether a page of another origin may.
    case preflight(CrossOrigin)
    /// OPTIONS that goes no further.
    case options
    /// What the route leads to needs no instance.
    case local(LocalRoute)
  }

  /// Finds the route, which is noted, and who answers: `nil` for the upstream of the route.
  func findAnswerer(of connection: Connection?) -> LocalReason? {
    guard let connection else { return .status(503, "draining") }
    if isHealthRequest {
      noteHealth()
      return worker.ability.unable.map { .unhealthy($0.word) } ?? .healthy
    }
    if worker.challengeTable.hasAnswers, let answer = challengeOfTable() { return answer }
    if let rules = snapshot.configuration.addresses, let refusal = refusal(by: rules, connection) {
      return refusal
    }
    if snapshot.rates != nil, let refusal = refusalByRate() { return refusal }
    if request.head.host.isEmpty { return .status(400, "host-missing") }
    if !request.head.hostIsName {
      return connection.listener.isTLS && !request.isFromTrusted
        ? .status(421, "host-not-covered") : .status(404, "route-unknown")
    }
    guard connection.listener.isTLS else { return routePlain() }
    let host = request.head.host
    // A proxy in front sends the requests for all hosts over one connection and may name no server.
    if !request.isFromTrusted, !connection.covers(host), !snapshot.routes.isCaught(host.span) {
      return .status(421, "host-not-covered")
    }
    if let table = worker.sites.table, let refusal = refusalBySite(table) { return refusal }
    return takeRoute(host, connection)
  }

  /// Finds the route among those of the host.
  private func takeRoute(_ host: [UInt8], _ connection: Connection) -> LocalReason? {
    let path = request.head.decodedPath
    guard let found = route(host, path.span) else { return unrouted(host, path.span) }
    guard !request.head.isPathAmbiguous || readsAlike(host, found) else {
      return .status(400, "path-ambiguous")
    }
    // A row of a list would be copied as a whole, with a dozen lists to retain; of a span it is not.
    let routes = snapshot.configuration.routes
    let rows = routes.span
    if let change = rows[found].pathChange, !request.head.allows(change) {
      return .status(400, "path-ambiguous")
    }
    destination = Destination(route: found)
    destination?.rules = rows[found].rules
    if let name = rows[found].canonicalHost, name != host { return .otherHost(name) }
    if snapshot.rates != nil, let refusal = refusalByRate(of: found) { return refusal }
    if rows[found].access != nil, let refusal = refusalByAddress(of: found) { return refusal }
    if snapshot.asksForCertificates, let refusal = refusalByCertificate(connection, found) {
      return refusal
    }
    // Before passwords, which browsers do not send with it.
    if request.head.method == .options, let rule = destination?.rules?.crossOrigin,
      request.head.methodOfPreflight != nil
    {
      return .preflight(rule)
    }
    if rows[found].access != nil, let held = passGates(of: found) { return held.reason }
    return findAnswerer(behind: found)
  }

  /// Who answers a request that its route lets in: `nil` for the upstream of the route.
  func findAnswerer(behind found: Int) -> LocalReason? {
    let routes = snapshot.configuration.routes
    let rows = routes.span
    if request.head.isExtendedConnect,
      let refusal = refuse(rows[found].local, webSocket: rows[found].webSocket)
    {
      return refusal
    }
    if request.head.method == .trace || request.head.method == .options,
      let refusal = refusalToForward(rows[found].local)
    {
      return refusal
    }
    if rows[found].local == nil {
      guard let upstream = findUpstream(found) else { return .status(404, "application-unknown") }
      destination?.upstream = upstream
    }
    if case .length(let count) = request.head.framing, count > UInt64(rows[found].bodyBytesMax) {
      return .tooLarge(limit: rows[found].bodyBytesMax)
    }
    guard worker.buffers.hasMemory else {
      worker.counters.refused(.memory)
      return .status(503, "memory-limit")
    }
    return rows[found].local.map { .local($0) }
  }

  /// Where the request is counted; `nil` while no route has been found.
  var routeCounters: RouteCounters? {
    guard let route = destination?.route else { return nil }
    return snapshot.routeCounters[route]
  }

  /// The upstream of the route; of one that is discovered, the application of the host.
  ///
  /// `nil` where no application has announced itself under the host.
  func findUpstream(_ route: Int) -> WorkerUpstream? {
    let index = snapshot.configuration.routes[route].upstream
    guard let applications = snapshot.applications[index] else { return snapshot.upstreams[index] }
    let host = request.head.host
    return applications.find(host.span)
  }

  /// Whether every reading of the path leads to the same route, so that no application can be shown a
  /// path that another route was to keep from it.
  ///
  /// An application gets the path as it was received. What this server answers by itself is found by
  /// a path without dot segments and with its slashes merged, whatever others would do with them.
  private func readsAlike(_ host: [UInt8], _ route: Int) -> Bool {
    let isLocal = snapshot.configuration.routes[route].local != nil
    return request.head.everyReading(settled: isLocal ? .resolution : []) { path in
      self.route(host, path) == route
    }
  }

  /// The route for a path; conditions are asked for only where any route has some.
  private func route(_ host: [UInt8], _ path: borrowing Span<UInt8>) -> Int? {
    guard snapshot.routes.hasConditions else {
      return snapshot.routes.lookup(host: host.span, path: path)
    }
    guard case .route(let found) = choose(host, path) else { return nil }
    return found
  }

  private func choose(
    _ host: [UInt8], _ path: borrowing Span<UInt8>
  ) -> RouteTable.Choice {
    snapshot.routes.choose(host: host.span, path: path) { $0.fit(request.head) }
  }

  /// Why there is no route: 405 where only the method keeps one from the request, RFC 9110 §15.5.6.
  private func unrouted(_ host: [UInt8], _ path: borrowing Span<UInt8>) -> LocalReason {
    guard snapshot.routes.hasConditions, case .otherMethods(let routes) = choose(host, path) else {
      return .status(404, "route-unknown")
    }
    var methods: [[UInt8]] = []
    for route in routes {
      for method in snapshot.configuration.routes[route].conditions?.allowed ?? []
      where !methods.contains(method) {
        methods.append(method)
      }
    }
    return .otherMethods(Array(methods.joined(separator: Array(", ".utf8))))
  }

  /// Why a route opens no tunnel for a stream; what it would answer with could be taken for one.
  private func refuse(_ local: LocalRoute?, webSocket: Bool) -> LocalReason? {
    switch local {
    case .none: webSocket ? nil : .status(501, "websocket-off")
    case .redirect: nil
    case .files, .respond: .status(501, "websocket-off")
    }
  }

  /// Port 80 has answers of its own only: challenges, health, the way to https.
  ///
  /// A challenge that is not here may be one for the https side, so it is redirected as all else is.
  private func routePlain() -> LocalReason {
    let path = request.head.decodedPath
    return worker.challenges.find(path.span).map { challenge($0) } ?? .redirect
  }

  /// What a CA is told that follows a redirect to https, as it may, is the same as on port 80; the host does not
  /// matter, since a token is a secret of the CA's and says all.
  private func challengeOfTable() -> LocalReason? {
    let path = request.head.decodedPath
    switch worker.challengeTable.find(path.span) {
    case .challenge(let content): return challenge(content)
    case .node(let name): return isReading ? .challenge(name) : .challengeMethod
    case nil: return nil
    }
  }

  private func challenge(_ content: [UInt8]) -> LocalReason {
    guard isReading else { return .challengeMethod }
    worker.counters.answered(.http)
    return .challenge(content)
  }

  private var isReading: Bool { request.head.method == .get || request.head.method == .head }

  /// The health endpoint answers for any Host and for none.
  private var isHealthRequest: Bool {
    guard isReading, !request.head.isExtendedConnect else { return false }
    return request.head.decodedPath == snapshot.healthPath
  }
}
