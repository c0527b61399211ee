internal import ArgumentParser
internal import CertStore
internal import Etcd

/// `edgeproxy cert remove`: takes a certificate out of etcd.
///
/// Servers keep one whose names nothing else covers; `--confirm` leaves a note in its place that tells
/// them to let it go all the same. The note goes by itself after a while.
struct CertRemoveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Remove a certificate.")

  @OptionGroup var file: ConfigurationFile
  @OptionGroup var certificate: CertificateNameArgument

  @Flag(help: "Remove it although no other certificate covers its names.")
  var confirm = false

  /// How long the note lies there: also a server that was away so long lets go of it.
  private static let noteSeconds: Int64 = 30 * 86_400

  func run() throws {
    try CommandBody.run {
      let session = try EtcdSession(file)
      let key = session.key(certificate.name)
      let all = try session.stored()
      guard let old = all.first(where: { $0.key == key }) else {
        throw CommandFailure("there is no '\(KeyText.text(key))' in etcd")
      }
      var judged = session.judged(all)
      _ = judged.apply([.deleted(key: key)], now: session.now)
      let source = KeyText.text(key)
      if let kept = judged.refusals.first(where: { $0.source == source }) {
        guard confirm else {
          throw CommandFailure("not removed: \(kept.reason); '--confirm' removes it all the same")
        }
        let lease: LeaseGrantResponse = try session.wait {
          session.client.leaseGrant(LeaseGrantRequest(seconds: Self.noteSeconds), $0)
        }
        try session.replace(key, old, by: Tombstone.text, lease: lease.id)
      } else {
        try delete(old, session)
      }
      print("\(certificate.name)  removed")
    }
  }

  private func delete(_ old: KeyValue, _ session: EtcdSession) throws {
    let transaction = TxnRequest(
      compare: [Compare(.key(old.key), .equal, .modRevision(old.modRevision))],
      success: [.deleteRange(DeleteRangeRequest(.key(old.key)))])
    let response: TxnResponse = try session.wait { session.client.txn(transaction, $0) }
    guard response.succeeded else {
      throw CommandFailure("'\(KeyText.text(old.key))' was changed meanwhile; it is still there")
    }
  }
}
