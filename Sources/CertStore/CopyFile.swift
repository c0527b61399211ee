internal import TLS

/// One record of the copy on disk as the bytes of a file.
///
///     "edgeproxy copy 1\n"  SHA-256 of the rest (32)  number of values (1)
///     for each: length of the key (4)  key  length of the value (4)  value
///
/// A chain and a key that belong together are in one file, so that there is no half of them.
enum CopyFile {
  private static let magic = Array("edgeproxy copy 1\n".utf8)
  private static let valuesMax = 2
  /// What a file may measure, in bytes.
  static let bytesMax =
    64 + valuesMax * (8 + EtcdCertificates.keyBytesMax + Certificate.bytesMax)

  static func encode(_ record: CopyRecord) -> [UInt8] {
    var body = [UInt8(truncatingIfNeeded: record.values.count)]
    for stored in record.values {
      body += length(stored.key) + stored.key + length(stored.value) + stored.value
    }
    return magic + Hash.sha256(body) + body
  }

  /// The record, or `nil` where the file is damaged.
  static func decode(_ bytes: [UInt8]) -> CopyRecord? {
    guard bytes.count <= bytesMax, bytes.starts(with: magic) else { return nil }
    let rest = bytes[magic.count...]
    var body = rest.dropFirst(Hash.count)
    guard Array(rest.prefix(Hash.count)) == Hash.sha256(Array(body)),
      let count = body.popFirst(), (1...valuesMax).contains(Int(count))
    else { return nil }
    var values: [StoredValue] = []
    for _ in 0..<count {
      guard let key = part(&body), let value = part(&body) else { return nil }
      values.append(StoredValue(key: key, value: value))
    }
    return body.isEmpty ? CopyRecord(values) : nil
  }

  private static func length(_ bytes: [UInt8]) -> [UInt8] {
    let count = UInt32(truncatingIfNeeded: bytes.count)
    return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) }
  }

  private static func part(_ body: inout ArraySlice<UInt8>) -> [UInt8]? {
    guard body.count >= 4 else { return nil }
    let count = body.prefix(4).reduce(0) { $0 << 8 | Int($1) }
    body = body.dropFirst(4)
    guard body.count >= count else { return nil }
    defer { body = body.dropFirst(count) }
    return Array(body.prefix(count))
  }

  // MARK: Names

  private static let suffix = ".copy"
  /// How long a key may be to show in the file's name, in bytes once it is written safely.
  private static let shownMax = 180

  /// A name that no other key has, whatever bytes are in it: written out, or its digest where it is long.
  static func name(_ key: [UInt8]) -> String {
    var text = ""
    for byte in key.prefix(shownMax + 1) {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"):
        text.unicodeScalars.append(Unicode.Scalar(byte))
      default: text += "_" + hexadecimal([byte])
      }
    }
    guard text.utf8.count > shownMax else { return "k-" + text + suffix }
    return "h-" + hexadecimal(Hash.sha256(key)) + suffix
  }

  static func isName(_ name: String) -> Bool {
    (name.hasPrefix("k-") || name.hasPrefix("h-")) && name.hasSuffix(suffix)
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
