internal import CertStore
internal import Configuration
internal import TLS

/// The certificates of one worker, and the TLS that presents them to clients.
struct WorkerTLS {
  private var context: ServerContext
  private var certificates: CertificateIndex
  private(set) var clientRules: ClientRules?
  private var servesUnknown: Bool

  init(_ plan: WorkerPlan) throws(TLSError) {
    certificates = plan.certificates
    clientRules = plan.snapshot.clientRules
    context = try ServerContext(policy: plan.policy, ticketKeys: plan.ticketKeys)
    servesUnknown = plan.snapshot.routes.hasCatchAll
    present()
    context.offersHTTP2 = plan.snapshot.configuration.listen.http2
  }

  /// Takes over certificates; connections keep theirs.
  mutating func install(_ index: CertificateIndex) {
    certificates = index
    present()
  }

  /// Takes over a configuration, from the next handshake on.
  ///
  /// What clients are asked for is in force also where the rest is not.
  mutating func install(_ plan: SnapshotPlan) throws(TLSError) {
    if plan.clientRules != clientRules || plan.routes.hasCatchAll != servesUnknown {
      clientRules = plan.clientRules
      servesUnknown = plan.routes.hasCatchAll
      present()
    }
    context.offersHTTP2 = plan.configuration.listen.http2
    try install(plan.configuration.tls.policy)
  }

  private func present() {
    context.install(CertificateTable(certificates, clientRules, servesUnknown: servesUnknown))
  }

  /// Takes over which versions are spoken and whether sessions are resumed.
  private mutating func install(_ policy: TLSPolicy) throws(TLSError) {
    guard policy != context.policy else { return }
    let next = try ServerContext(policy: policy, ticketKeys: context.ticketKeys)
    if let selector = context.selector { next.install(selector) }
    next.install(context.challengePairs)
    next.offersHTTP2 = context.offersHTTP2
    context = next
  }

  func install(_ keys: TicketKeys) { context.ticketKeys = keys }

  /// Takes over what CAs are shown, by name.
  func install(_ pairs: [[UInt8]: ChallengePair]) { context.install(pairs) }

  func stream(_ descriptor: Int32) throws(TLSError) -> TLSStream {
    try TLSStream(context: context, descriptor: descriptor)
  }

  /// Whether a connection was made under the rule that its server name has now.
  func isUnderPresentRule(_ stream: TLSStream) -> Bool {
    let name = stream.serverName
    return stream.clientRule == context.selector?.clientRule(for: name.span)
  }

  /// The certificates that a handshake chose from.
  static func entry(of stream: TLSStream) -> CertificateEntry? {
    stream.selected as? CertificateEntry
  }
}

extension TLSSettings {
  /// What the TLS layer needs to know of the settings.
  var policy: TLSPolicy {
    TLSPolicy(minimumIsTLS13: minimum == .tls13, tickets: tickets != .off)
  }
}
