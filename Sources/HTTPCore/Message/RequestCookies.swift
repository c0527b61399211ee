extension RequestHead {
  /// The value of the first cookie of that name, RFC 6265 §4.2.1; names have a case.
  package func cookie(_ name: borrowing Span<UInt8>) -> ByteRange? {
    for field in fields where field.known == .cookie {
      var start = Int(field.value.start)
      let end = start + Int(field.value.count)
      while start < end {
        var stop = start
        while stop < end, bytes[stop] != UInt8(ascii: ";") { stop += 1 }
        if let value = value(of: name, start, stop) { return value }
        start = stop + 1
      }
    }
    return nil
  }

  /// What follows `name=` in a pair, without the white space around it.
  private func value(of name: borrowing Span<UInt8>, _ start: Int, _ end: Int) -> ByteRange? {
    var (start, end) = (start, end)
    while start < end, ASCII.isBlank(bytes[start]) { start += 1 }
    while end > start, ASCII.isBlank(bytes[end - 1]) { end -= 1 }
    let count = name.count
    guard end - start > count, bytes[start + count] == UInt8(ascii: "=") else { return nil }
    for offset in 0..<count where bytes[start + offset] != name[offset] { return nil }
    return ByteRange(start: start + count + 1, count: end - start - count - 1)
  }

  /// The value of the first field with a name in lower case.
  package func value(ofField name: borrowing Span<UInt8>) -> ByteRange? {
    for field in fields where Int(field.name.count) == name.count {
      var isSame = true
      for offset in 0..<name.count
      where ASCII.lower(bytes[Int(field.name.start) + offset]) != name[offset] {
        isSame = false
        break
      }
      if isSame { return field.value }
    }
    return nil
  }
}
