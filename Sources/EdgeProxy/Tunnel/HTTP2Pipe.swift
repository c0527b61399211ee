internal import EventLoop
internal import HTTPCore

/// A stream of another server's, on which nothing is asked for but a pipe to an instance here.
extension HTTP2Driver {
  /// Begins a pipe, or says that there is nothing else here.
  func beginPipe(_ id: Int32, isRefused: Bool, ended: Bool) {
    let stream = HTTP2Stream(id: id, driver: self, now: worker.loop.now)
    add(stream)
    var head = RequestHead()
    session.takeHead(into: &head)
    if ended { stream.endRequest() }
    guard !isRefused, head.isPipe, let address = head.nodeOfPipe else {
      return stream.answerPipe(status: head.isPipe || !isRefused ? 404 : 501)
    }
    let relay = PeerRelay(stream, worker: worker)
    stream.carry(.pipeOpening(relay))
    relay.start(address)
  }
}

extension HTTP2Stream {
  /// The instance is connected.
  func answerPipe(with tunnel: Tunnel) {
    _ = sendHead(.untilClose) { head in
      head.append("HTTP/1.1 200 OK\r\n\r\n")
      return true
    }
    begin(tunnel)
  }

  /// All that there is to say is a status; nothing of what was sent goes anywhere.
  func answerPipe(status: Int) {
    carry(.nothing)
    forgetIntake()
    guard !isGone else { return }
    _ = sendHead(.none) { head in
      head.append("HTTP/1.1 ")
      head.append(decimal: UInt64(status))
      head.append(" No Pipe\r\n\r\n")
      return true
    }
    driver.answered(self)
  }
}

extension RequestHead {
  /// The address that a pipe is asked to lead to.
  fileprivate var nodeOfPipe: String? {
    for field in fields where ASCII.equalsExactly(span(field.name), PipeProtocol.nodeField) {
      var address: [UInt8] = []
      address.append(copying: span(field.value))
      return String(decoding: address, as: UTF8.self)
    }
    return nil
  }
}
