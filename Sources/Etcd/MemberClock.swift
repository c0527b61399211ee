package import EventLoop
internal import HTTPCore
package import TLS
internal import Wire

/// Asks a member what time it is there: the `Date` of its answer to `GET /version` over HTTP/1.1, since
/// gRPC has none.
package final class MemberClock: ClientWire.Owner {
  private let endpoint: Endpoint
  private let identity: ClientIdentity
  private let loop: EventLoop
  private let completion: (Int64?) -> Void
  private var lookup: Lookup?
  private var wire: ClientWire?
  private var alarm: Alarm?
  private var received: [UInt8] = []
  private var isOver = false

  private static let within = Duration.seconds(3)

  /// Calls `completion` once, with seconds since 1970 or with `nil` where the member does not say.
  package init(
    _ endpoint: Endpoint, _ identity: ClientIdentity, on loop: EventLoop,
    _ completion: @escaping (Int64?) -> Void
  ) {
    self.endpoint = endpoint
    self.identity = identity
    self.loop = loop
    self.completion = completion
  }

  package func ask() {
    alarm = Alarm(on: loop) { [unowned self] in finish(nil) }
    alarm?.set(after: Self.within)
    lookup = try? Lookup(endpoint.host, port: endpoint.port, on: loop) { [unowned self] answer in
      guard case .success(let addresses) = answer, let first = addresses.first else {
        return finish(nil)
      }
      connect(first)
    }
    if lookup == nil { finish(nil) }
  }

  private func connect(_ address: SocketAddress) {
    do {
      let spoken = "http/1.1"
      let security =
        endpoint.isSecure
        ? ClientWire.Security(
          try ClientContext(identity, protocols: [spoken]), spoken, .named(endpoint.host)) : nil
      wire = try ClientWire(
        to: address, security, reading: ReadingBlock(), loop: loop, owner: self)
    } catch {
      finish(nil)
    }
  }

  func wireOpened() {
    let request =
      "GET /version HTTP/1.1\r\nHost: \(endpoint.authority)\r\nConnection: close\r\n\r\n"
    wire?.send(Array(request.utf8))
  }

  func wireReceived(_ bytes: borrowing Span<UInt8>) {
    received.append(copying: bytes)
    if case .said(let date) = Self.read(received) { finish(date) }
  }

  /// What a member's answer says of its time.
  package enum Reading: Equatable, Sendable {
    /// The head is not whole yet.
    case incomplete
    /// Seconds since 1970, in the years 0 to 9999; `nil` where it does not say.
    case said(Int64?)
  }

  package static func read(_ answer: [UInt8]) -> Reading {
    var parser = ResponseParser()
    var head = ResponseHead()
    do throws(HTTPError) {
      let count = try parser.parse(answer.span, into: &head, limits: HeadLimits())
      guard count != nil else { return .incomplete }
    } catch {
      return .said(nil)
    }
    var date: Int64?
    for field in head.fields where ASCII.equals(head.span(field.name), "date") {
      date = HTTPDate.parse(head.span(field.value))
    }
    return .said(date)
  }

  func wireEnded(_ reason: String) { finish(nil) }

  private func finish(_ seconds: Int64?) {
    guard !isOver else { return }
    isOver = true
    alarm?.cancel()
    lookup?.cancel()
    wire?.close()
    completion(seconds)
  }
}

@available(*, unavailable) extension MemberClock: Sendable {}
