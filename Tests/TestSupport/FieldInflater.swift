internal import CNghttp2

/// Reads header blocks of one connection, RFC 7541.
@safe
package final class FieldInflater {
  private let raw: OpaquePointer

  /// `nil` where there is no memory for it.
  package init?() {
    var made: OpaquePointer?
    guard unsafe nghttp2_hd_inflate_new(&made) == 0, let made = unsafe made else { return nil }
    unsafe raw = unsafe made
  }

  // SAFETY: nobody else has the inflater.
  deinit { unsafe nghttp2_hd_inflate_del(raw) }

  /// The table may have so many bytes from the next block on.
  package func setTable(_ bytes: Int) {
    unsafe nghttp2_hd_inflate_change_table_size(raw, bytes)
  }

  /// The fields of a whole block; `nil` where it breaks the rules.
  package func read(_ block: [UInt8]) -> [(name: String, value: String)]? {
    var fields: [(name: String, value: String)] = []
    // SAFETY: nghttp2 reads within the count it is given, and what it lends is copied at once.
    let isGood = unsafe block.withUnsafeBufferPointer { bytes in
      var done = 0
      while true {
        var field = unsafe nghttp2_nv()
        var flags: Int32 = 0
        let count = unsafe nghttp2_hd_inflate_hd2(
          raw, &field, &flags, bytes.baseAddress.map { unsafe $0 + done }, bytes.count - done, 1)
        guard count >= 0 else { return false }
        done += Int(count)
        if flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) != 0 {
          let name = unsafe UnsafeBufferPointer(start: field.name, count: field.namelen)
          let value = unsafe UnsafeBufferPointer(start: field.value, count: field.valuelen)
          unsafe fields.append(
            (String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self)))
        }
        if flags & Int32(NGHTTP2_HD_INFLATE_FINAL.rawValue) != 0 { return true }
        if count == 0, flags == 0 { return false }
      }
    }
    unsafe nghttp2_hd_inflate_end_headers(raw)
    return isGood ? fields : nil
  }
}
