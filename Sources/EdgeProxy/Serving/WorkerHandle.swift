internal import CertStore
internal import EventLoop
internal import TLS

/// A worker as other threads see it: they may ask it to do something, and read what it
/// counts, and no more.
struct WorkerHandle: Sendable {
  let loop: LoopHandle
  let counters: WorkerCounters

  func post(_ job: @escaping @Sendable (Worker) -> Void) {
    loop.post { loop in
      if let worker = loop.owner as? Worker { job(worker) }
    }
  }
}

/// What a worker is made of; everything in it may cross threads.
struct WorkerPlan: Sendable {
  let snapshot: SnapshotPlan
  let certificates: CertificateIndex
  let ticketKeys: TicketKeys
  let policy: TLSPolicy
  let spoolDirectory: String
  /// Shared by all workers.
  let perAddress: ConnectionLimit
  let ability: Ability
  let httpsPort: UInt16
  /// Has nodes checked at once that have fallen silent; any thread calls it.
  let checkSuspects: @Sendable () -> Void
  /// The sites that are taken out; `nil` for none.
  var sites: SiteTable?
  /// The whole server's.
  var warnings = Warnings()
}
