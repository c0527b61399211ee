/// What servers differ about when they read a path.
///
/// A set of these is what one server does.
/// A request is routed by one reading (`RequestTarget.decode`), but the application gets the path as
/// it was sent and reads it in its own way. Therefore all readings must lead to the same route.
package struct PathReading: OptionSet, Sendable {
  package let rawValue: UInt16

  package init(rawValue: UInt16) { self.rawValue = rawValue }

  /// `%2F` separates segments; otherwise it is an octet of its segment.
  package static let encodedSlash = PathReading(rawValue: 1 << 0)
  /// `%2F` becomes a `/` when the dot segments have been resolved already.
  package static let lateSlash = PathReading(rawValue: 1 << 1)
  /// `\` separates segments.
  package static let backslash = PathReading(rawValue: 1 << 2)
  /// `%5C` separates segments.
  package static let encodedBackslash = PathReading(rawValue: 1 << 3)
  /// What begins with `;` is no part of the path, up to the end of the segment.
  package static let parameters = PathReading(rawValue: 1 << 4)
  /// What begins with `%3B` is no part of the path, up to the end of the segment.
  package static let encodedParameters = PathReading(rawValue: 1 << 5)
  /// Empty segments are left out.
  package static let merging = PathReading(rawValue: 1 << 6)
  /// `.` and `..` are resolved.
  package static let dotSegments = PathReading(rawValue: 1 << 7)
  /// `%2E` is a dot of these.
  package static let encodedDots = PathReading(rawValue: 1 << 8)

  /// The reading that requests are routed by.
  package static let routing = resolution.union(.encodedSlash)
  /// What this server does by itself: what its own answers are found by has no other reading.
  package static let resolution: PathReading = [.merging, .dotSegments, .encodedDots]

  /// Bytes that are looked at for all readings of one path together at most.
  fileprivate static let workMax = 128 * 1024
}

extension RequestHead {
  /// Whether `holds` is true of every path that some server may make of the path as sent; with
  /// `settled`, of those that do all of this too.
  ///
  /// `false` too where a server would make no path of it, because it climbs above its root, and
  /// where it is too long to be read in all the ways that its characters allow.
  package func everyReading(
    settled: PathReading = [], _ holds: (borrowing Span<UInt8>) -> Bool
  ) -> Bool {
    everyReading(of: path, settled: settled, holds)
  }

  /// The same of a part of the path that begins a segment.
  func everyReading(
    of part: ByteRange, settled: PathReading = [], _ holds: (borrowing Span<UInt8>) -> Bool
  ) -> Bool {
    let doubts = doubts(of: part).subtracting(settled)
    let count = 1 << doubts.rawValue.nonzeroBitCount
    guard count <= PathReading.workMax / max(1, Int(part.count)) else { return false }
    var reading = doubts
    for _ in 0..<count {
      guard let path = read(part, as: reading.union(settled)), holds(path.span) else {
        return false
      }
      // The next smaller subset; after the empty one all have been seen.
      reading = PathReading(rawValue: (reading.rawValue &- 1) & doubts.rawValue)
    }
    return true
  }

  /// What of a reading makes a difference to this path; a difference too many does no harm.
  package var pathDoubts: PathReading { doubts(of: path) }

  private func doubts(of part: ByteRange) -> PathReading {
    var doubts: PathReading = []
    var isBehindSeparator = false
    var units = PathUnits(part)
    while let unit = units.next(bytes.span) {
      let wasBehindSeparator = isBehindSeparator
      isBehindSeparator = false
      switch unit.octet {
      case UInt8(ascii: "/"):
        isBehindSeparator = true
        if unit.isEncoded { doubts.formUnion([.encodedSlash, .lateSlash]) }
      case UInt8(ascii: "\\"):
        isBehindSeparator = true
        doubts.insert(unit.isEncoded ? .encodedBackslash : .backslash)
      case UInt8(ascii: ";"):
        // Without its parameters the segment may be empty.
        if wasBehindSeparator { doubts.insert(.merging) }
        doubts.insert(unit.isEncoded ? .encodedParameters : .parameters)
      case UInt8(ascii: "."):
        if wasBehindSeparator { doubts.insert(.dotSegments) }
        if unit.isEncoded { doubts.insert(.encodedDots) }
      default: break
      }
      if wasBehindSeparator, isBehindSeparator { doubts.insert(.merging) }
    }
    return doubts
  }

