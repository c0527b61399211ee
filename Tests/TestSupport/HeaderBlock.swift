internal import CNghttp2

/// Takes header blocks of HTTP/2 apart, RFC 7541, in the order in which they came.
@safe
package final class HeaderBlock {
  private var inflater: OpaquePointer?

  package init() { unsafe nghttp2_hd_inflate_new(&inflater) }

  deinit { unsafe nghttp2_hd_inflate_del(inflater) }

  /// The fields as `name: value`; `nil` where it is no complete block.
  package func fields(of block: [UInt8]) -> [String]? {
    var lines: [String] = []
    var place = 0
    while true {
      var pair = unsafe nghttp2_nv()
      var flags: Int32 = 0
      // SAFETY: the library reads within the block; a pair is valid until its next call.
      let taken = unsafe block.withUnsafeBufferPointer { bytes in
        unsafe nghttp2_hd_inflate_hd2(
          inflater, &pair, &flags, bytes.baseAddress.map { unsafe $0 + place },
          bytes.count - place, 1)
      }
      guard taken >= 0 else { return nil }
      place += taken
      if flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) != 0 {
        let (name, value) = unsafe (
          UnsafeBufferPointer(start: pair.name, count: pair.namelen),
          UnsafeBufferPointer(start: pair.value, count: pair.valuelen)
        )
        lines.append(
          unsafe "\(text(Span(_unsafeElements: name))): \(text(Span(_unsafeElements: value)))")
      }
      if flags & Int32(NGHTTP2_HD_INFLATE_FINAL.rawValue) != 0 {
        unsafe nghttp2_hd_inflate_end_headers(inflater)
        return place == block.count ? lines : nil
      }
      if flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) == 0, taken == 0 { return nil }
    }
  }
}

@available(*, unavailable) extension HeaderBlock: Sendable {}
