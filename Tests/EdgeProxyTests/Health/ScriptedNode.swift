import EventLoop

@testable import EdgeProxy

/// A node whose every word is written in the test.
final class ScriptedNode {
  let address: SocketAddress
  private var listener: FileDescriptor?
  private(set) var calls: [Call] = []

  /// One connection to it.
  final class Call {
    private var descriptor: FileDescriptor?
    private let raw: Int32

    init(_ descriptor: consuming FileDescriptor) {
      raw = descriptor.raw
      self.descriptor = consume descriptor
    }

    /// What has come in and was not asked for before.
    func heard() -> [UInt8] {
      var all: [UInt8] = []
      var bytes = [UInt8](repeating: 0, count: 65_536)
      while true {
        var space = bytes.mutableSpan
        guard case .bytes(let count) = Descriptor.read(raw, into: &space) else { return all }
        all += bytes[..<count]
      }
    }

    func say(_ bytes: [UInt8]) { _ = send(bytes) }
    func send(_ bytes: [UInt8]) -> WriteOutcome { Descriptor.send(raw, bytes.span) }
    func say(_ text: String) { say(Array(text.utf8)) }
    func end() { descriptor = nil }
    /// Ends its own side; what comes is still heard.
    func endSending() { Socket.shutdownWriting(raw) }

    func reset() {
      Socket.resetOnClose(raw)
      end()
    }

    /// Whether the other side has ended, in order or not; takes a byte where one is there.
    var isEnded: Bool {
      switch readByte() {
      case .closed, .failed: true
      default: false
      }
    }

    /// Whether it has broken the connection off.
    var isReset: Bool {
      if case .failed = readByte() { true } else { false }
    }

    private func readByte() -> ReadOutcome {
      var byte: [UInt8] = [0]
      var space = byte.mutableSpan
      return Descriptor.read(raw, into: &space)
    }
  }

  /// On an abstract unix socket, so that a call is there as soon as it was made; `overTCP` on
  /// loopback, where a connection can be reset.
  init(overTCP: Bool = false) throws {
    let name =
      overTCP ? "127.0.0.1:0" : "unix:@edgeproxy-node-\(UInt64.random(in: 0 ... .max))"
    guard let wanted = SocketAddress(name) else { throw SystemError("socket") }
    let socket = try Socket.listen(wanted, reusePort: false)
    address = Socket.localAddress(socket.raw) ?? wanted
    listener = consume socket
  }

  /// The next call; `nil` when nobody has called.
  func accept() throws -> Call? {
    guard let raw = listener?.raw, let accepted = try Socket.accept(raw) else { return nil }
    let call = Call(accepted)
    calls.append(call)
    return call
  }

  /// Refuses from now on.
  func stop() { listener = nil }

  /// Listens again, at the same address.
  func comeBack() throws { listener = try Socket.listen(address, reusePort: false) }
}
