internal import EventLoop
internal import Glibc
internal import HTTPCore

/// Asks a running server something over its admin socket.
struct AdminClient {
  let address: SocketAddress
  /// For each moment in which nothing comes.
  var silenceSeconds = Self.seconds

  /// What came back.
  struct Reply: Equatable {
    var status: Int
    /// `ok`, or why the server should get no traffic; `nil` where the answer does not say.
    var health: String?
    var body: String
  }

  enum Failure: Error, CustomStringConvertible {
    case unreachable(SystemError)
    case silent(seconds: Int)
    case malformed

    var description: String {
      switch self {
      case .unreachable(let error): "\(error)"
      case .silent(let seconds): "no answer within \(seconds) seconds"
      case .malformed: "what answers is no edgeproxy"
      }
    }
  }

  /// What a server needs for an answer that it has.
  static let seconds = 10
  /// What it may need where it has to ask somebody else, such as etcd or a provider of DNS.
  static let workSeconds = 55
  /// For the whole exchange; the server gives itself less.
  private static let wholeSeconds = 60
  private static let answerBytesMax = 64 << 20

  func send(_ method: String, _ path: String) throws(Failure) -> Reply {
    let deadline = SystemClock().now + .seconds(Self.wholeSeconds)
    let answer: [UInt8]?
    do throws(SystemError) {
      let socket = try Socket.connect(address)
      let request = Array("\(method) \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
      let isSent = try write(request, socket.raw, deadline)
      answer = isSent ? try readAll(socket.raw, deadline) : nil
    } catch {
      throw .unreachable(error)
    }
    guard let answer else { throw .silent(seconds: silenceSeconds) }
    return try Self.parse(answer)
  }

  private func write(
    _ bytes: [UInt8], _ raw: Int32, _ deadline: Instant
  ) throws(SystemError) -> Bool {
    var written = 0
    while written < bytes.count {
      guard wait(raw, Int16(POLLOUT), deadline) else { return false }
      switch Descriptor.send(raw, bytes.span.extracting(written..<bytes.count)) {
      case .bytes(let count): written += count
      case .wouldBlock: break
      case .failed(let error): throw error
      }
    }
    return true
  }

  /// Everything up to the end of the connection; `nil` when it does not come in time.
  private func readAll(_ raw: Int32, _ deadline: Instant) throws(SystemError) -> [UInt8]? {
    var all: [UInt8] = []
    var space = [UInt8](repeating: 0, count: 64 << 10)
    while all.count < Self.answerBytesMax {
      guard wait(raw, Int16(POLLIN), deadline) else { return nil }
      var span = space.mutableSpan
      switch Descriptor.read(raw, into: &span) {
      case .bytes(let count): all += space[..<count]
      case .wouldBlock: break
      case .closed: return all
      case .failed(let error): throw error
      }
    }
    return nil
  }

  private func wait(_ raw: Int32, _ events: Int16, _ deadline: Instant) -> Bool {
    let left = (deadline - SystemClock().now).nanoseconds / 1_000_000
    let rest = min(left, Int64(silenceSeconds) * 1000)
    guard rest > 0 else { return false }
    var entry = pollfd(fd: raw, events: events, revents: 0)
    // SAFETY: the kernel reads and fills the one entry, in this frame.
    return unsafe poll(&entry, 1, Int32(rest)) == 1
  }

  private static func parse(_ answer: [UInt8]) throws(Failure) -> Reply {
    var parser = ResponseParser()
    var head = ResponseHead()
    let end: Int?
    do throws(HTTPError) {
      end = try parser.parse(answer.span, into: &head, limits: HeadLimits())
    } catch {
      throw .malformed
    }
    guard let end, head.contentLength == UInt64(answer.count - end) else { throw .malformed }
    var health: String?
    for field in head.fields
    where ASCII.equals(head.span(field.name), AdminAnswer.healthField) {
      var word: [UInt8] = []
      word.append(copying: head.span(field.value))
      health = String(decoding: word, as: UTF8.self)
    }
    return Reply(
      status: head.status, health: health, body: String(decoding: answer[end...], as: UTF8.self))
  }
}
