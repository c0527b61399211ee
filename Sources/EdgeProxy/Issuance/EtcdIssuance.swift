internal import CertStore
internal import Configuration
internal import Etcd
internal import EventLoop
internal import TLS

/// What a fleet knows of its orders, in etcd below `PREFIX acme/`.
///
///     holder       the server that issues, under its lease
///     accounts/…, orders/…, renewals/…, journal/…, requests/…   `IssuanceRecords`
///
/// Every write of the holder compares the revision that made it the holder: one that was frozen until its
/// lease was over writes nothing any more.
final class EtcdIssuance: IssuanceStore {
  private let client: EtcdClient
  private let loop: EventLoop
  private let prefix: String
  private let certificatePrefix: String
  private let encryption: EncryptionKeys?
  private let writes: EtcdWrites
  private var watch: RangeWatch?
  private var lease: KeptLease?
  private var place: HeldPlace
  private var known: [RecordName: Known] = [:]
  private var outdated: Set<RecordName> = []
  private(set) var refusals: [String: String] = [:]
  private(set) var isRead = false
  private var isAsking = false
  var changed: () -> Void = {}

  /// A record as it was read or written last.
  private struct Known {
    var text: [UInt8]
    /// Since when it is so; what etcd tells of a time before is no news.
    var revision: Int64
  }

  /// How many records are sealed anew in a second.
  private static let resealMax = 20

  /// How long the place of a server that died stays taken.
  ///
  /// A lease is renewed each third of it, and etcd may take some seconds to replace a member or to choose a
  /// leader: with less a healthy server would lose its place then, and give up its order. Nothing that is
  /// served waits for the next one.
  static let timeToLive = Duration.seconds(15)

  /// `certificatePrefix` is what the keys of certificates begin with.
  init(
    _ client: EtcdClient, on loop: EventLoop, prefix: String, certificatePrefix: String,
    node: String, encryption: EncryptionKeys?, writes: EtcdWrites
  ) {
    self.client = client
    self.loop = loop
    self.prefix = prefix + "acme/"
    self.certificatePrefix = certificatePrefix
    self.encryption = encryption
    self.writes = writes
    place = HeldPlace(key: Array("\(prefix)acme/holder".utf8), node: node)
    watch = RangeWatch(client, .prefix(Array(self.prefix.utf8))) { [unowned self] in told($0) }
    lease = KeptLease(
      client, timeToLive: Self.timeToLive,
      gained: { [unowned self] in
        writes.succeeded(.leases)
        place.lease = $0
        becomeHolder()
        changed()
      },
      lost: { [unowned self] in
        place.lease = nil
        changed()
      },
      failed: { writes.failed(.leases, $0) })
    watch?.start()
  }

  /// The lease under which the holder's key and the challenges are put; `nil` while there is none.
  var leaseIdentifier: Int64? { place.lease }

  var holder: String? { place.holder }

  var isHolder: Bool { place.isOurs && isRead }

  var failure: String? {
    guard let watch, watch.isSynced else {
      return "etcd is away: \(watch?.failure ?? client.lastFailure ?? "no answer yet")"
    }
    return nil
  }

  func text(_ name: RecordName) -> [UInt8]? { known[name]?.text }

  func names(_ kind: RecordName.Kind) -> [String] {
    known.keys.filter { $0.kind == kind }.map(\.name).sorted()
  }

  // MARK: What etcd tells

  private func told(_ changes: Changes) {
    if changes.isListing { isRead = true }
    place.apply(changes)
    for key in changes.removed {
      guard let name = recordName(key) else { continue }
      known[name] = nil
      outdated.remove(name)
      refusals[name.description] = nil
    }
    for keyValue in changes.put {
      guard let name = recordName(keyValue.key) else { continue }
      take(name, keyValue, isListing: changes.isListing)
    }
    becomeHolder()
    changed()
  }

  private func recordName(_ key: [UInt8]) -> RecordName? {
    guard key.starts(with: Array(prefix.utf8)) else { return nil }
    return RecordName(String(decoding: key.dropFirst(prefix.utf8.count), as: UTF8.self))
  }

  private func take(_ name: RecordName, _ keyValue: KeyValue, isListing: Bool) {
    let value = keyValue.value
    if !isListing, let known = known[name], known.revision > keyValue.modRevision { return }
    do throws(EnvelopeError) {
      known[name] = Known(
        text: try name.opened(value, with: encryption), revision: keyValue.modRevision)
      refusals[name.description] = nil
      if name.isOutdated(value, encryption) { outdated.insert(name) } else { outdated.remove(name) }
    } catch {
      // It is not overwritten: the key that opens it may be missing here alone.
      known[name] = nil
      refusals[name.description] = error.description
    }
  }

  /// Whether the key that opens an account is missing here.
  ///
  /// Such a server can order nothing, and what it writes is closed to the others.
  private var lacksKeys: Bool {
    refusals.keys.contains { $0.hasPrefix("\(RecordName.Kind.accounts.rawValue)/") }
  }

  /// Leaves the place to a server that can read what is there.
  private func stepDown() {
    guard isRead, let resignation = place.resignation else { return }
    client.txn(resignation) { _ in }
  }

  private func becomeHolder() {
    guard isRead, !lacksKeys, !isAsking, let claim = place.claim else { return }
    isAsking = true
    client.txn(claim) { [weak self] result in
      guard let self else { return }
      isAsking = false
      writes.ended(.issuance, result)
    }
  }