  /// The path as one server would read it; `nil` where it climbs above its root.
  package func path(as reading: PathReading) -> [UInt8]? { read(path, as: reading) }

  private func read(_ part: ByteRange, as reading: PathReading) -> [UInt8]? {
    var output: [UInt8] = []
    output.reserveCapacity(Int(part.count) + 1)
    // No path has a NUL, so one can stand for a slash that nothing is to see yet.
    let late: UInt8 = 0
    var isParameter = false
    var hasEncodedDot = false
    func endSegment() throws(HTTPError) -> Bool {
      guard reading.contains(.dotSegments), reading.contains(.encodedDots) || !hasEncodedDot else {
        return false
      }
      return try RequestTarget.endSegment(&output)
    }
    var units = PathUnits(part)
    do throws(HTTPError) {
      while let unit = units.next(bytes.span) {
        if reading.separates(unit) {
          if try !endSegment(), !reading.contains(.merging) || output.last != UInt8(ascii: "/") {
            output.append(UInt8(ascii: "/"))
          }
          (isParameter, hasEncodedDot) = (false, false)
          continue
        }
        isParameter = isParameter || reading.beginsParameter(unit)
        guard !isParameter else { continue }
        hasEncodedDot = hasEncodedDot || unit.isEncoded && unit.octet == UInt8(ascii: ".")
        if unit.octet != UInt8(ascii: "/") {
          output.append(unit.octet)
        } else if reading.contains(.lateSlash) {
          output.append(late)
        } else {
          output.append("%2F")
        }
      }
      _ = try endSegment()
    } catch {
      return nil
    }
    for index in output.indices where output[index] == late { output[index] = UInt8(ascii: "/") }
    return output.isEmpty ? [UInt8(ascii: "/")] : output
  }
}

extension PathReading {
  fileprivate func separates(_ unit: PathUnits.Unit) -> Bool {
    switch unit.octet {
    case UInt8(ascii: "/"): !unit.isEncoded || contains(.encodedSlash)
    case UInt8(ascii: "\\"): contains(unit.isEncoded ? .encodedBackslash : .backslash)
    default: false
    }
  }

  fileprivate func beginsParameter(_ unit: PathUnits.Unit) -> Bool {
    unit.octet == UInt8(ascii: ";") && contains(unit.isEncoded ? .encodedParameters : .parameters)
  }
}

/// The octets of a path, each as it stands there or as an escape.
private struct PathUnits {
  struct Unit {
    let octet: UInt8
    let isEncoded: Bool
  }

  private var position: Int
  private let end: Int

  init(_ path: ByteRange) {
    position = path.range.lowerBound
    end = path.range.upperBound
  }

  mutating func next(_ bytes: borrowing Span<UInt8>) -> Unit? {
    guard position < end, position < bytes.count else { return nil }
    let start = position
    position += 1
    guard bytes[start] == UInt8(ascii: "%"), start + 2 < min(end, bytes.count),
      let high = ASCII.hexadecimal(bytes[start + 1]), let low = ASCII.hexadecimal(bytes[start + 2])
    else { return Unit(octet: bytes[start], isEncoded: false) }
    position += 2
    return Unit(octet: high << 4 | low, isEncoded: true)
  }
}

extension [UInt8] {
  /// Appends the target in origin form, as it was received.
  package mutating func append(targetOf head: borrowing RequestHead) {
    if head.path.isEmpty { append(UInt8(ascii: "/")) }
    append(copying: head.span(head.path))
    if let query = head.query {
      append(UInt8(ascii: "?"))
      append(copying: head.span(query))
    }
  }
}
