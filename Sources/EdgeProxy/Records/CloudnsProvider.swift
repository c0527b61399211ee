internal import Configuration
internal import DNSCore
internal import EventLoop
internal import HTTPCore
internal import Logging

/// Keeps records at ClouDNS, over its HTTP API.
///
/// A record that is not active is not answered, so it counts as missing; adding it makes it active.
final class CloudnsProvider: RecordProvider {
  typealias Change = (@escaping (RecordFailure?) -> Void) -> Void
  private typealias Records = Result<[CloudnsAPI.Record], RecordFailure>

  let zone: DNSName
  let calls: CloudnsCalls
  let loop: EventLoop
  private let seconds: UInt32
  private let logger: Logger
  private var pause: Alarm?
  private var isClosed = false

  /// How long the servers of ClouDNS are waited for; then the CA may see for itself.
  static let patience = Duration.seconds(60)
  private static let askAgainAfter = Duration.seconds(2)

  init(
    _ settings: RecordsSettings.ClouDNS, zone: DNSName, seconds: UInt32, on loop: EventLoop,
    logger: Logger
  ) {
    self.zone = zone
    self.seconds = seconds
    self.loop = loop
    self.logger = logger
    calls = CloudnsCalls(settings, on: loop)
  }

  deinit { pause?.cancel() }

  func close() {
    isClosed = true
    pause?.cancel()
    calls.close()
  }

  // MARK: Addresses

  func list(
    _ names: [DNSName],
    _ done: @escaping (Result<Set<AddressRecord>?, RecordFailure>) -> Void
  ) {
    addresses(names) { result in
      done(
        result.map { found in
          Set(found.lazy.filter { $0.record.isActive }.map(\.address))
        })
    }
  }

  func add(_ record: AddressRecord, _ done: @escaping (RecordFailure?) -> Void) {
    put(record.addressText, of: record.type, at: record.name, done)
  }

  func remove(_ record: AddressRecord, _ done: @escaping (RecordFailure?) -> Void) {
    take(record.type, at: record.name, done) { value in
      Self.address(value) == record.address
    }
  }

  /// What these names have, with the records themselves; also those that are not active.
  func addresses(
    _ names: [DNSName],
    _ done:
      @escaping (
        Result<[(address: AddressRecord, record: CloudnsAPI.Record)], RecordFailure>
      ) -> Void
  ) {
    var wanted: [String: DNSName] = [:]
    for name in names {
      guard let host = CloudnsAPI.host(of: name, in: zone) else { continue }
      wanted[host] = name
    }
    ask([.ipv4, .ipv6], []) { result in
      done(
        result.map { records in
          records.compactMap { record in
            guard let name = wanted[record.host], let address = Self.address(record.value)
            else { return nil }
            return (AddressRecord(name: name, address: address), record)
          }
        })
    }
  }

  private func ask(
    _ types: ArraySlice<DNSType>, _ found: [CloudnsAPI.Record],
    _ done: @escaping (Records) -> Void
  ) {
    guard let type = types.first else { return done(.success(found)) }
    calls.call(CloudnsAPI.records(of: type, in: zone), CloudnsAPI.records) {
      [weak self] (result: Records) in
      switch result {
      case .failure: done(result)
      case .success(let more):
        // A type that the API does not know is passed over there, and all records come.
        self?.ask(
          types.dropFirst(), found + more.filter { $0.type == "\(type)" }, done)
      }
    }
  }

  // MARK: Challenges

  func present(
    _ texts: [DNSName: [[UInt8]]], _ done: @escaping (RecordFailure?) -> Void
  ) {
    let changes: [Change] = Self.flat(texts).map { name, text in
      { [unowned self] in put(text, of: .text, at: name, $0) }
    }
    run(changes[...], goesOn: false, nil) { [weak self] failure in
      guard let self else { return }
      if let failure { return done(failure) }
      awaitServers(until: loop.now + Self.patience, done)
    }
  }

  func withdraw(
    _ texts: [DNSName: [[UInt8]]], _ done: @escaping (RecordFailure?) -> Void
  ) {
    let changes: [Change] = Self.flat(texts).map { name, text in
      { [unowned self] in take(.text, at: name, $0) { $0 == text } }
    }
    run(changes[...], goesOn: true, nil, done)
  }

  private static func flat(_ texts: [DNSName: [[UInt8]]]) -> [(DNSName, String)] {
    texts.flatMap { name, values in
      values.map { (name, String(decoding: $0, as: UTF8.self)) }
    }
  }

