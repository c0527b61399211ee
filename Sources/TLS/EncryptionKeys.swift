internal import COpenSSL

/// The keys that private keys and ticket keys are encrypted with before they leave this machine.
///
/// A key file has lines `ID BASE64`, 32 bytes each; empty lines and those that begin with `#` are passed
/// over. The first key seals, all of them open, so that a new one is put in front and the old one stays
/// until everything is sealed anew. Whatever prints this value prints the identifiers alone.
package struct EncryptionKeys: Sendable, Equatable {
  struct Key: Sendable, Equatable {
    let id: String
    let bytes: [UInt8]
  }

  private let keys: [Key]

  /// What a key file may measure, in bytes.
  package static let fileBytesMax = 64 * 1024
  package static let idBytesMax = 64
  static let keyBytes = 32

  /// Reads the text of a key file.
  package init(text: [UInt8]) throws(EncryptionKeysError) {
    guard text.count <= Self.fileBytesMax else {
      throw .tooLarge(bytes: text.count, limit: Self.fileBytesMax)
    }
    var keys: [Key] = []
    var line = 0
    for content in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      line += 1
      let fields = content.split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }
      guard let first = fields.first, first.first != UInt8(ascii: "#") else { continue }
      guard fields.count == 2 else { throw .malformedLine(line) }
      guard let id = Self.identifier(first) else { throw .malformedID(line: line) }
      guard let bytes = Base64.decode(fields[1]) else { throw .malformedLine(line) }
      guard bytes.count == Self.keyBytes else {
        throw .wrongLength(line: line, bytes: bytes.count)
      }
      guard !keys.contains(where: { $0.id == id }) else { throw .repeatedID(id, line: line) }
      // A key of one repeated byte is a placeholder that nobody replaced.
      guard !bytes.allSatisfy({ $0 == bytes[0] }) else { throw .placeholder(line: line) }
      keys.append(Key(id: id, bytes: bytes))
    }
    guard !keys.isEmpty else { throw .noKey }
    self.keys = keys
  }

  /// A line for a key file with a fresh key; it is a secret.
  package static func newLine(id: String) throws(EncryptionKeysError) -> String {
    guard identifier(id.utf8) != nil else { throw .malformedID(line: 1) }
    var bytes = [UInt8](repeating: 0, count: keyBytes)
    // SAFETY: the array has as many bytes as are asked for.
    guard unsafe RAND_bytes(&bytes, Int32(keyBytes)) == 1 else { throw .noRandomness }
    return "\(id) \(String(decoding: Base64.encode(bytes), as: UTF8.self))"
  }

  /// The identifiers in the order of the file; the first is that of the key that seals.
  package var ids: [String] { keys.map(\.id) }

  /// The identifier of the key that seals.
  package var sealingID: String { sealing.id }

  var sealing: Key { keys[0] }

  func key(_ id: String) -> Key? { keys.first { $0.id == id } }

  /// The text of an identifier, 1 to 64 of letters, digits, `.`, `_` and `-`.
  static func identifier(_ bytes: some Collection<UInt8>) -> String? {
    guard !bytes.isEmpty, bytes.count <= idBytesMax else { return nil }
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "-"):
        continue
      default: return nil
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension EncryptionKeys: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String { "encryption keys \(ids.joined(separator: ", "))" }
  package var debugDescription: String { description }
  package var customMirror: Mirror { Mirror(self, children: ["ids": ids]) }
}

/// Why a key file is refused; none of these carries a part of a key.
package enum EncryptionKeysError: Error, Equatable, Sendable, CustomStringConvertible {
  case tooLarge(bytes: Int, limit: Int)
  case malformedLine(Int)
  case malformedID(line: Int)
  case wrongLength(line: Int, bytes: Int)
  case repeatedID(String, line: Int)
  case placeholder(line: Int)
  case noKey
  case noRandomness

  package var description: String {
    switch self {
    case .tooLarge(let bytes, let limit): "\(bytes) bytes are more than the limit of \(limit)"
    case .malformedLine(let line): "line \(line) is not 'ID BASE64'"
    case .malformedID(let line):
      "the identifier in line \(line) is not 1 to \(EncryptionKeys.idBytesMax) letters, digits, '.', '_' or '-'"
    case .wrongLength(let line, let bytes):
      "the key in line \(line) has \(bytes) bytes instead of \(EncryptionKeys.keyBytes)"
    case .repeatedID(let id, let line): "line \(line) repeats the identifier '\(id)'"
    case .placeholder(let line): "the key in line \(line) is one byte repeated, which is no key"
    case .noKey: "no key in it"
    case .noRandomness: "the system gives no random bytes"
    }
  }
}
