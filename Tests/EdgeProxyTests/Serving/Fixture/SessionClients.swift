import EventLoop
import Testing

@testable import EdgeProxy

extension InProcessServer {
  /// A client's connection to the listener of `listen.tcp` at this address, over loopback, where it
  /// can be reset; the client's address is the one that is given.
  func beginSession(
    at listener: String, from address: String = "127.0.0.1", room: Int32? = nil
  ) throws -> WireClient {
    let anywhere = try #require(SocketAddress(ip: "127.0.0.1", port: 0))
    let door = try Socket.listen(anywhere, reusePort: false)
    let client = WireClient(
      try Socket.connect(try #require(Socket.localAddress(door.raw)), speaksFirst: false),
      room: room)
    let from = try #require(SocketAddress(ip: address, port: 40_000))
    let at = try #require(SocketAddress(listener))
    try settle {
      guard let ours = try Socket.accept(door.raw) else { return false }
      WireClient.setRoom(ours.raw, room)
      worker.sessions.accept(ours, from: from, at: at)
      return true
    }
    try settle()
    return client
  }
}
