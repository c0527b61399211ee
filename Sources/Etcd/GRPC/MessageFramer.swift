/// Why the bytes of a stream are no messages.
package enum FramingError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A message is compressed, which we never said we could read.
  case compressed
  /// A message is longer than `MessageFramer.messageBytesMax`.
  case tooLong(bytes: Int)

  package var description: String {
    switch self {
    case .compressed: "a message is compressed"
    case .tooLong(let bytes):
      "a message of \(bytes) bytes, more than \(MessageFramer.messageBytesMax)"
    }
  }
}

/// Cuts the body of a gRPC answer into messages, wherever it is split.
///
///     compressed (1 byte, 0), length (4 bytes, big-endian), message
package struct MessageFramer: Sendable {
  /// etcd sends a certificate of a few KB, or a listing of thousands of them.
  package static let messageBytesMax = 16 << 20
  static let prefixBytes = 5

  private var pending: [UInt8] = []
  private var isBroken = false

  package init() {}

  /// Whether a stream may end here: no message has only begun.
  package var isBetweenMessages: Bool { pending.isEmpty }

  /// Takes bytes and gives the messages that are whole now.
  ///
  /// After an error none come any more; those that came in the same bytes are lost with it.
  package mutating func receive(_ bytes: [UInt8]) throws(FramingError) -> [[UInt8]] {
    guard !isBroken else { return [] }
    pending += bytes
    var messages: [[UInt8]] = []
    var start = 0
    while let length = try length(at: start) {
      let end = start + Self.prefixBytes + length
      guard pending.count >= end else { break }
      messages.append(Array(pending[(start + Self.prefixBytes)..<end]))
      start = end
    }
    if start > 0 { pending.removeFirst(start) }
    return messages
  }

  /// The length of the message that begins at `start`; `nil` while its prefix is not whole.
  private mutating func length(at start: Int) throws(FramingError) -> Int? {
    guard pending.count > start else { return nil }
    guard pending[start] == 0 else {
      isBroken = true
      throw .compressed
    }
    guard pending.count - start >= Self.prefixBytes else { return nil }
    let length = pending[(start + 1)..<(start + Self.prefixBytes)].reduce(0) { $0 << 8 | Int($1) }
    guard length <= Self.messageBytesMax else {
      isBroken = true
      throw .tooLong(bytes: length)
    }
    return length
  }

  /// A message as it is sent.
  package static func frame(_ message: [UInt8]) -> [UInt8] {
    let length = UInt32(message.count)
    let prefix = [0, UInt8(length >> 24), UInt8(length >> 16 & 255), UInt8(length >> 8 & 255)]
    return prefix + [UInt8(length & 255)] + message
  }
}
