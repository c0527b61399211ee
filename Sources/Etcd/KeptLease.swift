internal import EventLoop

/// A lease that is kept alive: what is put under it stays while this process lives and reaches etcd.
///
/// It is granted, renewed three times in its time to live, and granted anew after it was lost.
package final class KeptLease {
  private let client: EtcdClient
  private let timeToLive: Duration
  private let gained: (Int64) -> Void
  private let lost: () -> Void
  private let failed: (CallError) -> Void
  private var term: LeaseTerm?
  private var call: GRPCCall?
  private var alarm: Alarm?
  private var isEnded = false
  /// Nothing of it is left to be said to etcd.
  package private(set) var isOver = false

  private static let retryAfter = Duration.seconds(1)

  /// `gained` is told of each new lease, `lost` when it has run out or etcd does not know it, and
  /// `failed` why there is none or why it was not renewed.
  package init(
    _ client: EtcdClient, timeToLive: Duration, gained: @escaping (Int64) -> Void,
    lost: @escaping () -> Void, failed: @escaping (CallError) -> Void = { _ in }
  ) {
    self.client = client
    self.timeToLive = timeToLive
    self.gained = gained
    self.lost = lost
    self.failed = failed
    alarm = Alarm(on: client.loop) { [unowned self] in beat() }
    grant()
  }

  /// Stops renewing and has etcd delete what is under the lease; `isOver` tells when that is done.
  package func end() {
    guard !isEnded else { return }
    isEnded = true
    alarm?.cancel()
    call?.cancel()
    call = nil
    guard let term else {
      isOver = true
      return
    }
    client.leaseRevoke(LeaseRevokeRequest(id: term.id)) { [weak self] _ in self?.isOver = true }
  }

  private func grant() {
    let asked = client.loop.clockNow
    client.leaseGrant(LeaseGrantRequest(seconds: timeToLive.components.seconds)) {
      [weak self] result in
      guard let self, !isEnded else { return }
      switch result.flatMap({ LeaseTerm.read($0, asked: asked) }) {
      case .success(let term):
        self.term = term
        alarm?.set(after: timeToLive / 3)
        gained(term.id)
      case .failure(let error):
        alarm?.set(after: Self.retryAfter)
        failed(error)
      }
    }
  }

  /// Every third of the time to live.
  private func beat() {
    guard let term else { return grant() }
    if term.isOver(now: client.loop.clockNow) { return expired() }
    if let call {
      call.send(LeaseKeepAliveRequest(id: term.id).encoded(), isLast: false)
      alarm?.set(after: timeToLive / 3)
    } else {
      renew(term.id)
    }
  }

  private func renew(_ identifier: Int64) {
    alarm?.set(after: Self.retryAfter)
    client.stream(
      .leaseKeepAlive,
      received: { [weak self] _, message in self?.renewed(message) ?? true },
      ended: { [weak self] result in
        // The next beat goes to another member.
        guard let self, !isEnded else { return }
        if case .failure(let error) = result { failed(error) }
        call = nil
        alarm?.set(after: Self.retryAfter)
      },
      begun: { [weak self] call in
        guard let self, !isEnded else { return call.cancel() }
        self.call = call
        call.send(LeaseKeepAliveRequest(id: identifier).encoded(), isLast: false)
        alarm?.set(after: timeToLive / 3)
      })
  }

  private func renewed(_ message: [UInt8]) -> Bool {
    guard case .success(let response) = LeaseKeepAliveResponse.read(message) else { return false }
    if term?.renewed(by: response, now: client.loop.clockNow) == .gone { expired() }
    return true
  }

  private func expired() {
    term = nil
    call?.cancel()
    call = nil
    lost()
    if !isEnded { grant() }
  }
}

@available(*, unavailable) extension KeptLease: Sendable {}
