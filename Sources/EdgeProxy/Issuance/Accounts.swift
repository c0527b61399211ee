internal import ACME
internal import CertStore
internal import Configuration
internal import EventLoop
internal import TLS
internal import Wire

/// The accounts of this fleet at CAs: made when they are needed first, stored before they are used.
final class Accounts {
  enum Failure: Error, CustomStringConvertible {
    case client(ACMEError)
    case store(IssuanceFailure)
    case other(String)
    /// The clock of this server and that of the CA differ by so many seconds.
    case clock(Int64)

    var description: String {
      switch self {
      case .client(let error): "\(error)"
      case .store(let failure): "\(failure)"
      case .other(let text): text
      case .clock(let seconds):
        "the clock of this server is \(abs(seconds)) s \(seconds < 0 ? "ahead of" : "behind") that of"
          + " the CA; set it right (NTP)"
      }
    }
  }

  typealias Completion = (Result<ACMEClient, Failure>) -> Void

  /// An account that the CA knows.
  private struct Open {
    let client: ACMEClient
    let since: Instant
  }

  private let store: any IssuanceStore
  private let loop: EventLoop
  private let now: () -> Int64
  private var settings: AcmeSettings
  private var caller: HTTPCaller
  private var open: [String: Open] = [:]
  /// Those that are being opened.
  private var opening: [String: ACMEClient] = [:]

  /// How long a directory and an account are believed to be what they were.
  private static let freshFor = Duration.seconds(24 * 3600)
  /// What a clock may be wrong by: orders and certificates have times.
  private static let clockMax: Int64 = 300

  init(
    _ settings: AcmeSettings, _ store: any IssuanceStore, on loop: EventLoop,
    now: @escaping () -> Int64
  ) {
    self.settings = settings
    self.store = store
    self.loop = loop
    self.now = now
    caller = Self.caller(settings, loop)
  }

  private static func caller(_ settings: AcmeSettings, _ loop: EventLoop) -> HTTPCaller {
    HTTPCaller(
      ClientIdentity(authorityFile: settings.authorityFile), on: loop,
      userAgent: "edgeproxy/\(Version.number)")
  }

  /// Other CAs or contacts: every account is opened again when it is needed.
  func reconfigure(_ next: AcmeSettings) {
    guard next != settings else { return }
    close()
    settings = next
    caller = Self.caller(next, loop)
  }

  /// Tells nobody anything any more.
  func close() {
    for client in open.values.map(\.client) + opening.values { client.close() }
    open = [:]
    opening = [:]
    caller.close()
    caller = Self.caller(settings, loop)
  }

  private static func name(_ issuer: String) -> RecordName { .hash(.accounts, issuer) }

  func record(_ issuer: String) -> IssuanceRecords.Account? {
    store.read(Self.name(issuer), as: IssuanceRecords.Account.self)
  }

  func change(_ record: IssuanceRecords.Account) -> RecordChange {
    .put(Self.name(record.issuer), record)
  }

  /// A client whose account the CA knows; `issuer` may be one that is only rehearsed with.
  func client(_ issuer: AcmeSettings.Issuer, _ done: @escaping Completion) {
    let directory = issuer.directory
    if let known = open[directory], loop.now < known.since + Self.freshFor {
      return loop.soon { done(.success(known.client)) }
    }
    open[directory]?.client.close()
    open[directory] = nil
    if let reason = store.refusals[Self.name(directory).description] {
      return loop.soon {
        done(.failure(.other("the account's record cannot be read: \(reason)")))
      }
    }
    guard var record = record(directory) else { return make(issuer, done) }
    guard let text = record.successor else { return begin(issuer, record, key: record.key, done) }
    // A change of keys was under way: the CA has the old key or the new one.
    begin(issuer, record, key: text) { [weak self] result in
      guard let self else { return }
      if case .success = result {
        record.key = text
        record.successor = nil
        return keep(record) { done($0.map { .failure(.store($0)) } ?? result) }
      }
      begin(issuer, record, key: record.key, done)
    }
  }

