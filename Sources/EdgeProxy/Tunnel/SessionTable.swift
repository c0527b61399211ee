internal import EventLoop
internal import HTTPCore

/// The TCP sessions of one worker.
final class SessionTable {
  /// The worker owns its table.
  private unowned let worker: Worker
  private var sessions = Roster<TCPSession>()

  init(worker: Worker) { self.worker = worker }

  var count: Int { sessions.count }

  /// Where a listener leads to at present.
  func upstream(at listener: SocketAddress) -> WorkerUpstream? {
    let snapshot = worker.snapshot
    return snapshot.configuration.listen.tcp.first { $0.address == listener }
      .map { snapshot.upstreams[$0.upstream] }
  }

  /// Begins a session; one too many is reset, so that the client knows at once.
  ///
  /// `limits.connections` counts sessions too. All applications of this machine have one address,
  /// so the limit for one client applies only to clients elsewhere.
  func accept(_ socket: consuming FileDescriptor, at listener: SocketAddress) {
    guard let from = Socket.peerAddress(socket.raw) else { return }
    accept(socket, from: from, at: listener)
  }

  /// The same for a client whose address is known.
  func accept(
    _ socket: consuming FileDescriptor, from: SocketAddress, at listener: SocketAddress
  ) {
    guard let address = IPAddress(from) else { return }
    // A listener whose address has left the configuration is closed in a moment.
    guard let upstream = upstream(at: listener) else { return Socket.resetOnClose(socket.raw) }
    guard worker.makeRoom() else {
      worker.counters.refused(.connections)
      return Socket.resetOnClose(socket.raw)
    }
    guard let permit = from.isLocal ? .uncounted(address) : worker.enter(address) else {
      return Socket.resetOnClose(socket.raw)
    }
    begin(
      TCPSession(
        SessionClient(socket, loop: worker.loop), at: listener,
        from: ClientAddress(address, port: from.port ?? 0), permit: permit, upstream: upstream,
        worker: worker))
  }

  private func begin(_ session: TCPSession) {
    sessions.add(session)
    worker.counters.sessionsBegun.add()
    worker.counters.sessions.set(sessions.count)
    do throws(SystemError) {
      try session.start()
    } catch {
      session.cut("system")
      worker.report(error, while: "beginning a session")
    }
  }

  /// A session ends, if it has not left already.
  func remove(_ session: TCPSession) {
    guard sessions.remove(session) else { return }
    worker.counters.sessions.set(sessions.count)
  }

  /// A session that was removed is over.
  func ended(_ record: borrowing AccessRecord) {
    worker.sessionEnded()
    worker.log(record)
  }

  /// Once a second: ends the sessions whose node was taken out and that are to move on.
  func tick() {
    // Those that end leave the list.
    for session in sessions.all.reversed() where session.nodeThatMatters?.condition.isOut ?? false {
      session.cut("node-down")
    }
  }

  /// Adds what is kept for the sessions, with their clients.
  func addHolders(to holders: inout [MemoryHolder]) {
    for session in sessions.all {
      guard let tunnel = session.client.tunnel else { continue }
      holders.append(MemoryHolder(.tunnel(tunnel), of: session.address, memory: tunnel.bufferBytes))
    }
  }

  func cutAll(_ cause: StaticString) {
    for session in sessions.all.reversed() { session.cut(cause) }
  }
}

@available(*, unavailable) extension SessionTable: Sendable {}
