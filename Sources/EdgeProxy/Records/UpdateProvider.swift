internal import Configuration
internal import DNS
internal import DNSCore
internal import EventLoop
internal import Logging

/// Keeps records at the primary server of a zone by dynamic updates, RFC 2136, signed by a key, RFC 8945.
///
/// What is there is asked of the same server.
final class UpdateProvider: RecordProvider {
  private let settings: RecordsSettings.Update
  private let zone: DNSName
  /// How long a record may be kept.
  private let seconds: UInt32
  private let loop: EventLoop
  private let logger: Logger
  private var work: (any DNSWork)?

  init(
    _ settings: RecordsSettings.Update, zone: DNSName, seconds: UInt32, on loop: EventLoop,
    logger: Logger
  ) {
    self.settings = settings
    self.zone = zone
    self.seconds = seconds
    self.loop = loop
    self.logger = logger
  }

  deinit { work?.cancel() }

  func close() {
    work?.cancel()
    work = nil
  }

  // MARK: What is there

  func list(
    _ names: [DNSName], _ done: @escaping (Result<Set<AddressRecord>?, RecordFailure>) -> Void
  ) {
    let questions = names.flatMap { name in
      [DNSType.ipv4, .ipv6].map { DNSQuestion(name: name, type: $0) }
    }
    ask(questions[...], [], done)
  }

  private func ask(
    _ questions: ArraySlice<DNSQuestion>, _ found: Set<AddressRecord>,
    _ done: @escaping (Result<Set<AddressRecord>?, RecordFailure>) -> Void
  ) {
    guard let question = questions.first else { return later { done(.success(found)) } }
    work = DNSQuery(
      question.name, question.type, at: [settings.server], recursive: false, on: loop
    ) { [unowned self] in
      work = nil
      switch $0 {
      case .failure(let error): done(.failure(RecordFailure(description: "\(error)")))
      case .success(let answer):
        do throws(RecordFailure) {
          let records = try records(answer, question)
          ask(questions.dropFirst(), found.union(records), done)
        } catch {
          done(.failure(error))
        }
      }
    }
  }

  private func records(
    _ answer: DNSMessage, _ question: DNSQuestion
  ) throws(RecordFailure) -> [AddressRecord] {
    guard answer.isAuthoritative else {
      throw RecordFailure(
        description: "\(settings.server) does not have the zone of '\(question.name)'",
        advice: "compare 'records.zone', and name the primary server of the zone")
    }
    let own = answer.answers.filter { $0.name == question.name }
    // A server takes an address beside an alias and does nothing, RFC 2136 §3.4.2.2.
    guard !own.contains(where: { $0.type == .alias }) else {
      throw RecordFailure(
        description: "'\(question.name)' is an alias (CNAME), beside which there are no addresses",
        advice: "remove the alias at the provider, or the name from 'records.names'")
    }
    return own.compactMap { AddressRecord($0) }
  }

  // MARK: Changes

  func add(_ record: AddressRecord, _ done: @escaping (RecordFailure?) -> Void) {
    change([.add(record.name, record.data, seconds: seconds)], done)
  }

  func remove(_ record: AddressRecord, _ done: @escaping (RecordFailure?) -> Void) {
    change([.remove(record.name, record.data)], done)
  }

  func present(
    _ texts: [DNSName: [[UInt8]]], _ done: @escaping (RecordFailure?) -> Void
  ) {
    change(
      texts.flatMap { name, values in
        values.map { DNSUpdate.Change.add(name, text: $0, seconds: seconds) }
      }, done)
  }

  func withdraw(_ texts: [DNSName: [[UInt8]]], _ done: @escaping (RecordFailure?) -> Void) {
    change(
      texts.flatMap { name, values in values.map { DNSUpdate.Change.remove(name, text: $0) } },
      done)
  }

  private func change(
    _ changes: [DNSUpdate.Change], _ done: @escaping (RecordFailure?) -> Void
  ) {
    guard !changes.isEmpty else { return later { done(nil) } }
    let key: TSIGKey
    do throws(RecordFailure) {
      key = try UpdateKey.read(
        settings.keyFile, name: settings.keyName, algorithm: settings.algorithm)
    } catch {
      return later { done(error) }
    }
    work = DNSUpdateCall(changes, of: zone, at: [settings.server], key, on: loop) {
      [unowned self] in
      work = nil
      switch $0 {
      case .success(let server):
        logger.debug(
          "a name server has made an update",
          metadata: [
            "server": "\(server)", "zone": "\(zone)", "changes": "\(changes.count)",
          ])
        done(nil)
      case .failure(let error): done(RecordFailure(description: "\(error)"))
      }
    }
  }

  private func later(_ act: @escaping () -> Void) {
    work = DNSLater(on: loop) { [unowned self] in
      work = nil
      act()
    }
  }
}

@available(*, unavailable) extension UpdateProvider: Sendable {}
