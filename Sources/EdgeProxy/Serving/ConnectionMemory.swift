internal import HTTPCore

/// What connections keep, for `MemoryRelief`.
extension Connection {
  /// Adds what is kept for this connection, with its client.
  func addHolders(to holders: inout [MemoryHolder]) {
    let client = client.address
    if let tunnel {
      return holders.append(MemoryHolder(.tunnel(tunnel), of: client, memory: tunnel.bufferBytes))
    }
    switch driver {
    case .none: break
    case .http1(let driver):
      holders.append(MemoryHolder(.connection(self), of: client, memory: driver.bufferBytes))
      if let exchange = driver.exchange { holders.append(MemoryHolder(exchange)) }
    case .http2(let driver):
      holders.append(MemoryHolder(.connection(self), of: client, memory: driver.bufferBytes))
      driver.addHolders(to: &holders, client)
    }
  }

  /// Its client holds more than its share.
  func cutForMemory() {
    worker.counters.refused(.memory)
    if case .http1(let driver) = driver { driver.exchange?.note(cause: "memory-limit") }
    abort(reset: true)
  }

  /// Makes the buffer of an unfinished head as small as it can be; returns how many bytes are free now.
  func shrinkInput() -> Int {
    if case .http1(let driver) = driver { driver.shrinkInput() } else { 0 }
  }
}
