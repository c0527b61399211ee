/// What a server of the fleet may be called, wherever its name comes from: the configuration, etcd, or a
/// copy on disk.
///
/// Printable ASCII without spaces and quotation marks, so that it fits one word of a log, of a key in etcd
/// and of a line on disk.
package enum NodeName {
  /// As long as a host name, in bytes.
  static let bytesMax = 253

  package static func isGood(_ name: some Collection<UInt8>) -> Bool {
    (1...bytesMax).contains(name.count)
      && name.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }
  }

  /// The name, or `nil` where it is none.
  package static func read(_ name: some Collection<UInt8>) -> String? {
    isGood(name) ? String(decoding: name, as: UTF8.self) : nil
  }
}
