internal import TLS

/// The key that a WebSocket handshake is asked with, and what agrees to it, RFC 6455 §4.
///
/// Over HTTP/2 there is none (RFC 8441 §5), so the next hop gets one of ours. It is no secret: it
/// shows that the server which answers has read the request and knows the protocol.
enum WebSocketKey {
  /// What RFC 6455 §1.3 puts behind every key.
  private static let suffix = Array("258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8)

  /// Sixteen octets in Base64.
  static func make(_ random: inout RandomSource) -> [UInt8] {
    let numbers = [random.next(), random.next()]
    return Base64.encode(
      numbers.flatMap { number in (0..<8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) } })
  }

  /// The Sec-WebSocket-Accept that belongs to a key.
  static func accept(_ key: [UInt8]) -> [UInt8] { Base64.encode(Hash.sha1(key + suffix)) }
}
