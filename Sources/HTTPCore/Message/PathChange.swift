/// What becomes of a request's path on its way to an application: something is taken off its beginning, and
/// something put in front of the rest.
///
/// A class, so that a route without it costs one comparison with `nil`.
package final class PathChange: Sendable, Equatable {
  /// What is taken off, decoded; begins with `/` and does not end with it; empty for nothing.
  package let strip: [UInt8]
  /// What is put in front, decoded, of the same form.
  package let add: [UInt8]
  /// The same two as they stand in targets and fields.
  let (stripEscaped, addEscaped): ([UInt8], [UInt8])

  package init(strip: [UInt8], add: [UInt8]) {
    (self.strip, self.add) = (strip, add)
    var escaped: [UInt8] = []
    escaped.append(escapingPath: strip.span)
    stripEscaped = escaped
    escaped = []
    escaped.append(escapingPath: add.span)
    addEscaped = escaped
  }

  package static func == (left: PathChange, right: PathChange) -> Bool {
    left.strip == right.strip && left.add == right.add
  }
}

extension RequestHead {
  /// Whether the path can be changed so that no server leaves what is put in front of its rest.
  ///
  /// There must be one place in the path as sent where what is taken off ends, and no reading of the rest
  /// may climb above it.
  package func allows(_ change: PathChange) -> Bool {
    // The `*` of OPTIONS is no path.
    guard decodedPath.first == UInt8(ascii: "/") else { return true }
    guard let rest = restOfPath(behind: change.strip) else { return false }
    return !isPathAmbiguous || everyReading(of: rest) { _ in true }
  }

  /// The path as sent behind a prefix: empty, or with a `/` first; `nil` where it is not plainly there.
  ///
  /// Within the prefix slashes may be doubled and octets escaped. A dot segment or an escaped slash there
  /// leaves no place in which the prefix ends.
  package func restOfPath(behind prefix: [UInt8]) -> ByteRange? {
    let slash = UInt8(ascii: "/")
    let end = path.range.upperBound
    var position = path.range.lowerBound
    var index = 0
    while index < prefix.count {
      if prefix[index] == slash {
        guard position < end, bytes[position] == slash else { return nil }
        while position < end, bytes[position] == slash { position += 1 }
      } else {
        guard position < end else { return nil }
        var byte = bytes[position]
        position += 1
        if byte == UInt8(ascii: "%"), position + 1 < end,
          let high = ASCII.hexadecimal(bytes[position]),
          let low = ASCII.hexadecimal(bytes[position + 1])
        {
          byte = high << 4 | low
          position += 2
        }
        guard byte == prefix[index] else { return nil }
      }
      index += 1
    }
    guard prefix.isEmpty || position == end || bytes[position] == slash else { return nil }
    return ByteRange(start: position, count: end - position)
  }

  /// The path that requests are routed by, behind a prefix that it begins with.
  @_lifetime(borrow self)
  func decodedRest(behind prefix: [UInt8]) -> Span<UInt8> {
    decodedPath.span.extracting(min(prefix.count, decodedPath.count)..<decodedPath.count)
  }
}

extension [UInt8] {
  /// Appends the target in origin form, as an application gets it: as it was received, but for `change`.
  mutating func append(targetOf head: borrowing RequestHead, _ change: PathChange) {
    guard head.decodedPath.first == UInt8(ascii: "/"),
      let rest = head.restOfPath(behind: change.strip)
    else { return append(targetOf: head) }
    self += change.addEscaped
    append(copying: head.span(rest))
    // What is taken off whole leaves the root, and where nothing is, an empty path is one.
    if rest.isEmpty, change.add.isEmpty || change.strip.isEmpty { append(UInt8(ascii: "/")) }
    if let query = head.query {
      append(UInt8(ascii: "?"))
      append(copying: head.span(query))
    }
  }
}

extension ForwardedFacts {
  /// What X-Forwarded-Prefix says: what a trusted proxy has taken off, and then what is taken off here.
  package mutating func describe(_ change: PathChange?, behind others: [UInt8]) {
    self.change = change
    if !forwardedPrefix.isEmpty { forwardedPrefix.removeAll(keepingCapacity: true) }
    if !others.isEmpty { forwardedPrefix += others }
    if let change { forwardedPrefix += change.stripEscaped }
  }
}
