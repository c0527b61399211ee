internal import EventLoop
internal import HTTPCore

/// The request's way to an instance, in what the instance speaks.
extension Exchange {
  /// Writes the request's head, once for all tries.
  func encodeRequest(for upstream: WorkerUpstream, from connection: Connection) throws(HTTPError) {
    describeClient(connection)
    facts.bodyLength = head.framing == .none ? nil : UInt64(body.count)
    facts.asksForWebSocket = head.asksForWebSocket && snapshot.configuration.routes[route].webSocket
    facts.webSocketKey = head.isExtendedConnect ? WebSocketKey.make(&worker.random) : []
    isPacket = upstream.settings.nodeProtocol.isUWSGI
    guard isPacket else {
      let closing = upstream.settings.keepAlive.connections == 0
      return message.encode(head, facts: facts, closing: closing)
    }
    try packet.encode(head, facts: facts)
  }

  /// What uWSGI compares with its `buffer-size`; other instances have no such limit.
  var blockBytes: Int { isPacket ? packet.blockBytes : 0 }

  var headCount: Int { isPacket ? packet.count : message.count }

  func isSentWhole(_ headSent: Int, _ bodySent: Int) -> Bool {
    headSent == headCount && bodySent == body.count
  }

  func sendHead(_ connection: NodeConnection, from start: Int) -> WriteOutcome {
    let hasBody = body.count > 0
    return isPacket
      ? Self.send(packet, connection, from: start, more: hasBody)
      : Self.send(message, connection, from: start, more: hasBody)
  }

  func sendBody(_ connection: NodeConnection, from start: Int) -> WriteOutcome {
    if let file = body.fileDescriptor {
      return connection.sendFile(
        file, at: Int64(start), count: body.count - start, buffers: worker.buffers)
    }
    let memory = body.memory
    return connection.send(memory.span.extracting(start..<memory.count))
  }

  private static func send(
    _ packet: borrowing UWSGIPacket, _ connection: NodeConnection, from start: Int, more: Bool
  ) -> WriteOutcome {
    connection.send(packet.bytes.extracting(start..<packet.count), more: more)
  }

  private static func send(
    _ message: borrowing HTTP1Request, _ connection: NodeConnection, from start: Int, more: Bool
  ) -> WriteOutcome {
    connection.send(message.bytes.extracting(start..<message.count), more: more)
  }
}
