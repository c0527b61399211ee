internal import CertStore
internal import EventLoop
internal import TLS

/// What one server without etcd knows of its orders, as files of its own.
///
///     STATE/acme/lock                     locked by the process that issues
///     STATE/acme/KIND-NAME                `IssuanceRecords`
///     STATE/acme/certificates/NAME.pem    the certificates with their keys, a source of `CertStore`
///
/// All are for the owner alone. A certificate is written before the record that its order is over: a process
/// that ends in between takes the order up again, and no other is made.
final class LocalIssuance: IssuanceStore {
  private let loop: EventLoop
  private let node: String
  private let directory: PrivateDirectory
  private let certificates: PrivateDirectory
  private let path: String
  private var lock: FileDescriptor?
  private var known: [RecordName: [UInt8]] = [:]
  private(set) var refusals: [String: String] = [:]
  private(set) var isRead = false
  private(set) var failure: String?
  var changed: () -> Void = {}

  private static let lockName = "lock"

  /// Where the certificates of a server with this state directory are.
  static func certificates(state: String) -> String { "\(state)/acme/certificates" }

  /// Makes the directories, so that whoever reads certificates finds one.
  ///
  /// What fails here fails again when something is to be written, and is told then.
  static func prepare(state: String) {
    try? PrivateDirectory(path: "\(state)/acme").prepare()
    try? PrivateDirectory(path: certificates(state: state)).prepare()
  }

  init(state: String, node: String, on loop: EventLoop) {
    self.loop = loop
    self.node = node
    path = "\(state)/acme"
    directory = PrivateDirectory(path: path)
    certificates = PrivateDirectory(path: Self.certificates(state: state))
    begin()
  }

  var isHolder: Bool { lock != nil && isRead }
  var holder: String? { isHolder ? node : nil }

  func text(_ name: RecordName) -> [UInt8]? { known[name] }

  func names(_ kind: RecordName.Kind) -> [String] {
    known.keys.filter { $0.kind == kind }.map(\.name).sorted()
  }

  /// Reads everything, once it is this process that issues: another may still be ending.
  private func begin() {
    guard lock == nil else { return }
    do {
      try directory.prepare()
      try certificates.prepare()
      guard let lock = try directory.lock(Self.lockName) else {
        failure = "another process has \(directory.path(Self.lockName)) locked"
        return
      }
      directory.removeLeftovers()
      certificates.removeLeftovers()
      try readAll()
      self.lock = consume lock
      failure = nil
      isRead = true
    } catch {
      failure = "\(error)"
    }
  }

  private func readAll() throws {
    for kind in RecordName.Kind.allCases {
      let prefix = kind.rawValue + "-"
      for file in try directory.names() where file.hasPrefix(prefix) {
        guard let name = RecordName("\(kind.rawValue)/\(file.dropFirst(prefix.count))") else {
          continue
        }
        let text = try directory.read(file, bytesMax: IssuanceRecords.bytesMax)
        known[name] = text
      }
    }
  }

  func everySecond() {
    guard lock == nil else { return }
    begin()
    if isRead { changed() }
  }

  private func file(_ name: RecordName) -> String { "\(name.kind.rawValue)-\(name.name)" }

  private func apply(_ changes: [RecordChange]) throws(CopyError) {
    for change in changes {
      if let text = change.text {
        try directory.write(file(change.name), text)
      } else {
        try directory.remove(file(change.name))
      }
    }
    try directory.sync()
    for change in changes { known[change.name] = change.text }
  }

  func write(_ changes: [RecordChange], _ done: @escaping (IssuanceFailure?) -> Void) {
    guard isHolder else { return loop.soon { done(.fencedOff) } }
    let result = Result { () throws(CopyError) in try apply(changes) }
    loop.soon {
      switch result {
      case .success: done(nil)
      case .failure(let error): done(.failed("\(error)"))
      }
    }
  }

  func ask(_ request: RecordChange, _ done: @escaping (IssuanceFailure?) -> Void) {
    write([request]) { [weak self] failure in
      done(failure)
      if failure == nil { self?.changed() }
    }
  }

  // MARK: Certificates

  private func bundle(_ name: String) -> String { "\(name).pem" }

  func certificate(
    _ name: String, _ done: @escaping (Result<KeptCertificate?, IssuanceFailure>) -> Void
  ) {
    let result: Result<KeptCertificate?, IssuanceFailure>
    do throws(CopyError) {
      let bytes = try certificates.read(bundle(name), bytesMax: Certificate.bytesMax)
      result = .success(
        bytes.map { bytes in
          let bundle = try? CertificateBundle(reading: bytes, keys: nil)
          return KeptCertificate(certificate: bundle?.certificate, revision: 0)
        })
    } catch {
      result = .failure(.failed("\(error)"))
    }
    loop.soon { done(result) }
  }

  func put(
    _ name: String, chain: [UInt8], key: [UInt8], replacing old: KeptCertificate?,
    _ changes: [RecordChange], _ done: @escaping (Result<Certificate, IssuanceFailure>) -> Void
  ) {
    guard isHolder else { return loop.soon { done(.failure(.fencedOff)) } }
    let result: Result<Certificate, IssuanceFailure>
    do {
      let text = try CertificateBundle.write(
        chainPEM: chain, keyPEM: key, keys: nil, now: WallTime.seconds)
      let certificate = try CertificateBundle(reading: text, keys: nil).certificate
      result = Result { () throws(CopyError) in
        try certificates.write(bundle(name), text)
        try certificates.sync()
        try apply(changes)
        return certificate
      }.mapError { .failed("\($0)") }
    } catch {
      result = .failure(.refused("\(error)"))
    }
    loop.soon { done(result) }
  }

  // MARK: The end

  func end() { lock = nil }

  var isOver: Bool { true }
}

@available(*, unavailable) extension LocalIssuance: Sendable {}
