/// The trace that a request belongs to, as its fields name it: W3C Trace Context, levels 1 and 2.
///
///     traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
///                  version, trace id, id of the calling span, flags
///
/// This server makes no spans of its own, so it passes both fields on as they came. What a later
/// version adds behind the flags is passed on too (§3.2.4).
extension RequestHead {
  /// Digits of a trace's id.
  package static var traceIDBytes: Int { 32 }
  private static var traceParentBytes: Int { 55 }

  /// The trace id of the one `traceparent` there is; `nil` where there is none, or several, or one that
  /// breaks the rules, for which §4.3 has both fields forgotten.
  package var traceID: ByteRange? {
    var found: ByteRange?
    for field in fields where field.known == .traceparent {
      guard found == nil else { return nil }
      found = field.value
    }
    guard let found, Self.isTraceParent(span(found)) else { return nil }
    return ByteRange(start: Int(found.start) + 3, count: Self.traceIDBytes)
  }

  /// Forgets the trace: what is left of a broken one must not go on (§4.3), nor `tracestate` alone.
  package mutating func removeTrace() {
    fields.removeAll { $0.known == .traceparent || $0.known == .tracestate }
  }

  /// Has the request be the first of a trace: `id` are 32 and `parent` 16 digits, neither all zeros.
  package mutating func beginTrace(id: [UInt8], parent: [UInt8], isSampled: Bool) {
    let start = bytes.count
    bytes.append("traceparent00-")
    bytes.append(copying: id.span)
    bytes.append(UInt8(ascii: "-"))
    bytes.append(copying: parent.span)
    bytes.append(isSampled ? "-01" : "-00")
    let name = ByteRange(start: start, count: 11)
    fields.append(
      HeaderField(
        name: name, value: ByteRange(start: start + 11, count: bytes.count - start - 11),
        known: .traceparent, spelled: span(name)))
    // Whatever `Connection` says: the field is ours.
    nominations.remove(Array("traceparent".utf8), bytes)
  }

  /// §3.2.2 and §3.2.3: digits in lower case, no id of zeros alone, no version `ff`; only a later version
  /// may be longer.
  private static func isTraceParent(_ value: borrowing Span<UInt8>) -> Bool {
    guard value.count >= traceParentBytes, isHexadecimal(value, 0..<2),
      value[2] == UInt8(ascii: "-"), isHexadecimal(value, 3..<35), isAnything(value, 3..<35),
      value[35] == UInt8(ascii: "-"), isHexadecimal(value, 36..<52), isAnything(value, 36..<52),
      value[52] == UInt8(ascii: "-"), isHexadecimal(value, 53..<55)
    else { return false }
    if value[0] == UInt8(ascii: "f"), value[1] == UInt8(ascii: "f") { return false }
    guard value.count > traceParentBytes else { return true }
    let isFirstVersion = value[0] == UInt8(ascii: "0") && value[1] == UInt8(ascii: "0")
    return !isFirstVersion && value[traceParentBytes] == UInt8(ascii: "-")
  }

  private static func isHexadecimal(_ value: borrowing Span<UInt8>, _ part: Range<Int>) -> Bool {
    for index in part
    where !(ASCII.isDigit(value[index]) || value[index] &- UInt8(ascii: "a") < 6) { return false }
    return true
  }

  private static func isAnything(_ value: borrowing Span<UInt8>, _ part: Range<Int>) -> Bool {
    for index in part where value[index] != UInt8(ascii: "0") { return true }
    return false
  }
}
