internal import CLinux
internal import Glibc

/// One question to the system's resolver (`/etc/hosts`, DNS), which blocks and so has a thread.
///
/// The thread cannot be stopped; a lookup that is given up leaves it to end by itself.
package final class Lookup: EventSource {
  /// Stream addresses in the order in which they are to be tried (RFC 6724), never none.
  package typealias Answer = Result<[SocketAddress], LookupError>

  /// Where the thread leaves what it found.
  private final class Slot: Sendable {
    let answer = Guarded<Answer?>(nil)
    let wakeup: FileDescriptor

    init() throws(SystemError) {
      let raw = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
      guard raw >= 0 else { throw SystemError("eventfd") }
      wakeup = FileDescriptor(owning: raw)
    }

    func leave(_ found: Answer) {
      answer.withLock { $0 = found }
      _ = eventfd_write(wakeup.raw, 1)
    }
  }

  private let loop: EventLoop
  private let slot: Slot
  private var token = SourceToken.none
  private let completion: (Answer) -> Void

  /// Calls `completion` once on the loop's thread, unless `cancel` comes first.
  package init(
    _ host: String, port: UInt16, on loop: EventLoop, _ completion: @escaping (Answer) -> Void
  ) throws(SystemError) {
    self.loop = loop
    self.completion = completion
    let slot = try Slot()
    self.slot = slot
    token = try loop.register(slot.wakeup.raw, self, [.readable])
    do throws(SystemError) {
      try WorkerThread.detached(name: "lookup") { slot.leave(Self.find(host, port)) }
    } catch {
      cancel()
      throw error
    }
  }

  package func cancel() {
    loop.unregister(slot.wakeup.raw, token)
    token = .none
  }

  package func ready(_ events: Readiness) {
    guard let answer = slot.answer.withLock({ $0 }) else { return }
    cancel()
    completion(answer)
  }

  private static func find(_ host: String, _ port: UInt16) -> Answer {
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    unsafe hints.ai_flags = AI_NUMERICSERV
    var list: UnsafeMutablePointer<addrinfo>?
    let code = unsafe getaddrinfo(host, "\(port)", &hints, &list)
    guard code == 0 else {
      return .failure(LookupError(host: host, reason: unsafe String(cString: gai_strerror(code))))
    }
    defer { unsafe freeaddrinfo(list) }
    var addresses: [SocketAddress] = []
    var next = unsafe list
    // SAFETY: the list is the library's until `freeaddrinfo`; each address is copied out.
    while let entry = unsafe next {
      let raw = unsafe UnsafeRawBufferPointer(
        start: entry.pointee.ai_addr, count: Int(entry.pointee.ai_addrlen))
      if let address = unsafe SocketAddress(kernelBytes: Array(raw)) { addresses.append(address) }
      unsafe next = entry.pointee.ai_next
    }
    guard !addresses.isEmpty else {
      return .failure(LookupError(host: host, reason: "it has no address"))
    }
    return .success(addresses)
  }
}

/// Why a name was not resolved.
package struct LookupError: Error, Equatable, CustomStringConvertible {
  package let host: String
  package let reason: String

  package var description: String { "'\(host)': \(reason)" }
}

@available(*, unavailable) extension Lookup: Sendable {}
