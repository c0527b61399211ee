internal import CertStore
internal import Configuration
internal import TLS

/// The certificates of one worker, and the TLS that presents them to clients.
struct WorkerTLS {
  private var context: ServerContext

  init(_ plan: WorkerPlan) throws(TLSError) {
    context = try ServerContext(policy: plan.policy, ticketKeys: plan.ticketKeys)
    context.install(CertificateTable(plan.certificates))
    context.offersHTTP2 = plan.snapshot.configuration.listen.http2
  }

  /// Takes over certificates; connections keep theirs.
  func install(_ index: CertificateIndex) { context.install(CertificateTable(index)) }

  /// Takes over which versions are spoken and whether sessions are resumed, from the next handshake on.
  mutating func install(_ policy: TLSPolicy) throws(TLSError) {
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

  func offerHTTP2(_ isOffered: Bool) { context.offersHTTP2 = isOffered }

  func stream(_ descriptor: Int32) throws(TLSError) -> TLSStream {
    try TLSStream(context: context, descriptor: descriptor)
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
