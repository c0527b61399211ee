internal import CNghttp2
internal import Glibc

/// Reads a head in HTTP/1.1's form, as `HeadSerializer` writes it, as HTTP/2's fields.
///
/// Heads have one writer, whatever carries them. The fields point into the head's bytes, so they are
/// good for one call. Names stay as they are: the library lower-cases its copies.
@safe
struct ResponseFields {
  // SAFETY: nothing is kept in it from one call of `withFields` to the next but its storage.
  private var list: [nghttp2_nv] = unsafe []

  /// Gives the fields of `head`, `:status` first, to `body`; `nil` where it is no head.
  mutating func withFields<Result>(
    of head: borrowing Span<UInt8>, _ body: (UnsafeBufferPointer<nghttp2_nv>) -> Result
  ) -> Result? {
    unsafe list.removeAll(keepingCapacity: true)
    // SAFETY: what points into the head is used up before `body` returns.
    return unsafe head.withUnsafeBufferPointer { bytes in
      guard let base = unsafe UnsafeMutablePointer(mutating: bytes.baseAddress), bytes.count > 12
      else { return nil }
      unsafe add(":status", base + Self.statusPlace, Self.statusBytes)
      var start = unsafe Self.find(ASCII.carriageReturn, base, Self.statusPlace, bytes.count) + 2
      while start < bytes.count {
        let end = unsafe Self.find(ASCII.carriageReturn, base, start, bytes.count)
        if end == start { break }
        unsafe addLine(base, start, end)
        start = end + 2
      }
      return unsafe list.withUnsafeBufferPointer { unsafe body($0) }
    }
  }

  /// `HTTP/1.1 200`.
  private static let statusPlace = 9
  private static let statusBytes = 3

  /// Where the next such octet is, or `end`.
  private static func find(
    _ octet: UInt8, _ base: UnsafeMutablePointer<UInt8>, _ start: Int, _ end: Int
  ) -> Int {
    // SAFETY: callers keep start and end within the head, which outlives the call.
    guard let place = unsafe memchr(base + start, Int32(octet), end - start) else { return end }
    return unsafe place - UnsafeMutableRawPointer(base)
  }

  /// Framing and the connection's fate have other words in HTTP/2, RFC 9113 §8.2.2.
  private mutating func addLine(
    _ base: UnsafeMutablePointer<UInt8>, _ start: Int, _ end: Int
  ) {
    let colon = unsafe Self.find(UInt8(ascii: ":"), base, start, end)
    guard colon < end else { return }
    // SAFETY: start, colon and end lie within the head in this order.
    let known = unsafe FieldName(
      Span(_unsafeElements: UnsafeBufferPointer(start: base + start, count: colon - start)))
    guard known != .connection, known != .transferEncoding else { return }
    var value = colon + 1
    while value < end, unsafe ASCII.isBlank(base[value]) { value += 1 }
    unsafe list.append(
      nghttp2_nv(
        name: base + start, value: base + value, namelen: colon - start, valuelen: end - value,
        flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue)))
  }

  private mutating func add(
    _ name: StaticString, _ value: UnsafeMutablePointer<UInt8>, _ count: Int
  ) {
    // SAFETY: a StaticString lives for ever, and the library only reads.
    unsafe list.append(
      nghttp2_nv(
        name: UnsafeMutablePointer(mutating: name.utf8Start), value: value,
        namelen: name.utf8CodeUnitCount, valuelen: count,
        flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue)))
  }
}
