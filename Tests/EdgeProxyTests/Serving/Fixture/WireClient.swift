import EventLoop
import Glibc
import TestSupport

/// The client's end of a connection, byte by byte; it never waits.
final class WireClient {
  private var descriptor: FileDescriptor?
  let raw: Int32
  /// What the socket had no room for so far.
  private(set) var unsent: [UInt8] = []
  /// The server has ended its side, in order or not.
  private(set) var isEnded = false
  /// It has broken it off.
  private(set) var isReset = false

  /// This end is closed.
  var isClosed: Bool { descriptor == nil }

  init(_ descriptor: consuming FileDescriptor, room: Int32? = nil) {
    raw = descriptor.raw
    self.descriptor = consume descriptor
    Self.setRoom(raw, room)
  }

  /// Has a socket take about as many bytes before its peer reads them.
  static func setRoom(_ raw: Int32, _ room: Int32?) {
    guard var room else { return }
    unsafe setsockopt(raw, SOL_SOCKET, SO_SNDBUF, &room, socklen_t(MemoryLayout<Int32>.size))
  }

  /// Sends bytes behind what waits already; what there is no room for waits for `push`.
  func send(_ bytes: [UInt8]) {
    unsent += bytes
    push()
  }

  func send(_ text: String) { send(Array(text.utf8)) }

  /// Sends as much of what waits as there is room for.
  func push() {
    guard descriptor != nil else { return unsent.removeAll() }
    while !unsent.isEmpty {
      switch Descriptor.send(raw, unsent.span) {
      case .bytes(let count): unsent.removeFirst(count)
      case .wouldBlock: return
      case .failed: return unsent.removeAll()
      }
    }
  }

  /// Takes what has come, `most` bytes of it at the most.
  func read(most: Int = .max) -> [UInt8] {
    var all: [UInt8] = []
    var block = [UInt8](repeating: 0, count: min(most, 65_536))
    while descriptor != nil, all.count < most {
      var whole = block.mutableSpan
      var space = whole._mutatingExtracting(0..<min(whole.count, most - all.count))
      switch Descriptor.read(raw, into: &space) {
      case .bytes(let count): all += block[..<count]
      case .wouldBlock: return all
      case .closed:
        isEnded = true
        return all
      case .failed:
        isEnded = true
        isReset = true
        return all
      }
    }
    return all
  }

  /// Ends the client's side; the server's goes on.
  func endSending() { if descriptor != nil { Socket.shutdownWriting(raw) } }

  /// Takes what has come, as text.
  func hear() -> String { text(read().span) }

  /// Breaks the connection off; over TCP the server sees a reset.
  func reset() {
    guard descriptor != nil else { return }
    Socket.resetOnClose(raw)
    descriptor = nil
    unsent.removeAll()
    isEnded = true
  }

  /// Leaves, whatever has come and was not read.
  func close() {
    // A process that is being started may have a copy of the descriptor for a moment.
    if descriptor != nil { _ = shutdown(raw, Int32(SHUT_RDWR)) }
    descriptor = nil
    unsent.removeAll()
    isEnded = true
  }
}
