/// The path of a target as everything behind the parser sees it.
enum RequestTarget {
  /// Decodes percent-encoding once, merges slashes, and then removes dot segments.
  ///
  /// A dot segment never stands for an empty one: `/a//..` is `/`, as nginx has it.
  /// Routing and the application get this one form, so that nothing can mean one thing to the edge
  /// and another to what is behind it. An encoded NUL, a broken escape and a path that climbs above
  /// its root are refused. RFC 3986 §2.1 and §5.2.4.
  static func decode(
    _ path: borrowing Span<UInt8>, into output: inout [UInt8]
  ) throws(HTTPError) {
    output.removeAll(keepingCapacity: true)
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
      }
      if byte == UInt8(ascii: "/") { try endSegment(&output) }
      if byte != UInt8(ascii: "/") || output.last != byte { output.append(byte) }
    }
    try endSegment(&output)
  }

  /// Resolves the segment that ends here where it is `.` or `..`.
  private static func endSegment(_ output: inout [UInt8]) throws(HTTPError) {
    let dot = UInt8(ascii: ".")
    let slash = UInt8(ascii: "/")
    let count = output.count
    if count >= 2, output[count - 1] == dot, output[count - 2] == slash {
      output.removeLast()
    } else if count >= 3, output[count - 1] == dot, output[count - 2] == dot,
      output[count - 3] == slash
    {
      output.removeLast(3)
      guard let parent = output.lastIndex(of: slash) else { throw .targetClimbs }
      output.removeLast(output.count - parent - 1)
    }
  }
}
