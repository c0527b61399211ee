internal import HTTPCore

/// Who the client of a request is: the other end of the connection, or who a trusted proxy says.
extension Exchange {
  /// Reads what a trusted peer forwards; from all others nothing is believed.
  func identifyClient() {
    guard let connection else { return }
    client = connection.peer.address
    let trusted = snapshot.configuration.trusted
    guard !trusted.isEmpty, trusted.contains(client) else { return }
    forwarded.read(head, trusted: trusted)
    if let address = forwarded.client, address != client {
      client = address
      record.client = address.text
    }
    if !forwarded.requestID.isEmpty { record.requestID = forwarded.requestID }
  }

  /// Tells the application who asks and over what.
  func describeClient(_ connection: Connection) {
    facts.describe(connection, requestID: record.requestID)
    facts.forwardedFor.removeAll(keepingCapacity: true)
    facts.forwardedHost = forwarded.host
    facts.isTLS = forwarded.isTLS ?? facts.isTLS
    if !forwarded.addresses.isEmpty {
      facts.forwardedFor += forwarded.addresses
      facts.forwardedFor.append(", ")
      facts.forwardedFor += connection.peer.text
    }
    guard client != connection.peer.address else { return }
    facts.remoteAddress = record.client
    // A proxy's port is not the client's.
    facts.remotePort = 0
  }
}

extension ForwardedFacts {
  /// The two ends of the client's connection, as the application is told them.
  mutating func describe(_ connection: Connection, requestID: [UInt8]) {
    remoteAddress = connection.peer.text
    remotePort = UInt64(connection.peer.port)
    serverAddress = connection.listener.address
    serverPort = UInt64(connection.listener.port)
    isTLS = connection.listener.isTLS
    self.requestID = requestID
  }
}
