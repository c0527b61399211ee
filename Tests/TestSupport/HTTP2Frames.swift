/// Frames of HTTP/2 made by hand, well-formed or not, RFC 9113 §4.1.
package enum HTTP2Frames {
  package static let preface = octets("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

  /// What every client begins with.
  package static let greeting = preface + frame(4, 0, 0)

  package static func frame(
    _ type: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8] = []
  ) -> [UInt8] {
    let count = payload.count
    return [UInt8(count >> 16 & 0xff), UInt8(count >> 8 & 0xff), UInt8(count & 0xff), type, flags]
      + number(stream) + payload
  }

  package static func number(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(value >> $0 & 0xff) }
  }

  /// Fields as literals that enter no table, RFC 7541 §6.2.2; names and values below 127 bytes.
  package static func block(_ fields: [(String, String)]) -> [UInt8] {
    fields.flatMap { name, value in
      [0, UInt8(name.utf8.count)] + octets(name) + [UInt8(value.utf8.count)] + octets(value)
    }
  }

  /// A request in one HEADERS frame.
  package static func request(
    _ stream: UInt32, _ method: String = "GET", _ path: String = "/",
    _ fields: [(String, String)] = [], ended: Bool = true
  ) -> [UInt8] {
    let pseudo = [
      (":method", method), (":scheme", "https"), (":path", path), (":authority", "a.test"),
    ]
    return frame(1, ended ? 5 : 4, stream, block(pseudo + fields))
  }

  package static func data(_ stream: UInt32, _ text: String, ended: Bool = true) -> [UInt8] {
    frame(0, ended ? 1 : 0, stream, octets(text))
  }
}

/// One frame of a server's.
package struct HTTP2Frame: Equatable, CustomStringConvertible {
  package let type: UInt8
  package let flags: UInt8
  package let stream: Int
  package let payload: [UInt8]

  package init(type: UInt8, flags: UInt8, stream: Int, payload: [UInt8]) {
    self.type = type
    self.flags = flags
    self.stream = stream
    self.payload = payload
  }

  /// The error code of RST_STREAM and GOAWAY.
  package var code: UInt32? {
    switch type {
    case 3 where payload.count == 4: Self.number(payload[...])
    case 7 where payload.count >= 8: Self.number(payload[4..<8])
    default: nil
    }
  }

  package var description: String { "\(type)/\(flags) on \(stream): \(payload)" }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    bytes.reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// Takes a server's output apart; `nil` where it is no sequence of frames.
  package static func read(_ bytes: [UInt8]) -> [HTTP2Frame]? {
    var frames: [HTTP2Frame] = []
    var rest = bytes[...]
    while !rest.isEmpty {
      guard rest.count >= 9 else { return nil }
      let head = Array(rest.prefix(9))
      let count = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
      guard rest.count >= 9 + count else { return nil }
      frames.append(
        HTTP2Frame(
          type: head[3], flags: head[4], stream: Int(number(head[5..<9])),
          payload: Array(rest.dropFirst(9).prefix(count))))
      rest = rest.dropFirst(9 + count)
    }
    return frames
  }
}
