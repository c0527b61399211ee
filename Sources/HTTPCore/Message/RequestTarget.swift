/// The path of a target as everything behind the parser sees it.
enum RequestTarget {
  /// Decodes percent-encoding once, merges slashes, and then removes dot segments.
  ///
  /// A dot segment never stands for an empty one: `/a//..` is `/`, as nginx has it.
  /// Requests are routed by this form, and PATH_INFO is this form. An encoded NUL, a broken escape
  /// and a path that climbs above its root are refused. RFC 3986 §2.1 and §5.2.4.
  ///
  /// Returns whether another server may read the path otherwise (`PathReading`).
  static func decode(
    _ path: borrowing Span<UInt8>, into output: inout [UInt8]
  ) throws(HTTPError) -> Bool {
    output.removeAll(keepingCapacity: true)
    var isAmbiguous = false
    var index = 0
    while index < path.count {
      var byte = path[index]
      index += 1
      if byte == UInt8(ascii: "%") {
        guard index + 1 < path.count, let high = ASCII.hexadecimal(path[index]),
          let low = ASCII.hexadecimal(path[index + 1])
        else { throw .targetMalformed }
        byte = high << 4 | low
        guard byte != 0 else { throw .targetMalformed }
        index += 2
        if byte == UInt8(ascii: "/") { isAmbiguous = true }
      }
      switch byte {
      case UInt8(ascii: "/"):
        if try endSegment(&output) { isAmbiguous = true }
        if output.last == byte { isAmbiguous = true } else { output.append(byte) }
      case UInt8(ascii: ";"), UInt8(ascii: "\\"):
        isAmbiguous = true
        output.append(byte)
      default: output.append(byte)
      }
    }
    if try endSegment(&output) { isAmbiguous = true }
    return isAmbiguous
  }

  /// Resolves the segment that ends here where it is `.` or `..`; `true` where it was.
  static func endSegment(_ output: inout [UInt8]) throws(HTTPError) -> Bool {
    let dot = UInt8(ascii: ".")
    let slash = UInt8(ascii: "/")
    let count = output.count
    if count >= 2, output[count - 1] == dot, output[count - 2] == slash {
      output.removeLast()
      return true
    }
    if count >= 3, output[count - 1] == dot, output[count - 2] == dot,
      output[count - 3] == slash
    {
      output.removeLast(3)
      guard let parent = output.lastIndex(of: slash) else { throw .targetClimbs }
      output.removeLast(output.count - parent - 1)
      return true
    }
    return false
  }
}
