/// Where it is kept what is known of the records, and whose turn it is to change them.
///
/// In etcd for a fleet (`EtcdRecords`), in the state directory for one server (`LocalRecords`). Every
/// completion is called once, from the loop, and never from within the call.
protocol RecordStore: AnyObject {
  /// Whether this server changes the records; what it writes otherwise is refused.
  var isHolder: Bool { get }
  /// The name of the server that changes them; `nil` where none is known.
  var holder: String? { get }
  /// Why nobody can change them; `nil` while all is well.
  var failure: String? { get }
  /// Called when something of this has changed.
  var changed: () -> Void { get set }

  /// What was written last; `nil` where nothing was.
  var text: [UInt8]? { get }
  /// Writes it, if this server still is the one that changes the records.
  func write(_ text: [UInt8], _ done: @escaping (RecordStoreFailure?) -> Void)

  /// Called every second.
  func everySecond()
  /// Hears of nothing any more, and lets another server change the records.
  func end()
  /// Nothing of it is left to be said.
  var isOver: Bool { get }
}

/// Why nothing was written.
enum RecordStoreFailure: Error, Equatable, CustomStringConvertible {
  /// It is another server's turn.
  case fencedOff
  case failed(String)

  var description: String {
    switch self {
    case .fencedOff: "another server changes the records now"
    case .failed(let reason): reason
    }
  }
}
