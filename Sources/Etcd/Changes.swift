/// What became different in a range of keys.
package struct Changes: Equatable, Sendable {
  /// New keys and those with another value, each once, as they are now.
  package var put: [KeyValue] = []
  package var removed: [[UInt8]] = []
  /// Whether the range was read as a whole; otherwise this was told event by event.
  package var isListing = false

  package init(put: [KeyValue] = [], removed: [[UInt8]] = [], isListing: Bool = false) {
    self.put = put
    self.removed = removed
    self.isListing = isListing
  }

  package var isEmpty: Bool { put.isEmpty && removed.isEmpty }
}

/// The keys of a range as we know them, and how far in etcd's history that knowledge reaches.
struct Knowledge: Sendable {
  private(set) var keys: [[UInt8]: KeyValue] = [:]
  /// What `keys` take in memory, about.
  private var bytes = 0
  /// Every change up to this revision is in `keys`.
  private(set) var revision: Int64
  private let clusterID: UInt64
  private var raftTerm: UInt64

  init(_ header: ResponseHeader) {
    revision = header.revision
    clusterID = header.clusterID
    raftTerm = header.raftTerm
  }

  /// Whether the store that answers so can be the one that we know, later on.
  ///
  /// Revisions and terms only grow. After a backup was restored they begin anew at lower ones, and
  /// the cluster may have got another identifier; a watch would wait for our revision in silence.
  func isContinued(by header: ResponseHeader) -> Bool {
    header.revision >= revision && header.raftTerm >= raftTerm && header.clusterID == clusterID
  }

  /// Takes a listing in place of everything known before.
  static func replacing(
    _ old: Knowledge?, with header: ResponseHeader, _ keyValues: [KeyValue]
  ) -> (Knowledge, Changes) {
    var new = Knowledge(header)
    var changes = Changes(isListing: true)
    for keyValue in keyValues { new.set(keyValue.key, keyValue) }
    for keyValue in keyValues where old?.keys[keyValue.key] != keyValue {
      changes.put.append(keyValue)
    }
    for key in old?.keys.keys ?? [:].keys where new.keys[key] == nil { changes.removed.append(key) }
    return (new, changes)
  }

  /// Takes events in their order.
  ///
  /// Those we have seen already change nothing.
  mutating func take(_ events: [Event], of range: KeyRange) -> Changes {
    var touched: [[UInt8]] = []
    let seen = revision
    for event in events where event.keyValue.modRevision > seen {
      let key = event.keyValue.key
      guard range.contains(key) else { continue }
      switch event.kind {
      case .put: set(key, event.keyValue)
      case .delete: set(key, nil)
      }
      touched.append(key)
      revision = max(revision, event.keyValue.modRevision)
    }
    var changes = Changes()
    var told: Set<[UInt8]> = []
    for key in touched where told.insert(key).inserted {
      if let keyValue = keys[key] {
        changes.put.append(keyValue)
      } else {
        changes.removed.append(key)
      }
    }
    return changes
  }

  private mutating func set(_ key: [UInt8], _ keyValue: KeyValue?) {
    let old = keys[key]
    keys[key] = keyValue
    bytes += (keyValue?.bytes ?? 0) - (old?.bytes ?? 0)
  }

  /// Whether a listing of the range would be refused as too large.
  var isTooMuch: Bool { keys.count > Listing.keysMax || bytes > Listing.bytesMax }

  /// Nothing has changed up to this revision that we were not told.
  mutating func advance(to header: ResponseHeader) {
    revision = max(revision, header.revision)
    raftTerm = max(raftTerm, header.raftTerm)
  }
}
