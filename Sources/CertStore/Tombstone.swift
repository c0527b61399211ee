/// A value in the place of a certificate with which the operator confirms its removal.
package enum Tombstone {
  /// Its first line; what follows is for people.
  private static let mark = Array("EDGEPROXY REMOVED".utf8)

  /// The value that is written.
  package static let text = mark + [UInt8(ascii: "\n")]

  package static func isOne(_ value: [UInt8]) -> Bool {
    var line = value.prefix(64).prefix { $0 != UInt8(ascii: "\n") }
    while let last = line.last, last == 0x20 || last == 0x09 || last == 0x0d { line.removeLast() }
    return line == mark[...]
  }
}
