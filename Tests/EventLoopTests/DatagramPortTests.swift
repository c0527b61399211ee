import EventLoop
import Testing

@Suite("A port that answers datagrams")
struct DatagramPortTests {
  private final class Client {
    let descriptor: FileDescriptor
    let address: SocketAddress

    init(_ host: String) throws {
      let any = try #require(SocketAddress(ip: host, port: 0))
      descriptor = try Datagram.bind(any, bufferBytes: 65_536)
      address = try #require(Socket.localAddress(descriptor.raw))
    }

    func send(_ bytes: [UInt8], to address: SocketAddress) {
      Datagram.send(bytes, to: address, through: descriptor.raw)
    }

    /// What has come, and from where.
    func receive() -> (bytes: [UInt8], from: SocketAddress?)? {
      var block = [UInt8](repeating: 0, count: 4096)
      var space = block.mutableSpan
      guard case .datagram(let count, let from) = Datagram.receive(descriptor.raw, into: &space)
      else { return nil }
      return (Array(block.prefix(count)), from)
    }
  }

  private static func port(_ host: String) throws -> (DatagramPort, number: UInt16) {
    let any = try #require(SocketAddress(ip: host, port: 0))
    let port = DatagramPort(try Datagram.bind(any, bufferBytes: 65_536))
    return (port, try #require(Socket.localAddress(port.raw)?.port))
  }

  /// The next datagram, with as much room as given.
  private static func next(_ port: DatagramPort, room: Int = 64) -> (DatagramPort.Arrival, [UInt8])
  {
    var block = [UInt8](repeating: 0, count: room)
    var space = block.mutableSpan
    let arrival = port.receive(into: &space)
    guard case .datagram(let count) = arrival else { return (arrival, []) }
    return (arrival, Array(block.prefix(count)))
  }

  static var hosts: [(bound: String, asked: String, high: UInt64, low: UInt64)] {
    var hosts: [(bound: String, asked: String, high: UInt64, low: UInt64)] = [
      ("127.0.0.1", "127.0.0.1", 0, 0xffff_7f00_0001),
      ("0.0.0.0", "127.0.0.1", 0, 0xffff_7f00_0001),
      ("0.0.0.0", "127.9.8.7", 0, 0xffff_7f00_0001),
    ]
    // A container may do without IPv6.
    if let loopback = SocketAddress(ip: "::1", port: 0),
      (try? Datagram.bind(loopback, bufferBytes: 4096)) != nil
    {
      hosts += [("::1", "::1", 0, 1), ("::", "::1", 0, 1)]
    }
    return hosts
  }

  @Test(arguments: hosts)
  func `an answer comes from the address that was asked`(
    host: (bound: String, asked: String, high: UInt64, low: UInt64)
  ) throws {
    let (port, number) = try Self.port(host.bound)
    let asked = try #require(SocketAddress(ip: host.asked, port: number))
    let client = try Client(host.asked.contains(":") ? "::1" : "127.0.0.1")
    for round in 1...3 {
      client.send([UInt8](repeating: 7, count: round), to: asked)
      #expect(Self.next(port) == (.datagram(round), [UInt8](repeating: 7, count: round)))
      #expect(port.source == (host.high, host.low))
      let answer: [UInt8] = [1, 2, UInt8(round)]
      let isSent = port.reply(answer.span)
      #expect(isSent)
      let (bytes, from) = try #require(client.receive())
      #expect(bytes == answer && from == asked)
    }
    #expect(Self.next(port).0 == .none)
  }

  @Test func `a datagram that does not fit is gone, and the next one is whole`() throws {
    let (port, number) = try Self.port("127.0.0.1")
    let asked = try #require(SocketAddress(ip: "127.0.0.1", port: number))
    let client = try Client("127.0.0.1")
    client.send([UInt8](repeating: 1, count: 65), to: asked)
    client.send([UInt8](repeating: 2, count: 64), to: asked)
    client.send([], to: asked)
    #expect(Self.next(port) == (.tooLong, []))
    #expect(Self.next(port) == (.datagram(64), [UInt8](repeating: 2, count: 64)))
    #expect(Self.next(port) == (.datagram(0), []))
    #expect(Self.next(port) == (.none, []))
  }

  @Test func `a client that is gone disturbs nobody`() throws {
    let (port, number) = try Self.port("127.0.0.1")
    let asked = try #require(SocketAddress(ip: "127.0.0.1", port: number))
    do {
      let gone = try Client("127.0.0.1")
      gone.send([1], to: asked)
    }
    #expect(Self.next(port) == (.datagram(1), [1]))
    let answer: [UInt8] = [9]
    for _ in 0..<3 {
      let isSent = port.reply(answer.span)
      #expect(isSent)
    }
    let client = try Client("127.0.0.1")
    client.send([2], to: asked)
    #expect(Self.next(port) == (.datagram(1), [2]))
    let isSent = port.reply(answer.span)
    #expect(isSent)
    #expect(try #require(client.receive()).bytes == answer)
  }
}
