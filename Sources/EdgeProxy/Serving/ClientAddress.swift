internal import EventLoop
internal import HTTPCore

/// The client's end of a connection.
struct ClientAddress {
  let address: IPAddress
  /// The address as logs and applications are told it.
  let text: [UInt8]
  /// 0 where it is not known.
  let port: UInt16

  init(_ address: IPAddress, port: UInt16) {
    self.address = address
    self.port = port
    text = address.text
  }
}

extension IPAddress {
  /// `nil` for a unix socket.
  init?(_ socket: SocketAddress) {
    let bytes = socket.bytes
    switch socket.family {
    case .ipv4: self.init(octets: bytes.span.extracting(4..<8))
    case .ipv6: self.init(octets: bytes.span.extracting(8..<24))
    case .unix: return nil
    }
  }
}
