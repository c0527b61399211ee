import EventLoop
import Glibc
import HTTPCore
import Testing

/// The https port of a server on loopback, which nobody accepts from, until the object goes or loses its power.
final class PoweredListener {
  let address: IPAddress
  let port: UInt16
  private let descriptor: FileDescriptor
  /// Connections that fill the queue.
  private var fillers: [Int32] = []

  /// `last` is the last number of its address.
  init(_ last: Int, at port: UInt16 = 0) throws {
    let text = "127.66.0.\(last)"
    let place = try #require(SocketAddress(ip: text, port: port))
    descriptor = try Socket.listen(place, reusePort: false, backlog: 1024)
    self.port = try #require(Socket.localAddress(descriptor.raw)?.port)
    let octets = Array(text.utf8)
    let read = IPAddress(octets.span)
    address = try #require(read)
  }

  var place: SocketAddress? {
    SocketAddress(ip: String(decoding: address.text, as: UTF8.self), port: port)
  }

  deinit { for raw in fillers { close(raw) } }

  /// From now on nothing answers: the queue of the socket is full, and the kernel passes over what comes.
  func losePower() throws {
    guard listen(descriptor.raw, 0) == 0 else { throw SystemError("listen") }
    let place = try #require(place)
    for _ in 0..<2 { fillers.append(try Socket.connect(place, speaksFirst: false).release()) }
  }

  /// Answers again.
  func comeBack() throws {
    guard listen(descriptor.raw, 1024) == 0 else { throw SystemError("listen") }
  }
}
