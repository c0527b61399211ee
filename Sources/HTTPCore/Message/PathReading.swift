/// What the one form of a path (`RequestTarget.decode`) has lost of the path as sent.
package struct PathForm: Sendable, Equatable {
  /// Dot segments were resolved or slashes merged, so the path as sent is another one.
  package internal(set) var isRewritten = false
  /// `%2F`, `\` or `;`: servers differ in what they make of these.
  package internal(set) var isAmbiguous = false

  package init() {}
}

/// What a server may make of a path where this one makes something else of it.
package enum PathReading: CaseIterable, Sendable {
  /// `%2F` is an octet of its segment and separates nothing.
  case slashKept
  /// `\` separates segments, and parameters (`;` up to the segment's end) are no part of them.
  case bare
}

extension RequestHead {
  /// The path as another server would read it; `nil` where it would be no path.
  package func path(as reading: PathReading) -> [UInt8]? {
    let sent = span(path)
    var spelled: [UInt8] = []
    var isParameter = false
    var index = 0
    while index < sent.count {
      let count = sent[index] == UInt8(ascii: "%") && index + 2 < sent.count ? 3 : 1
      let unit = sent.extracting(index..<(index + count))
      index += count
      let octet = Self.octet(unit)
      switch (reading, octet) {
      case (.slashKept, UInt8(ascii: "/")) where count > 1: spelled.append("%252F")
      case (.bare, UInt8(ascii: "/")), (.bare, UInt8(ascii: "\\")):
        isParameter = false
        spelled.append(UInt8(ascii: "/"))
      case (.bare, UInt8(ascii: ";")): isParameter = true
      default: if !isParameter { spelled.append(copying: unit) }
      }
    }
    var output: [UInt8] = []
    do throws(HTTPError) {
      _ = try RequestTarget.decode(spelled.span, into: &output)
    } catch {
      return nil
    }
    return output.isEmpty ? [UInt8(ascii: "/")] : output
  }

  /// What one octet or one escape stands for.
  private static func octet(_ unit: borrowing Span<UInt8>) -> UInt8 {
    guard unit.count == 3, let high = ASCII.hexadecimal(unit[1]),
      let low = ASCII.hexadecimal(unit[2])
    else { return unit[0] }
    return high << 4 | low
  }
}

extension [UInt8] {
  /// Appends the target in origin form as an application gets it: as sent, but with the path that
  /// the request was routed by where that has other segments.
  mutating func append(targetOf head: borrowing RequestHead) {
    if head.pathForm.isRewritten {
      append(escapingPath: head.decodedPath.span)
    } else {
      if head.path.isEmpty { append(UInt8(ascii: "/")) }
      append(copying: head.span(head.path))
    }
    if let query = head.query {
      append(UInt8(ascii: "?"))
      append(copying: head.span(query))
    }
  }
}