  func everySecond() {
    becomeHolder()
    guard isHolder else { return }
    if lacksKeys { return stepDown() }
    for name in outdated.prefix(Self.resealMax) { reseal(name) }
  }

  /// Seals a record with the first of the keys, unless it is written meanwhile.
  private func reseal(_ name: RecordName) {
    outdated.remove(name)
    guard let fence, let known = known[name],
      let step = try? step(RecordChange(name: name, text: known.text))
    else { return }
    let unchanged = Compare(.key(key(name)), .equal, .modRevision(known.revision))
    client.txn(TxnRequest(compare: [fence, unchanged], success: [step])) { [weak self] result in
      self?.writes.ended(.issuance, result)
    }
  }

  // MARK: Writing

  private func key(_ name: RecordName) -> [UInt8] { Array("\(prefix)\(name)".utf8) }

  private func step(_ change: RecordChange) throws(TLSError) -> RequestOp {
    let key = key(change.name)
    guard let text = change.text else { return .deleteRange(DeleteRangeRequest(.key(key))) }
    return .put(PutRequest(key: key, value: try change.name.sealed(text, with: encryption)))
  }

  private func steps(_ changes: [RecordChange]) throws(TLSError) -> [RequestOp] {
    var steps: [RequestOp] = []
    for change in changes { steps.append(try step(change)) }
    return steps
  }

  /// What has to hold for this server to write.
  private var fence: Compare? { isRead ? place.fence : nil }

  func write(_ changes: [RecordChange], _ done: @escaping (IssuanceFailure?) -> Void) {
    guard let fence else { return later { done(.fencedOff) } }
    let request: TxnRequest
    do throws(TLSError) {
      request = TxnRequest(compare: [fence], success: try steps(changes))
    } catch {
      return later { [error] in done(.failed("\(error)")) }
    }
    client.txn(request) { [weak self] result in
      guard let self else { return }
      writes.ended(.issuance, result)
      switch result {
      case .success(let response) where response.succeeded:
        wrote(changes, response.header.revision)
        done(nil)
      case .success: done(.fencedOff)
      case .failure(let error): done(.failed("etcd: \(error)"))
      }
    }
  }

  private func wrote(_ changes: [RecordChange], _ revision: Int64) {
    for change in changes {
      known[change.name] = change.text.map { Known(text: $0, revision: revision) }
    }
  }

  func ask(_ request: RecordChange, _ done: @escaping (IssuanceFailure?) -> Void) {
    let step: RequestOp
    do throws(TLSError) {
      step = try self.step(request)
    } catch {
      return later { [error] in done(.failed("\(error)")) }
    }
    client.txn(TxnRequest(compare: [], success: [step])) { [weak self] result in
      self?.writes.ended(.issuance, result)
      switch result {
      case .success: done(nil)
      case .failure(let error): done(.failed("etcd: \(error)"))
      }
    }
  }

  private func later(_ act: @escaping () -> Void) { loop.soon(act) }

  // MARK: Certificates

  private func certificateKey(_ name: String) -> [UInt8] { Array((certificatePrefix + name).utf8) }

  func certificate(
    _ name: String, _ done: @escaping (Result<KeptCertificate?, IssuanceFailure>) -> Void
  ) {
    client.range(RangeRequest(.key(certificateKey(name)))) { [encryption] result in
      switch result {
      case .failure(let error): done(.failure(.failed("etcd: \(error)")))
      case .success(let response):
        let kept = response.keyValues.first.map { keyValue in
          let bundle = try? CertificateBundle(
            reading: keyValue.value, keys: encryption, allowsPlain: true)
          return KeptCertificate(
            certificate: bundle?.certificate, revision: keyValue.modRevision)
        }
        done(.success(kept))
      }
    }
  }

  func put(
    _ name: String, chain: [UInt8], key: [UInt8], replacing old: KeptCertificate?,
    _ changes: [RecordChange], _ done: @escaping (Result<Certificate, IssuanceFailure>) -> Void
  ) {
    guard let fence else { return later { done(.failure(.fencedOff)) } }
    let place = KeyRange.key(certificateKey(name))
    let request: TxnRequest
    let certificate: Certificate
    do {
      let bundle = try CertificateBundle.write(
        chainPEM: chain, keyPEM: key, keys: encryption, now: WallTime.seconds)
      certificate = try CertificateBundle(reading: bundle, keys: encryption).certificate
      request = TxnRequest(
        compare: [fence, Compare(place, .equal, .modRevision(old?.revision ?? 0))],
        success: [.put(PutRequest(key: certificateKey(name), value: bundle))] + (try steps(changes))
      )
    } catch {
      let reason = "\(error)"
      return later { done(.failure(.refused(reason))) }
    }
    client.txn(request) { [weak self] result in
      guard let self else { return }
      writes.ended(.issuance, result)
      switch result {
      case .success(let response) where response.succeeded:
        wrote(changes, response.header.revision)
        done(.success(certificate))
      case .success: done(.failure(isHolder ? .overtaken : .fencedOff))
      case .failure(let error): done(.failure(.failed("etcd: \(error)")))
      }
    }
  }

  // MARK: The end

  func end() {
    watch?.end()
    place.forget()
    lease?.end()
  }

  var isOver: Bool { lease?.isOver ?? true }
}

@available(*, unavailable) extension EtcdIssuance: Sendable {}
