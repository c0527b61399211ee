internal import EventLoop
internal import TLS

/// What moves bytes on a client's connection: TLS, or the bare socket of port 80.
enum Transport {
  case plain
  case secure(TLSStream)

  /// What a read came to; `broken` ends the connection without another word.
  enum Received: Equatable {
    case bytes(Int)
    case wouldBlock
    case wantsWrite
    case closed
    case broken
  }

  enum Sent: Equatable {
    case bytes(Int)
    case wouldBlock
    case wantsRead
    case broken
  }

  func receive(_ descriptor: Int32, into space: inout MutableSpan<UInt8>) -> Received {
    switch self {
    case .plain:
      switch Descriptor.read(descriptor, into: &space) {
      case .bytes(let count): return .bytes(count)
      case .wouldBlock: return .wouldBlock
      case .closed: return .closed
      case .failed: return .broken
      }
    case .secure(let stream):
      do throws(TLSError) {
        switch try stream.read(into: &space) {
        case .bytes(let count): return .bytes(count)
        case .wantsRead: return .wouldBlock
        case .wantsWrite: return .wantsWrite
        case .closed: return .closed
        }
      } catch {
        return .broken
      }
    }
  }

  func send(_ descriptor: Int32, _ bytes: borrowing Span<UInt8>) -> Sent {
    switch self {
    case .plain:
      switch Descriptor.send(descriptor, bytes) {
      case .bytes(let count): return .bytes(count)
      case .wouldBlock: return .wouldBlock
      case .failed: return .broken
      }
    case .secure(let stream):
      do throws(TLSError) {
        switch try stream.write(bytes) {
        case .bytes(let count): return .bytes(count)
        case .wantsWrite: return .wouldBlock
        case .wantsRead: return .wantsRead
        }
      } catch {
        return .broken
      }
    }
  }

  /// Bytes that the socket no longer holds and a read would return at once.
  var hasPending: Bool {
    switch self {
    case .plain: false
    case .secure(let stream): stream.hasPending
    }
  }
}
