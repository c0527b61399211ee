import EventLoop
import Testing

@Suite("Addresses and sockets")
struct SocketTests {
  @Test(arguments: [
    "192.0.2.1:443", "[2001:db8::1]:80", "0.0.0.0:1", "unix:/run/app.sock", "unix:@name",
  ])
  func `an address reads back as it was written`(text: String) throws {
    #expect(try #require(SocketAddress(text)).description == text)
  }

  @Test(arguments: [
    "", "host:80", "192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:-1", "2001:db8::1:80",
    "[192.0.2.1]:80", "[::1", "unix:", "192.0.2.1:8o", "192.0.2.256:1",
    "unix:/" + String(repeating: "x", count: 107),
  ])
  func `what is no numeric address is refused`(text: String) {
    #expect(SocketAddress(text) == nil)
  }

  @Test func `an abstract name ends with the NUL that uWSGI binds`() throws {
    let address = try #require(SocketAddress("unix:@app"))
    #expect(address.bytes.dropFirst(2).elementsEqual([0] + Array("app".utf8) + [0]))
  }

  @Test func `a connection to nobody is refused at once or on the first write`() throws {
    let loopback = try #require(SocketAddress("127.0.0.1:0"))
    var address = loopback
    do {
      let listener = try Socket.listen(loopback, reusePort: false)
      address = try #require(Socket.localAddress(listener.raw))
    }
    do throws(SystemError) {
      let socket = try Socket.connect(address)
      let byte: [UInt8] = [1]
      guard case .failed = Descriptor.send(socket.raw, byte.span) else {
        Issue.record("a write to nobody succeeded")
        return
      }
    } catch {
      #expect(error.call == "connect")
    }
  }

  @Test func `two sockets without sharing do not listen on one address`() throws {
    let listener = try Socket.listen(#require(SocketAddress("127.0.0.1:0")), reusePort: true)
    let address = try #require(Socket.localAddress(listener.raw))
    #expect(throws: SystemError.self) { _ = try Socket.listen(address, reusePort: false) }
    _ = try Socket.listen(address, reusePort: true)
  }

  @Test func `an accepted connection carries bytes, and an empty queue is told`() throws {
    let listener = try Socket.listen(#require(SocketAddress("127.0.0.1:0")), reusePort: false)
    let address = try #require(Socket.localAddress(listener.raw))
    #expect(try accepts(listener.raw) == false)
    let client = try Socket.connect(address)
    let bytes = Array("hello".utf8)
    #expect(Descriptor.send(client.raw, bytes.span) == .bytes(5))
    #expect(try accepts(listener.raw))
  }

  private func accepts(_ listener: Int32) throws -> Bool {
    switch try Socket.accept(listener) {
    case .some(let socket):
      var block = [UInt8](repeating: 0, count: 16)
      var space = block.mutableSpan
      #expect(Descriptor.read(socket.raw, into: &space) == .bytes(5))
      return true
    case .none: return false
    }
  }

  @Test func `an unnamed file keeps what is written at an offset`() throws {
    let file = try Descriptor.unnamedFile(in: "/tmp")
    let bytes = Array("0123456789".utf8)
    try Descriptor.writeAll(file.raw, bytes.span, at: 5)
    var block = [UInt8](repeating: 1, count: 20)
    var space = block.mutableSpan
    #expect(Descriptor.read(file.raw, at: 7, into: &space) == .bytes(8))
    #expect(Array(block.prefix(8)) == Array("23456789".utf8))
  }
}
