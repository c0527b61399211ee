internal import Etcd

/// A key in etcd that one server of the fleet has at a time, under its lease: the place of the one that acts.
///
/// Every write of the server that has it compares the revision that made it so: one that was frozen until its
/// lease was over writes nothing any more.
struct HeldPlace {
  let key: [UInt8]
  private let node: String
  /// This server's lease; `nil` while there is none.
  var lease: Int64?
  private var held: Held?

  /// The key as it is in etcd.
  private struct Held {
    let node: String
    let lease: Int64
    let createRevision: Int64
  }

  private static let nodeBytesMax = 200

  init(key: [UInt8], node: String) {
    self.key = key
    self.node = node
  }

  /// Takes what etcd tells of a range that has the key.
  mutating func apply(_ changes: Changes) {
    if changes.removed.contains(key) { held = nil }
    guard let keyValue = changes.put.first(where: { $0.key == key }) else { return }
    held = Held(
      node: String(decoding: keyValue.value.prefix(Self.nodeBytesMax), as: UTF8.self),
      lease: keyValue.lease, createRevision: keyValue.createRevision)
  }

  /// The server that has the place.
  var holder: String? { held?.node }

  var isOurs: Bool { held != nil && held?.lease == lease }

  /// What takes the place, where nobody has it.
  var claim: TxnRequest? {
    guard held == nil, let lease else { return nil }
    return TxnRequest(
      compare: [Compare(.key(key), .equal, .version(0))],
      success: [.put(PutRequest(key: key, value: Array(node.utf8), lease: lease))])
  }

  /// What has to hold for this server to write; `nil` where it does not have the place.
  var fence: Compare? {
    guard isOurs, let held else { return nil }
    return Compare(.key(key), .equal, .createRevision(held.createRevision))
  }

  /// What leaves the place to another server.
  var resignation: TxnRequest? {
    guard let fence else { return nil }
    return TxnRequest(
      compare: [fence], success: [.deleteRange(DeleteRangeRequest(.key(key)))])
  }

  /// Nothing is known of it any more.
  mutating func forget() {
    lease = nil
    held = nil
  }
}
