/// What a request must have for a route besides host and path: a method, fields, parameters of its query.
package final class RequestConditions: Sendable, Equatable {
  package struct Part: Sendable, Equatable {
    /// Of a field in lower case, of a parameter decoded.
    package let name: [UInt8]
    /// `nil` where any value will do.
    package let value: [UInt8]?

    package init(name: [UInt8], value: [UInt8]?) {
      self.name = name
      self.value = value
    }
  }

  package enum Fit: Equatable {
    case fits
    /// Everything fits but the method.
    case otherMethod
    case fitsNot
  }

  /// As they are written; empty for all methods.
  package let methods: [[UInt8]]
  package let fields: [Part]
  package let query: [Part]
  /// A preflight counts as the method that it asks for, since it is answered by rule.
  package let countsPreflights: Bool

  package init(
    methods: [[UInt8]] = [], fields: [Part] = [], query: [Part] = [], countsPreflights: Bool = false
  ) {
    self.methods = methods
    self.fields = fields
    self.query = query
    self.countsPreflights = countsPreflights
  }

  /// How many there are, the method not counted.
  package var count: Int { fields.count + query.count }

  package static func == (left: RequestConditions, right: RequestConditions) -> Bool {
    left.methods == right.methods && left.fields == right.fields && left.query == right.query
      && left.countsPreflights == right.countsPreflights
  }

  package func fit(_ head: borrowing RequestHead) -> Fit {
    for part in fields where !head.hasField(part) { return .fitsNot }
    for part in query where !head.hasParameter(part) { return .fitsNot }
    return methods.isEmpty || allows(head) ? .fits : .otherMethod
  }

  private func allows(_ head: borrowing RequestHead) -> Bool {
    if countsPreflights, let asked = head.methodOfPreflight { return allows(head.span(asked)) }
    // A CONNECT for the WebSocket protocol has the form of a GET, RFC 8441 §5.
    if head.isExtendedConnect { return methods.contains(Self.get) }
    return allows(head.span(head.methodBytes))
  }

  /// Whether a method is among them; GET stands for HEAD too.
  private func allows(_ method: borrowing Span<UInt8>) -> Bool {
    for allowed in methods {
      if Self.isSame(allowed, method) { return true }
      if allowed == Self.get, ASCII.equalsExactly(method, "HEAD") { return true }
    }
    return false
  }

  /// The methods as Allow lists them: HEAD beside GET.
  package var allowed: [[UInt8]] {
    methods.flatMap { $0 == Self.get ? [$0, Array("HEAD".utf8)] : [$0] }
  }

  private static let get = Array("GET".utf8)

  private static func isSame(_ left: [UInt8], _ right: borrowing Span<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    for index in left.indices where left[index] != right[index] { return false }
    return true
  }
}

extension RequestHead {
  /// Whether a field line of this name has this value.
  fileprivate func hasField(_ part: RequestConditions.Part) -> Bool {
    for field in fields where FieldRules.same(field.name, part.name, bytes) {
      guard let value = part.value else { return true }
      if bytes[field.value.range].elementsEqual(value) { return true }
    }
    return false
  }

  /// Whether the query has a parameter of this name with this value.
  fileprivate func hasParameter(_ part: RequestConditions.Part) -> Bool {
    guard let query else { return false }
    let (start, end) = (query.range.lowerBound, query.range.upperBound)
    var position = start
    while position < end {
      var stop = position
      while stop < end, bytes[stop] != UInt8(ascii: "&") { stop += 1 }
      var name = FormText(position, stop)
      if name.reads(part.name, in: bytes, upTo: UInt8(ascii: "=")) {
        guard let value = part.value else { return true }
        if name.reads(value, in: bytes, upTo: nil) { return true }
      }
      position = stop + 1
    }
    return false
  }
}

/// A name or value of a query, read as browsers write forms: `+` is a space, `%` begins an escape
/// (URL Standard, application/x-www-form-urlencoded).
private struct FormText {
  private var position: Int
  private let end: Int

  init(_ start: Int, _ end: Int) {
    position = start
    self.end = end
  }

  /// Whether what comes next spells `text` and ends there, at the mark or with the parameter; the mark is
  /// read over.
  mutating func reads(_ text: [UInt8], in bytes: [UInt8], upTo mark: UInt8?) -> Bool {
    var index = 0
    while position < end, bytes[position] != mark {
      var byte = bytes[position]
      position += 1
      if byte == UInt8(ascii: "+") { byte = UInt8(ascii: " ") }
      if byte == UInt8(ascii: "%"), position + 1 < end,
        let high = ASCII.hexadecimal(bytes[position]),
        let low = ASCII.hexadecimal(bytes[position + 1])
      {
        byte = high << 4 | low
        position += 2
      }
      guard index < text.count, text[index] == byte else { return false }
      index += 1
    }
    if position < end { position += 1 }
    return index == text.count
  }
}
