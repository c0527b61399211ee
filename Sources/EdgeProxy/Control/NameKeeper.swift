internal import ACME
internal import Configuration
internal import DNSCore
internal import EventLoop
internal import HTTPCore
internal import Logging

/// What DNS says of the fleet: who lives, what its own zone answers, and which records a provider has.
///
/// It lasts as long as the server; each of its parts is there while the configuration asks for it.
final class NameKeeper {
  private let loop: EventLoop
  private let logger: Logger
  private let warnings: Warnings
  private(set) var addresses: FleetAddresses?
  private(set) var service: NameService?
  private(set) var records: RecordKeeper?
  private var settings: NameServiceSettings?
  private var wanted: Set<DNSName> = []
  private var texts: [DNSName: [[UInt8]]] = [:]
  private var serial: UInt32 = 0
  /// What was published last.
  private var last: ZoneContent?

  init(on loop: EventLoop, logger: Logger, warnings: Warnings) {
    self.loop = loop
    self.logger = logger
    self.warnings = warnings
  }

  // MARK: Another configuration

  /// Goes on by other settings; without `dns` nothing is answered.
  func follow(_ configuration: Configuration) {
    settings = configuration.nameService
    wanted = Set((configuration.acme?.namesInDNS ?? []).compactMap { DNSName($0) })
    guard let settings else {
      service?.close()
      service = nil
      return
    }
    if let service {
      service.reconfigure(settings)
    } else {
      service = NameService(settings, on: loop, logger: logger, warnings: warnings)
    }
    publish {}
  }

  /// Goes by what these say of who lives; the ones before are ended by whoever has made them.
  func go(by addresses: FleetAddresses?) {
    self.addresses = addresses
    changed()
  }

  /// Keeps records by this from now on, and the ones before no more.
  func keep(_ records: RecordKeeper?) {
    self.records?.end()
    self.records = records
  }

  // MARK: News

  /// Other servers are known, or live.
  func changed() {
    publish {}
    records?.changed()
  }

  /// CAs are shown these values; `done` is called by the loop once every answer has them.
  func show(_ values: Set<ChallengeValue>, _ done: @escaping () -> Void) {
    var texts: [DNSName: [[UInt8]]] = [:]
    for value in values {
      guard case .dns(let text) = value.place, let name = DNSName(text) else { continue }
      texts[name, default: []].append(Array(value.value.utf8))
    }
    self.texts = texts.mapValues { $0.sorted { $0.lexicographicallyPrecedes($1) } }
    publish(done)
  }

  private func publish(_ done: @escaping () -> Void) {
    guard let service, let content = content() else { return loop.soon(done) }
    service.install(content, done)
  }

  /// What the zone says now, with a new serial number where that is news; `nil` while it is not known who the
  /// servers are.
  private func content() -> ZoneContent? {
    guard let settings, let addresses, addresses.isKnown else { return nil }
    var next = ZoneContent(
      zone: settings.zone,
      servers: addresses.servers.map { .init(number: $0.number, addresses: $0.addresses) },
      living: addresses.living, texts: texts, wanted: wanted, seconds: settings.seconds,
      serial: serial)
    if next != last {
      // The time, so that it grows over a restart too; RFC 1912 §2.2 leaves its form open.
      serial = max(serial &+ 1, UInt32(truncatingIfNeeded: WallTime.seconds))
      next.serial = serial
      last = next
    }
    return next
  }

  /// What an administrator is told of it; `nil` where nothing in DNS is the fleet's.
  var document: StatusValue? {
    guard let addresses else { return nil }
    return addresses.names.document(zone: settings?.zone)
  }

  func everySecond() {
    addresses?.everySecond()
    service?.everySecond()
    records?.everySecond()
  }

  func end() {
    records?.end()
    service?.close()
    service = nil
  }
}

extension AcmeSettings {
  /// Names whose values are to be seen in DNS, without `*.`.
  fileprivate var namesInDNS: [String] {
    certificates.filter { $0.challenge == .dns }.flatMap(\.names).map {
      $0.hasPrefix("*.") ? String($0.dropFirst(2)) : $0
    }
  }
}

@available(*, unavailable) extension NameKeeper: Sendable {}
