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
    case tooLarge(limit: Int)
    case blockTooLarge(sent: Int, limit: Int)
    case tooOften(StaticString, limit: Int, seconds: Int)
    case healthy
    case unhealthy(StaticString)
    case redirect
    /// What answers a challenge of a CA.
    case challenge([UInt8])
    /// The same asked for with another method than GET and HEAD.
    case challengeMethod
    /// The client should have spoken TLS.
    case notTLS
    /// TRACE.
    case methodRefused
    /// OPTIONS that goes no further.
    case options
    /// What the route leads to needs no instance.
    case local(LocalRoute)
  }

  /// Finds the route, which is noted, and who answers: `nil` for the upstream of the route.
  func findAnswerer(of connection: Connection?) -> LocalReason? {
    guard let connection else { return .status(503, "draining") }
    if isHealthRequest {
      return worker.ability.unable.map { .unhealthy($0.word) } ?? .healthy
    }
    if worker.challengeTable.hasAnswers, let answer = challengeOfTable() { return answer }
    if snapshot.rates != nil, let refusal = refusalByRate() { return refusal }
    if request.head.host.isEmpty { return .status(400, "host-missing") }
    if !request.head.hostIsName {
      return connection.listener.isTLS && !request.isFromTrusted
        ? .status(421, "host-not-covered") : .status(404, "route-unknown")
    }
    guard connection.listener.isTLS else { return routePlain() }
    let host = request.head.host
    // A proxy in front sends the requests for all hosts over one connection and may name no server.
    if !request.isFromTrusted, !connection.covers(host) {
      return .status(421, "host-not-covered")
    }
    let path = request.head.decodedPath
    guard let found = snapshot.routes.lookup(host: host.span, path: path.span) else {
      return .status(404, "route-unknown")
    }
    guard !request.head.isPathAmbiguous || readsAlike(host, found) else {
      return .status(400, "path-ambiguous")
    }
    // A row of a list would be copied as a whole, with a dozen lists to retain; of a span it is not.
    let routes = snapshot.configuration.routes
    let rows = routes.span
    destination = Destination(route: found)
    if snapshot.rates != nil, let refusal = refusalByRate(of: found) { return refusal }
    destination?.rules = rows[found].rules
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
      snapshot.routes.lookup(host: host.span, path: path) == route
    }
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