  /// One after the other; what goes on tells the first failure at the end.
  private func run(
    _ changes: ArraySlice<Change>, goesOn: Bool, _ failed: RecordFailure?,
    _ done: @escaping (RecordFailure?) -> Void
  ) {
    guard let change = changes.first else {
      return loop.soon { [weak self] in
        if let self, !isClosed { done(failed) }
      }
    }
    change { [weak self] failure in
      guard let self else { return }
      if let failure, !goesOn { return done(failure) }
      run(changes.dropFirst(), goesOn: goesOn, failed ?? failure, done)
    }
  }

  /// Until all servers of ClouDNS have the zone as it is now; a CA may ask any of them.
  private func awaitServers(until end: Instant, _ done: @escaping (RecordFailure?) -> Void) {
    calls.call(CloudnsAPI.updateStatus(of: zone), CloudnsAPI.isUpdated) {
      [weak self] (result: Result<Bool, RecordFailure>) in
      guard let self else { return }
      switch result {
      case .success(true): return done(nil)
      case .success(false) where loop.now < end:
        let pause = Alarm(on: loop) { [unowned self] in awaitServers(until: end, done) }
        pause.set(after: Self.askAgainAfter)
        self.pause = pause
        return
      case .success(false):
        logger.warning(
          "not all servers of ClouDNS have what the CA is to see; it is told to look all the same",
          metadata: ["zone": "\(zone)"])
      case .failure(let failure):
        logger.warning(
          "whether all servers of ClouDNS have what the CA is to see is not known",
          metadata: ["zone": "\(zone)", "error": "\(failure.description)"])
      }
      done(nil)
    }
  }

  // MARK: One record

  /// Adds a record that is not there, or makes it active.
  private func put(
    _ value: String, of type: DNSType, at name: DNSName,
    _ done: @escaping (RecordFailure?) -> Void
  ) {
    find(type, at: name, done) { [weak self] host, records in
      guard let self else { return }
      let known = records.filter { Self.isSame($0.value, value, type) }
      if known.contains(where: \.isActive) { return done(nil) }
      let call =
        known.first.map { CloudnsAPI.activate($0.id, in: zone) }
        ?? CloudnsAPI.add(value, of: type, host: host, in: zone, seconds: seconds)
      change(call, done)
    }
  }

  /// Deletes all records that `isMeant` by their values.
  private func take(
    _ type: DNSType, at name: DNSName, _ done: @escaping (RecordFailure?) -> Void,
    _ isMeant: @escaping (String) -> Bool
  ) {
    find(type, at: name, done) { [weak self] _, records in
      guard let self else { return }
      let changes: [Change] = records.filter { isMeant($0.value) }.map { record in
        { [unowned self] in change(CloudnsAPI.delete(record.id, in: zone), $0) }
      }
      run(changes[...], goesOn: true, nil, done)
    }
  }

  private func find(
    _ type: DNSType, at name: DNSName, _ done: @escaping (RecordFailure?) -> Void,
    _ found: @escaping (_ host: String, [CloudnsAPI.Record]) -> Void
  ) {
    guard let host = CloudnsAPI.host(of: name, in: zone) else {
      return loop.soon { [weak self] in
        guard let self, !isClosed else { return }
        done(RecordFailure(description: "'\(name)' is not in the zone '\(zone)'"))
      }
    }
    // Whether the API chooses by `*`, and by the zone itself, is not published.
    let chosen = type == .text ? host : nil
    calls.call(CloudnsAPI.records(of: type, host: chosen, in: zone), CloudnsAPI.records) {
      (result: Records) in
      switch result {
      case .failure(let failure): done(failure)
      case .success(let records):
        found(host, records.filter { $0.host == host && $0.type == "\(type)" })
      }
    }
  }

  func change(_ call: CloudnsAPI.Call, _ done: @escaping (RecordFailure?) -> Void) {
    calls.call(call, CloudnsAPI.outcome) { (result: Result<Void, RecordFailure>) in
      switch result {
      case .failure(let failure): done(failure)
      case .success: done(nil)
      }
    }
  }

  private static func address(_ text: String) -> IPAddress? {
    IPAddress(Array(text.utf8).span)
  }

  private static func isSame(_ left: String, _ right: String, _ type: DNSType) -> Bool {
    type == .text ? left == right : address(left) == address(right)
  }
}

@available(*, unavailable) extension CloudnsProvider: Sendable {}
