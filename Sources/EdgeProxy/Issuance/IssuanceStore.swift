internal import CertStore
internal import TLS

/// Where accounts, orders and what follows from them are kept, and whose turn it is to issue.
///
/// In etcd for a fleet (`EtcdIssuance`), in the state directory for one server (`LocalIssuance`). Every
/// completion is called once, from the loop, and never from within the call.
protocol IssuanceStore: AnyObject {
  /// Whether this server issues; what it writes otherwise is refused.
  var isHolder: Bool { get }
  /// The name of the server that issues; `nil` where none is known.
  var holder: String? { get }
  /// Whether all records were read.
  var isRead: Bool { get }
  /// Why nothing can be issued by anybody; `nil` while all is well.
  var failure: String? { get }
  /// Why records are not what they should be, by their names.
  var refusals: [String: String] { get }
  /// Called when something of this has changed.
  var changed: () -> Void { get set }

  /// The record's text, opened; `nil` where there is none.
  func text(_ name: RecordName) -> [UInt8]?
  func names(_ kind: RecordName.Kind) -> [String]

  /// Writes records, all or none of them, if this server still issues.
  func write(_ changes: [RecordChange], _ done: @escaping (IssuanceFailure?) -> Void)
  /// Writes what an operator wants; any server may.
  func ask(_ request: RecordChange, _ done: @escaping (IssuanceFailure?) -> Void)

  /// Reads a certificate from where all are stored; without one `nil`.
  func certificate(
    _ name: String, _ done: @escaping (Result<KeptCertificate?, IssuanceFailure>) -> Void)
  /// Stores a certificate in the place of `old`, and the records with it, if this server still issues.
  func put(
    _ name: String, chain: [UInt8], key: [UInt8], replacing old: KeptCertificate?,
    _ changes: [RecordChange], _ done: @escaping (Result<Certificate, IssuanceFailure>) -> Void)

  /// Called every second.
  func everySecond()
  /// Hears of nothing any more, and lets another server issue.
  func end()
  /// Nothing of it is left to be said.
  var isOver: Bool { get }
}

/// A certificate as it lies in its place.
struct KeptCertificate {
  /// `nil` where what lies there is no certificate.
  let certificate: Certificate?
  /// What guards a replacement.
  let revision: Int64
}

/// One record that is written, or with `nil` removed.
struct RecordChange {
  let name: RecordName
  let text: [UInt8]?

  static func put(_ name: RecordName, _ record: some Encodable) -> RecordChange {
    RecordChange(name: name, text: IssuanceRecords.text(record))
  }

  static func remove(_ name: RecordName) -> RecordChange { RecordChange(name: name, text: nil) }
}

/// Why nothing was written or read.
enum IssuanceFailure: Error, Equatable, CustomStringConvertible {
  /// Another server issues now.
  case fencedOff
  /// The place has changed since it was read.
  case overtaken
  case failed(String)
  /// The certificate is not one that would be served.
  case refused(String)

  var description: String {
    switch self {
    case .fencedOff: "another server issues now"
    case .overtaken: "another program has stored a certificate in its place meanwhile"
    case .failed(let reason), .refused(let reason): reason
    }
  }
}

extension IssuanceStore {
  func read<Record: Decodable>(_ name: RecordName, as type: Record.Type) -> Record? {
    text(name).flatMap { IssuanceRecords.read($0, as: type) }
  }
}
