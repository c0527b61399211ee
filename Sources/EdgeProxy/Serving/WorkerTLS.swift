internal import CertStore
internal import Configuration
internal import TLS

/// The certificates of one worker, and the TLS that presents them to clients.
struct WorkerTLS {
  private var context: ServerContext
  private var table: CertificateTable

  init(_ plan: WorkerPlan) throws(TLSError) {
    context = try ServerContext(policy: plan.policy, ticketKeys: plan.ticketKeys)
    table = CertificateTable(plan.certificates)
    context.install(plan.certificates.entries.map(\.certificates), selector: table)
    context.offersHTTP2 = plan.snapshot.configuration.listen.http2
  }

  /// Takes over certificates; connections keep theirs.
  mutating func install(_ index: CertificateIndex) {
    table = CertificateTable(index)
    context.install(index.entries.map(\.certificates), selector: table)
  }

  /// Takes over which versions are spoken and whether sessions are resumed, from the next handshake on.
  mutating func install(_ policy: TLSPolicy) throws(TLSError) {
    guard policy != context.policy else { return }
    let next = try ServerContext(policy: policy, ticketKeys: context.ticketKeys)
    next.install(table.index.entries.map(\.certificates), selector: table)
    next.offersHTTP2 = context.offersHTTP2
    context = next
  }

  func install(_ keys: TicketKeys) { context.ticketKeys = keys }

  func offerHTTP2(_ isOffered: Bool) { context.offersHTTP2 = isOffered }

  func stream(_ descriptor: Int32) throws(TLSError) -> TLSStream {
    try TLSStream(context: context, descriptor: descriptor)
  }

  /// The certificates that a handshake chose from.
  static func entry(of stream: TLSStream) -> CertificateEntry? {
    guard let table = stream.selector as? CertificateTable,
      table.index.entries.indices.contains(stream.selected)
    else { return nil }
    return table.index.entries[stream.selected]
  }
}

extension TLSSettings {
  /// What the TLS layer needs to know of the settings.
  var policy: TLSPolicy {
    TLSPolicy(minimumIsTLS13: minimum == .tls13, tickets: tickets != .off)
  }
}
