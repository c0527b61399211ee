import TLS
import TestSupport
import Testing

@Suite("Bytes over TLS")
struct StreamTests {
  private let context: ServerContext

  init() throws {
    context = try .serving(
      [[try TestAuthority().certificate("a.test")]], Names(["a.test": 0]))
  }

  private func connected(_ version: TLSClient.Version = .tls13) throws -> Loopback {
    let pair = try Loopback(context, .init("a.test", version))
    try #require(pair.handshake() == .agreed)
    return pair
  }

  @Test(arguments: [TLSClient.Version.tls12, .tls13])
  func `a large write makes progress in parts and arrives whole`(version: TLSClient.Version) throws
  {
    let pair = try connected(version)
    let sent = (0..<4_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    var received: [UInt8] = []
    var done = 0
    var waits = 0
    while received.count < sent.count {
      while done < sent.count {
        // The rest lies elsewhere at each try, which must not matter.
        let rest = Array(sent[done...].prefix(200_000))
        let result = try pair.server.write(rest.span)
        guard case .bytes(let count) = result else {
          #expect(result == .wantsWrite)
          waits += 1
          break
        }
        #expect(count > 0)
        done += count
      }
      while let bytes = pair.client.read(), !bytes.isEmpty { received += bytes }
    }
    #expect(received == sent)
    #expect(waits > 1)
  }

  @Test func `what was read with one record and not yet taken is pending`() throws {
    let pair = try connected()
    #expect(pair.client.write([1, 2, 3, 4]) == .done)
    #expect(try pair.serverRead(1) == [1])
    #expect(pair.server.hasPending)
    #expect(try pair.serverRead() == [2, 3, 4])
    #expect(!pair.server.hasPending)
    #expect(try pair.serverRead() == nil)
  }

  @Test func `a second record that came with the first is pending`() throws {
    let pair = try connected()
    #expect(pair.client.write([1]) == .done)
    #expect(pair.client.write([2]) == .done)
    #expect(try pair.serverRead() == [1])
    #expect(pair.server.hasPending)
    #expect(try pair.serverRead() == [2])
  }

  @Test(arguments: [TLSClient.Version.tls12, .tls13])
  func `a goodbye ends the stream in order`(version: TLSClient.Version) throws {
    let pair = try connected(version)
    #expect(pair.client.write([7]) == .done)
    pair.client.sayGoodbye()
    pair.cutClient()
    #expect(try pair.serverRead() == [7])
    #expect(try pair.readResult() == .closed)
  }

  @Test(arguments: [TLSClient.Version.tls12, .tls13])
  func `a client's side that ends without a goodbye has ended, and ours goes on`(
    version: TLSClient.Version
  ) throws {
    let pair = try connected(version)
    #expect(pair.client.read() == [])
    #expect(pair.client.write([7]) == .done)
    pair.endClientsSide()
    #expect(try pair.serverRead() == [7])
    #expect(try pair.readResult() == .closed)
    let answer: [UInt8] = [8]
    let written = try pair.server.write(answer.span)
    #expect(written == .bytes(1))
    #expect(pair.client.read() == [8])
    pair.server.shutdown()
    #expect(pair.client.read() == nil && pair.client.hasReceivedGoodbye)
  }

  @Test func `our goodbye reaches the client`() throws {
    let pair = try connected()
    #expect(pair.client.read() == [])
    pair.server.shutdown()
    pair.cutServer()
    #expect(pair.client.read() == nil)
    #expect(pair.client.hasReceivedGoodbye)
  }

  @Test(arguments: [TLSClient.Version.tls12, .tls13])
  func `a goodbye that has no room is said when there is some`(version: TLSClient.Version) throws {
    let pair = try connected(version)
    pair.fillClientsInput()
    #expect(!pair.server.shutdown())
    #expect(!pair.server.shutdown())
    _ = pair.emptyClientsInput()
    #expect(pair.server.shutdown())
    // One record: an alert, under its own type or encrypted under that of data.
    let said = pair.emptyClientsInput()
    #expect(said.first == (version == .tls12 ? 21 : 23) && said.count == Int(said[4]) + 5)
  }

  @Test func `no goodbye is said before the handshake is done`() throws {
    let pair = try Loopback(context, .init("a.test"))
    #expect(pair.client.handshake() == .waiting)
    pair.server.shutdown()
    #expect(pair.handshake() == .agreed)
  }

  @Test func `an error of one stream is not seen by another`() throws {
    let broken = try connected()
    let healthy = try connected()
    try broken.feedServerRaw([0x17, 3, 3, 0, 4, 1, 2, 3, 4])
    #expect(throws: TLSError.self) { try broken.serverRead() }
    #expect(healthy.client.write([1]) == .done)
    #expect(try healthy.serverRead() == [1])
    #expect(try healthy.readResult() == .wantsRead)
  }
}
