package import DNS
package import DNSCore
package import EventLoop

/// A name server on loopback, over UDP and TCP at one port, whose every answer is written in the test.
package final class ScriptedNameServer: EventSource {
  /// The messages that answer one; none for silence.
  package typealias Script = (_ message: [UInt8], _ carrier: DNSCall.Carrier) -> [[UInt8]]

  package let address: SocketAddress
  package var script: Script
  /// What it was asked, in order.
  package private(set) var asked: [(message: DNSMessage, carrier: DNSCall.Carrier)] = []
  /// How many bytes of an answer go out at once over TCP.
  package var pieceBytes = Int.max
  private let loop: EventLoop
  private let sockets: Sockets
  private var tokens: [SourceToken] = []
  private var lines: [Line] = []

  package init(on loop: EventLoop, _ script: @escaping Script) throws {
    self.loop = loop
    self.script = script
    sockets = try Sockets()
    address = sockets.address
    tokens.append(try loop.register(sockets.listener.raw, self, [.readable]))
    tokens.append(try loop.register(sockets.datagrams.raw, self, [.readable]))
  }

  private struct Sockets: ~Copyable {
    let listener: FileDescriptor
    let datagrams: FileDescriptor
    let address: SocketAddress

    /// A port may be free for TCP and taken for UDP, where another test has it just now.
    init() throws {
      var last = SystemError("bind")
      for _ in 0..<20 {
        guard let any = SocketAddress(ip: "127.0.0.1", port: 0) else { break }
        let listener = try Socket.listen(any, reusePort: false)
        guard let address = Socket.localAddress(listener.raw) else { break }
        do throws(SystemError) {
          let datagrams = try Datagram.bind(address, bufferBytes: 65_536)
          self.listener = listener
          self.datagrams = datagrams
          self.address = address
          return
        } catch {
          last = error
        }
      }
      throw last
    }
  }

  package func end() {
    for token in tokens + lines.map(\.token) { loop.forget(token) }
    tokens = []
    lines = []
  }

  package func ready(_ events: Readiness) {
    receiveDatagrams()
    while let accepted = try? Socket.accept(sockets.listener.raw) {
      let line = Line(accepted, of: self)
      guard let token = try? loop.register(line.raw, line, [.readable]) else { return }
      line.token = token
      lines.append(line)
    }
  }

  private func receiveDatagrams() {
    var block = [UInt8](repeating: 0, count: DNSMessage.bytesMax)
    while true {
      var space = block.mutableSpan
      let arrival = Datagram.receive(sockets.datagrams.raw, into: &space)
      guard case .datagram(let count, from: let sender?) = arrival else { return }
      for answer in answers(to: Array(block.prefix(count)), .udp) {
        Datagram.send(answer, to: sender, through: sockets.datagrams.raw)
      }
    }
  }

  fileprivate func answers(to message: [UInt8], _ carrier: DNSCall.Carrier) -> [[UInt8]] {
    if let asked = try? DNSMessage(decoding: message) { self.asked.append((asked, carrier)) }
    return script(message, carrier)
  }

  /// A connection to it.
  fileprivate final class Line: EventSource {
    var token = SourceToken.none
    private let descriptor: FileDescriptor
    private unowned let server: ScriptedNameServer
    private var input: [UInt8] = []

    init(_ descriptor: consuming FileDescriptor, of server: ScriptedNameServer) {
      self.descriptor = descriptor
      self.server = server
    }

    var raw: Int32 { descriptor.raw }

    func ready(_ events: Readiness) {
      var block = [UInt8](repeating: 0, count: 65_536)
      var space = block.mutableSpan
      guard case .bytes(let count) = Descriptor.read(raw, into: &space) else {
        server.loop.unregister(raw, token)
        return
      }
      input += block[..<count]
      while input.count >= 2, input.count >= Int(input[0]) << 8 + Int(input[1]) + 2 {
        let length = Int(input[0]) << 8 + Int(input[1])
        for answer in server.answers(to: Array(input[2..<(length + 2)]), .tcp) { say(answer) }
        input.removeFirst(length + 2)
      }
    }

    private func say(_ answer: [UInt8]) {
      var rest = ([UInt8(answer.count >> 8), UInt8(answer.count & 0xff)] + answer)[...]
      while !rest.isEmpty {
        let piece = Array(rest.prefix(server.pieceBytes))
        _ = Descriptor.send(raw, piece.span)
        rest = rest.dropFirst(server.pieceBytes)
      }
    }
  }
}

@available(*, unavailable) extension ScriptedNameServer: Sendable {}
