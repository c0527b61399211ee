internal import EventLoop
internal import HTTPCore

/// A stream of another server's, on which nothing is asked for but a pipe to an instance here.
extension HTTP2Driver {
  /// Begins a pipe, or says that there is nothing else here.
  func beginPipe(_ id: Int32, isRefused: Bool, ended: Bool) {
    let stream = HTTP2Stream(id: id, driver: self, now: worker.loop.now)
    add(stream)
    session.takeHead(into: &pipeHead)
    if ended { stream.endRequest() }
    guard !isRefused, pipeHead.isPipe, let address = pipeHead.nodeOfPipe else {
      return stream.answerPipe(status: pipeHead.isPipe || !isRefused ? 404 : 501)
    }
    stream.isConnect = true
    let relay = PeerRelay(stream, worker: worker)
    stream.relay = relay
    relay.start(address)
  }
}

extension HTTP2Stream {
  /// The instance is connected.
  func answerPipe(with tunnel: Tunnel) {
    relay = nil
    _ = sendHead(.untilClose) { head in
      head.append("HTTP/1.1 200 OK\r\n\r\n")
      return true
    }
    handOver(to: tunnel)
  }

  /// All that there is to say is a status; nothing of what was sent goes anywhere.
  func answerPipe(status: Int) {
    relay = nil
    isConnect = false
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
