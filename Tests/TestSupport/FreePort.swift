package import EventLoop
internal import Synchronization

/// A port of 127.0.0.1 for a program that a test starts, or for nobody at all.
///
/// It lies below the ports that the kernel chooses for sockets by itself, and each is given once in a
/// process, so that no other test takes it between the look and the program's own bind.
package enum FreePort {
  private static let first: UInt16 = 10_000
  private static let count: UInt16 = 20_000
  /// Another process begins elsewhere.
  private static let next = Atomic<UInt16>(UInt16.random(in: 0..<count))

  /// One that nobody has for TCP nor for UDP.
  package static func take() throws -> SocketAddress {
    for _ in 0..<count {
      let number = next.wrappingAdd(1, ordering: .relaxed).oldValue % count
      guard let place = SocketAddress(ip: "127.0.0.1", port: first + number) else { break }
      do throws(SystemError) {
        let stream = try Socket.listen(place, reusePort: false)
        let datagrams = try Datagram.bind(place, bufferBytes: 1024)
        _ = consume stream
        _ = consume datagrams
        return place
      } catch {
        continue
      }
    }
    throw SystemError("bind")
  }
}
