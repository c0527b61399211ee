/// A way in which a body can be coded, RFC 9110 §8.4.1 and RFC 8878 §7.2.
package enum ContentCoding: UInt8, Sendable, CaseIterable {
  case identity, gzip, deflate, brotli, zstd

  /// The name in `Content-Encoding`.
  package var name: StaticString {
    switch self {
    case .identity: "identity"
    case .gzip: "gzip"
    case .deflate: "deflate"
    case .brotli: "br"
    case .zstd: "zstd"
    }
  }
}

/// Which codings of a body a client takes, and which it likes better: RFC 9110 §12.5.3.
///
/// Without the field nothing but `identity` is sent, though anything would be allowed: clients that
/// say nothing are scripts that would not decode it. What is malformed in the field counts as not
/// said. The field is parsed in place and nothing is allocated.
package struct AcceptEncoding: Equatable, Sendable {
  /// A weight in thousandths; 0 is "not acceptable".
  package typealias Weight = UInt16

  /// Weights by coding; `unsaid` where the client named neither the coding nor `*`.
  private var gzip = unsaid
  private var deflate = unsaid
  private var brotli = unsaid
  private var zstd = unsaid
  private var identity = unsaid
  private var others = unsaid

  private static let unsaid = Weight.max
  private static let fullWeight: Weight = 1000

  /// What a client says that sends no field.
  package init() {}

  /// What the field values of a request say together.
  package init(_ head: borrowing RequestHead) {
    for field in head.fields where field.known == .acceptEncoding { add(head.span(field.value)) }
  }

  /// What one field value says.
  package init(_ value: borrowing Span<UInt8>) { add(value) }

  /// The weight of a coding in thousandths; 0 where it must not be sent.
  ///
  /// `identity` is acceptable unless it is refused by name or by `*;q=0`.
  package func weight(_ coding: ContentCoding) -> Weight {
    let named =
      switch coding {
      case .identity: identity
      case .gzip: gzip
      case .deflate: deflate
      case .brotli: brotli
      case .zstd: zstd
      }
    if named != Self.unsaid { return named }
    if coding == .identity {
      // Acceptable without being asked for, and behind everything that was asked for.
      return others == 0 ? 0 : 1
    }
    return others == Self.unsaid ? 0 : others
  }

  /// Whether `coding` may be sent and the client does not like the plain body better.
  package func prefers(_ coding: ContentCoding) -> Bool {
    let weight = weight(coding)
    return weight > 0 && (identity == Self.unsaid || weight >= identity)
  }

  /// The coding that the client likes best of those that it prefers to the plain body; of two that it
  /// likes as well, the first.
  ///
  /// `*` stands for any coding. Before those that it could mean comes what the client has named, and
  /// gzip, which every client that writes so can read.
  package func best(
    of codings: [ContentCoding], where isAvailable: (ContentCoding) -> Bool
  ) -> ContentCoding? {
    var best: (coding: ContentCoding, rank: Int)?
    for coding in codings where prefers(coding) {
      let rank = Int(weight(coding)) * 4 + (isNamed(coding) ? 2 : coding == .gzip ? 1 : 0)
      if let best, best.rank >= rank { continue }
      if isAvailable(coding) { best = (coding, rank) }
    }
    return best?.coding
  }

  private func isNamed(_ coding: ContentCoding) -> Bool {
    switch coding {
    case .identity: identity != Self.unsaid
    case .gzip: gzip != Self.unsaid
    case .deflate: deflate != Self.unsaid
    case .brotli: brotli != Self.unsaid
    case .zstd: zstd != Self.unsaid
    }
  }

  private mutating func add(_ value: borrowing Span<UInt8>) {
    var tokens = ListTokens(ByteRange(start: 0, count: value.count))
    while let element = tokens.next(value) { addElement(value.extracting(element.range)) }
  }

  /// Reads `codings [ OWS ";" OWS "q=" qvalue ]`.
  private mutating func addElement(_ element: borrowing Span<UInt8>) {
    var end = 0
    while end < element.count, ASCII.isToken(element[end]) { end += 1 }
    guard end > 0, let weight = Self.weight(element.extracting(end..<element.count)) else { return }
    let name = element.extracting(0..<end)
    switch end {
    case 1: if name[0] == UInt8(ascii: "*") { others = weight }
    case 2: if ASCII.equals(name, "br") { brotli = weight }
    case 4:
      if ASCII.equals(name, "gzip") {
        gzip = weight
      } else if ASCII.equals(name, "zstd") {
        zstd = weight
      }
    case 6: if ASCII.equals(name, "x-gzip") { gzip = weight }
    case 7: if ASCII.equals(name, "deflate") { deflate = weight }
    case 8: if ASCII.equals(name, "identity") { identity = weight }
    default: break
    }
  }

  /// The weight behind a coding, RFC 9110 §12.4.2; `nil` where it is malformed.
  private static func weight(_ rest: borrowing Span<UInt8>) -> Weight? {
    var index = skipBlanks(rest, 0)
    guard index < rest.count else { return fullWeight }
    guard rest[index] == UInt8(ascii: ";") else { return nil }
    index = skipBlanks(rest, index + 1)
    guard index + 2 < rest.count, ASCII.lower(rest[index]) == UInt8(ascii: "q"),
      rest[index + 1] == UInt8(ascii: "=")
    else { return nil }
    return quality(rest.extracting((index + 2)..<rest.count))
  }

  /// Reads `( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )`.
  private static func quality(_ text: borrowing Span<UInt8>) -> Weight? {
    guard text.count <= 5, text[0] == UInt8(ascii: "0") || text[0] == UInt8(ascii: "1") else {
      return nil
    }
    var weight = Weight(text[0] - 48) * fullWeight
    guard text.count > 1 else { return weight }
    guard text[1] == UInt8(ascii: ".") else { return nil }
    var place: Weight = 100
    for index in 2..<text.count {
      guard ASCII.isDigit(text[index]) else { return nil }
      weight += Weight(text[index] - 48) * place
      place /= 10
    }
    return weight <= fullWeight ? weight : nil
  }

  private static func skipBlanks(_ text: borrowing Span<UInt8>, _ start: Int) -> Int {
    var index = start
    while index < text.count, ASCII.isBlank(text[index]) { index += 1 }
    return index
  }
}
