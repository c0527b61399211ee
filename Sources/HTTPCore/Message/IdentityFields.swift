/// Fields that say who the user is: only this server may write them.
extension RequestHead {
  /// Removes each field that an application could take for one of this name.
  ///
  /// CGI and what came of it write names with letters, digits and `_` only, so `Remote_User` and
  /// `remote.user` would be read as `Remote-User`.
  package mutating func removeLookalikes(of name: [UInt8]) {
    let bytes = bytes
    fields.removeAll { field in
      guard Int(field.name.count) == name.count else { return false }
      for (place, byte) in zip(field.name.range, name)
      where Self.folded(bytes[place]) != Self.folded(byte) { return false }
      return true
    }
  }

  private static func folded(_ byte: UInt8) -> UInt8 {
    ASCII.isLetter(byte) || ASCII.isDigit(byte) ? ASCII.lower(byte) : UInt8(ascii: "-")
  }

  /// Adds a field of this server's, which goes on whatever the client has named in `Connection`.
  package mutating func addOwn(_ name: [UInt8], _ value: borrowing Span<UInt8>) {
    nominations.remove(name, bytes)
    let start = bytes.count
    bytes += name
    bytes.append(copying: value)
    // What only a proxy may say is dropped when a client says it; this server is one.
    let known = FieldName(name.span)
    fields.append(
      HeaderField(
        name: ByteRange(start: start, count: name.count),
        value: ByteRange(start: start + name.count, count: value.count),
        known: known == .xForwarded ? .other : known, spelled: name.span))
  }

  /// The value of the one Authorization field; `nil` where there is none, or more than one.
  package var authorization: ByteRange? {
    var found: ByteRange?
    for field in fields where ASCII.equals(span(field.name), "authorization") {
      guard found == nil else { return nil }
      found = field.value
    }
    return found
  }
}
