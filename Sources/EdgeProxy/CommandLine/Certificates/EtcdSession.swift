internal import ArgumentParser
internal import CertStore
internal import Configuration
internal import Etcd
internal import EventLoop
internal import TLS

/// One command's connection to etcd: each call waits for its answer.
final class EtcdSession {
  let configuration: Configuration
  let settings: SharedSettings
  let encryption: EncryptionKeys?
  /// Seconds since 1970.
  let now = WallTime.seconds
  private let loop: EventLoop
  let client: EtcdClient

  /// Reads the configuration and the encryption keys; throws with what is to be said.
  init(_ file: ConfigurationFile) throws {
    let loaded = ConfigurationLoader.load(
      path: file.config, environment: Environment.current())
    guard let configuration = loaded.configuration else {
      StandardError.write(Report.text(loaded.diagnostics))
      throw CommandFailure("'\(file.config)' has mistakes")
    }
    guard let settings = configuration.etcd else {
      throw CommandFailure("'\(file.config)' has no 'etcd'")
    }
    self.configuration = configuration
    self.settings = settings
    encryption = try settings.readEncryptionKeys()
    loop = try EventLoop()
    client = EtcdClient(settings.etcd, on: loop)
  }

  /// Turns the loop until the call that `begin` makes is answered.
  func wait<Response>(
    _ begin: (@escaping (Result<Response, CallError>) -> Void) -> Void
  ) throws -> Response {
    var answer: Result<Response, CallError>?
    begin { answer = $0 }
    while true {
      if let answer {
        do {
          return try answer.get()
        } catch {
          let text = "etcd: \(reason(error))"
          throw error.mayPass ? EtcdAway(text) as any Error : CommandFailure(text)
        }
      }
      try loop.turn(mayWait: true)
    }
  }

  private func reason(_ error: CallError) -> String {
    guard case .timedOut = error, let last = client.lastFailure else { return "\(error)" }
    return "\(error); last: \(last)"
  }

  /// For work that is done again while etcd is away.
  func patience(_ limit: Duration) -> Patience {
    Patience(limit: limit) { [loop] in
      loop.clockNow
    } pause: { [loop] delay in
      var isOver = false
      let alarm = Alarm(on: loop) { isOver = true }
      alarm.set(after: delay)
      defer { alarm.cancel() }
      while !isOver { try loop.turn(mayWait: true) }
    } tell: {
      StandardError.write("edgeproxy: \($0)\n")
    }
  }

  // MARK: Certificates

  /// What the keys of certificates begin with; the default where the file asks for none from etcd.
  var prefix: String {
    configuration.certificates.etcd?.prefix
      ?? Directives.row("certificates.etcd.prefix").defaultText ?? ""
  }

  func key(_ name: String) -> [UInt8] { Array((prefix + name).utf8) }

  /// What people call a key.
  func name(_ key: [UInt8]) -> String { KeyText.text(Array(key.dropFirst(prefix.utf8.count))) }

  /// Keys of one answer: so many values of the largest that etcd takes, 1.5 MiB, fit into a message.
  private static let pageKeysMax: Int64 = 10

  /// All there is under the prefix, in order.
  func stored() throws -> [KeyValue] {
    var listing = Listing(.prefix(Array(prefix.utf8)), pageKeysMax: Self.pageKeysMax)
    while true {
      let response: RangeResponse = try wait { client.range(listing.request, $0) }
      switch listing.take(response) {
      case .ask: continue
      case .whole(_, let found): return found
      case .failed(let reason): throw CommandFailure("etcd: \(reason)")
      }
    }
  }

  func stored(_ key: [UInt8]) throws -> KeyValue? {
    let response: RangeResponse = try wait { client.range(RangeRequest(.key(key)), $0) }
    return response.keyValues.first
  }

  /// What servers would make of `values`: the very judgement that they use.
  func judged(_ values: [KeyValue]) -> EtcdCertificates {
    var certificates = EtcdCertificates(keys: encryption, readsLegacy: false)
    certificates.routedHosts = configuration.routedHosts
    _ = certificates.apply(
      values.map { .put(StoredValue(key: $0.key, value: $0.value)) }, now: now)
    return certificates
  }

  /// Which certificate answers for which name, with those of this server's directory.
  func index(of certificates: EtcdCertificates) -> CertificateIndex {
    let directory = configuration.certificates.directory.map { CertificateDirectory($0) }
    let store = CertStore(directory: directory, etcd: certificates, defaultName: nil)
    _ = store.load(now: now)
    return store.index
  }

  /// Writes `value` where `old` still is what was read, and reads it back.
  func replace(_ key: [UInt8], _ old: KeyValue?, by value: [UInt8], lease: Int64 = 0) throws {
    let unchanged = Compare(.key(key), .equal, .modRevision(old?.modRevision ?? 0))
    let put = PutRequest(key: key, value: value, lease: lease)
    let transaction = TxnRequest(compare: [unchanged], success: [.put(put)])
    var failure: (any Error)?
    do {
      let response: TxnResponse = try wait { client.txn(transaction, $0) }
      guard response.succeeded else {
        throw CommandFailure("'\(KeyText.text(key))' was changed meanwhile; nothing was written")
      }
    } catch {
      failure = error
    }
    // A write without an answer may have been done.
    guard try stored(key)?.value == value else {
      throw failure ?? CommandFailure("'\(KeyText.text(key))' was changed meanwhile")
    }
  }
}

/// Why a command ends with status 1.
struct CommandFailure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// Runs a command's body and says on standard error why it failed.
enum CommandBody {
  static func run(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch let code as ExitCode {
      throw code
    } catch {
      StandardError.write("edgeproxy: \(error)\n")
      throw ExitCode(1)
    }
  }
}
