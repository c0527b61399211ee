/// A mistake in the bytes of a message.
package enum ProtobufError: Error, Equatable, Sendable {
  /// The message ends inside a field.
  case truncated
  /// A variable-length number has more than ten bytes or more than 64 bits.
  case numberTooLong
  /// A length that goes beyond the message it stands in.
  case lengthBeyondMessage
  /// Field number 0, or one above 2^29 - 1.
  case badFieldNumber
  /// Groups (wire types 3 and 4) and the types 6 and 7, which nobody has defined.
  case badWireType(UInt8)
  /// A field we know, in another wire type than ours.
  case unexpectedWireType(field: Int)
  /// Text that is not UTF-8.
  case badText(field: Int)
  /// An enumeration's value that we cannot act upon.
  case unknownValue(field: Int)
  /// A revision, a count or a time that is negative or far beyond what etcd can have.
  case outOfRange(field: Int)
  /// Transactions within transactions, deeper than `ResponseOp.nestingMax`.
  case tooDeep
}
