internal import DNSCore
internal import HTTPCore

/// One A or AAAA record of a name.
struct AddressRecord: Sendable, Hashable {
  var name: DNSName
  var address: IPAddress
}

/// Why a provider did not do what it was asked; words for people, without secrets.
struct RecordFailure: Error, Sendable, Equatable {
  let description: String
  /// What to do about it, where that is known.
  var advice: String?
}

/// Where address records, and what CAs are to be shown, are kept at a provider.
///
/// One call at a time is under way. What it came to is told once, by the loop, never from within the call; after
/// `close` nothing is told.
protocol RecordProvider: AnyObject {
  /// The address records that these names have now; `nil` where the provider cannot tell.
  func list(
    _ names: [DNSName], _ done: @escaping (Result<Set<AddressRecord>?, RecordFailure>) -> Void)
  /// A record that is there already is no failure.
  func add(_ record: AddressRecord, _ done: @escaping (RecordFailure?) -> Void)
  /// A record that is not there is no failure.
  func remove(_ record: AddressRecord, _ done: @escaping (RecordFailure?) -> Void)
  /// Puts TXT records there, for a CA; done once the provider has them. Names are whole: `_acme-challenge.NAME`.
  func present(
    _ texts: [DNSName: [[UInt8]]], _ done: @escaping (RecordFailure?) -> Void)
  /// Takes them away.
  func withdraw(_ texts: [DNSName: [[UInt8]]], _ done: @escaping (RecordFailure?) -> Void)
  func close()
}
