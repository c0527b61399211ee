internal import Configuration

extension Configuration {
  /// A key whose change only a restart can bring about; `nil` for none.
  func needsRestart(after old: Configuration) -> String? {
    if (old.tls.tickets == .etcd) != (tls.tickets == .etcd) { return "tls.tickets" }
    if old.state != state { return "state" }
    if (old.listen.closeWhenUnable == .fleet) != (listen.closeWhenUnable == .fleet) {
      return "listen.close_when_unable"
    }
    if (old.subscriptions?.isShared ?? false) != (subscriptions?.isShared ?? false) {
      return "subscriptions.share"
    }
    if old.listen.peers.isEmpty != listen.peers.isEmpty { return "listen.peers" }
    if !old.listen.peers.isEmpty, old.node != node { return "node" }
    if old.etcd != etcd { return "etcd" }
    if old.certificates.etcd != certificates.etcd { return "certificates.etcd" }
    return nil
  }
}