  /// The key is stored before the CA hears of it: otherwise a death in between would leave an account
  /// that nobody can use.
  private func make(_ issuer: AcmeSettings.Issuer, _ done: @escaping Completion) {
    let record: IssuanceRecords.Account
    do {
      let pem = try SigningKey(making: .ecdsa).pem()
      record = IssuanceRecords.Account(
        issuer: issuer.directory, key: String(decoding: pem, as: UTF8.self),
        allowance: OrderAllowance(now: now()))
    } catch {
      let reason = "\(error)"
      return loop.soon { done(.failure(.other(reason))) }
    }
    keep(record) { [weak self] failure in
      if let failure { return done(.failure(.store(failure))) }
      self?.begin(issuer, record, key: record.key, done)
    }
  }

  private func keep(
    _ record: IssuanceRecords.Account, _ done: @escaping (IssuanceFailure?) -> Void
  ) {
    store.write([change(record)], done)
  }

  private func begin(
    _ issuer: AcmeSettings.Issuer, _ record: IssuanceRecords.Account, key: String,
    _ done: @escaping Completion
  ) {
    let client: ACMEClient
    let external: ExternalAccount?
    do {
      guard let url = HTTPURL(issuer.directory) else {
        return loop.soon { done(.failure(.other("'\(issuer.directory)' is no URL"))) }
      }
      external = try issuer.externalAccount.map { try Self.read($0) }
      client = ACMEClient(
        directoryURL: url, key: try SigningKey(pem: Array(key.utf8)),
        account: record.url, caller: caller, on: loop)
    } catch {
      let reason = "\(error)"
      return loop.soon { done(.failure(.other(reason))) }
    }
    opening[issuer.directory] = client
    client.begin(contact: settings.contacts, externalAccount: external) { [weak self] result in
      self?.begun(issuer.directory, client, result, done)
    }
  }

  private func begun(
    _ directory: String, _ client: ACMEClient, _ result: Result<Void, ACMEError>,
    _ done: @escaping Completion
  ) {
    opening[directory] = nil
    if case .failure(let error) = result {
      client.close()
      return done(.failure(.client(error)))
    }
    if let difference = client.clockDifference, abs(difference) > Self.clockMax {
      client.close()
      return done(.failure(.clock(difference)))
    }
    open[directory] = Open(client: client, since: loop.now)
    guard var record = record(directory), record.url != client.accountURL else {
      return done(.success(client))
    }
    record.url = client.accountURL
    keep(record) { done($0.map { .failure(.store($0)) } ?? .success(client)) }
  }

  private static func read(
    _ account: AcmeSettings.ExternalAccount
  ) throws -> ExternalAccount {
    let bytes = try WholeFile.read(account.keyFile, bytesMax: 4096)
    let text = String(decoding: bytes, as: UTF8.self)
    guard let key = Base64URL.decode(text.filter { !$0.isWhitespace && $0 != "=" }) else {
      throw Failure.other("'\(account.keyFile)' is not base64url, as the CA shows the key")
    }
    return ExternalAccount(id: account.id, key: key)
  }

  /// The CA did not know the account, or it was used with another key: it is opened again.
  func forget(_ issuer: String) {
    open.removeValue(forKey: issuer)?.client.close()
  }

  /// Gives the account another key.
  func rotate(_ issuer: AcmeSettings.Issuer, _ done: @escaping (Failure?) -> Void) {
    client(issuer) { [weak self] result in
      guard let self else { return }
      switch result {
      case .failure(let failure): done(failure)
      case .success(let client): rotate(issuer.directory, client, done)
      }
    }
  }

  private func rotate(
    _ directory: String, _ client: ACMEClient, _ done: @escaping (Failure?) -> Void
  ) {
    guard var record = record(directory) else { return done(.other("there is no account")) }
    let key: SigningKey
    do {
      key = try SigningKey(making: .ecdsa)
      record.successor = String(decoding: try key.pem(), as: UTF8.self)
    } catch {
      return done(.other("\(error)"))
    }
    keep(record) { [weak self] failure in
      if let failure { return done(.store(failure)) }
      client.rotate(to: key) { result in
        guard let self else { return }
        if case .failure(let error) = result { return done(.client(error)) }
        if let successor = record.successor { record.key = successor }
        record.successor = nil
        self.keep(record) { done($0.map { .store($0) }) }
      }
    }
  }
}

@available(*, unavailable) extension Accounts: Sendable {}
