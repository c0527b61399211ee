internal import FoundationEssentials

/// The JSON documents that a CA and its clients send each other, within bounds.
///
/// Members that are not known are passed over, RFC 8555 §7.1.
package enum Document {
  /// What a document may measure.
  package static let bytesMax = 1 << 20
  /// How deep lists and objects may stand in each other.
  static let depthMax = 32
  /// What one list may hold.
  package static let itemsMax = 1000
  /// What is kept of a text that is meant for people.
  package static let textBytesMax = 1000

  /// `what` names the document in the error.
  static func read<Value: Decodable>(
    _ type: Value.Type, _ bytes: [UInt8], _ what: String
  ) throws(ACMEError) -> Value {
    guard bytes.count <= bytesMax else {
      throw .malformed("\(what) has more than \(bytesMax) bytes")
    }
    guard isShallow(bytes) else { throw .malformed("\(what) is nested too deeply") }
    do {
      return try JSONDecoder().decode(type, from: Data(bytes))
    } catch {
      throw .malformed("\(what): \(fault(error))")
    }
  }

  /// Members stand in the order of their names, so one value has one text.
  static func write(_ value: some Encodable) throws(ACMEError) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      return Array(try encoder.encode(value))
    } catch {
      throw .local("a document for the CA cannot be written: \(error)")
    }
  }

  /// A text of a CA as one line of at most `textBytesMax` bytes, without what moves a cursor or the
  /// direction of writing.
  package static func line(_ text: String) -> String {
    var line = String.UnicodeScalarView()
    var room = textBytesMax
    for scalar in text.unicodeScalars {
      let shown = isShown(scalar) ? scalar : " "
      room -= UTF8.width(shown)
      guard room >= 0 else { break }
      line.append(shown)
    }
    return String(line)
  }

  private static func isShown(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: false
    default: true
    }
  }

  /// Whether lists and objects stand in each other no deeper than they may.
  ///
  /// It is seen before the decoder reads the text, because the decoder calls itself for each level.
  private static func isShallow(_ bytes: [UInt8]) -> Bool {
    var depth = 0
    var isText = false
    var isEscaped = false
    for byte in bytes {
      if isText {
        if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
          isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
          isText = false
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): isText = true
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        guard depth < depthMax else { return false }
        depth += 1
      case UInt8(ascii: "]"), UInt8(ascii: "}"): depth = max(0, depth - 1)
      default: break
      }
    }
    return true
  }

  private static func fault(_ error: any Error) -> String {
    switch error as? DecodingError {
    case .keyNotFound(let key, _): line("'\(key.stringValue)' is missing")
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      line("'\(path(context))' has a value of another type")
    case .dataCorrupted(let context):
      context.codingPath.isEmpty
        ? "no JSON" : line("'\(path(context))': \(context.debugDescription)")
    case nil: "no JSON"
    @unknown default: "no JSON"
    }
  }

  private static func path(_ context: DecodingError.Context) -> String {
    context.codingPath.map(\.stringValue).joined(separator: ".")
  }
}

/// A list of at most `Document.itemsMax` items.
struct Items<Item: Decodable>: Decodable {
  let list: [Item]

  init(from decoder: any Decoder) throws {
    var container = try decoder.unkeyedContainer()
    var list: [Item] = []
    while !container.isAtEnd {
      guard list.count < Document.itemsMax else {
        throw DecodingError.dataCorruptedError(
          in: container, debugDescription: "more than \(Document.itemsMax) items")
      }
      list.append(try container.decode(Item.self))
    }
    self.list = list
  }
}

extension KeyedDecodingContainer {
  /// A member that may be missing; one of another type counts as missing too, RFC 9457 §3.1.
  func lenient<Value: Decodable>(_ type: Value.Type, _ key: Key) -> Value? {
    (try? decodeIfPresent(type, forKey: key)) ?? nil
  }
}
