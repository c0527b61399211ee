internal import EventLoop
internal import HTTPCore

/// Takes a PROXY header off a socket, and not a byte more.
///
/// What follows belongs to TLS, which reads the descriptor itself. So bytes are looked at first and
/// then read as far as they are the header's; what is read of an unfinished one is kept here.
struct ProxyReception {
  enum Outcome {
    case more
    case done(ProxyHeader)
    case refused(ProxyHeaderError)
    /// The peer is gone.
    case closed
  }

  private var bytes: [UInt8] = []

  mutating func read(_ raw: Int32) -> Outcome {
    let known = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: ProxyHeader.bytesMax - known))
    switch Self.read(raw, &bytes, from: known, Descriptor.peek) {
    case .bytes(let count): bytes.removeLast(bytes.count - known - count)
    case .wouldBlock:
      bytes.removeLast(bytes.count - known)
      return .more
    case .closed, .failed: return .closed
    }
    do throws(ProxyHeaderError) {
      let header = try ProxyHeader.parse(bytes.span)
      let end = header?.count ?? bytes.count
      bytes.removeLast(bytes.count - end)
      // The kernel has them: they were just seen.
      guard Self.read(raw, &bytes, from: known, Descriptor.read) == .bytes(end - known) else {
        return .closed
      }
      return header.map { .done($0) } ?? .more
    } catch {
      return .refused(error)
    }
  }

  private static func read(
    _ raw: Int32, _ bytes: inout [UInt8], from start: Int,
    _ call: (Int32, inout MutableSpan<UInt8>) -> ReadOutcome
  ) -> ReadOutcome {
    let end = bytes.count
    var whole = bytes.mutableSpan
    var space = whole._mutatingExtracting(start..<end)
    return call(raw, &space)
  }
}
