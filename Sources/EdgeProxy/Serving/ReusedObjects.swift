/// What requests of one worker need, and what is used again when they are over.
struct ReusedObjects {
  private var exchanges = ObjectPool<Exchange>()
  private var attempts = ObjectPool<Attempt>()
  private var nodeConnections = ObjectPool<NodeConnection>()

  mutating func takeExchange() -> Exchange? { exchanges.take() }
  mutating func takeAttempt() -> Attempt? { attempts.take() }
  mutating func takeNodeConnection() -> NodeConnection? { nodeConnections.take() }

  mutating func give(_ exchange: Exchange) { exchanges.give(exchange) }
  mutating func give(_ attempt: Attempt) { attempts.give(attempt) }
  mutating func give(_ connection: NodeConnection) { nodeConnections.give(connection) }

  /// Whether nothing has come back since the end of the last turn.
  var isSettled: Bool { exchanges.isSettled && attempts.isSettled && nodeConnections.isSettled }

  /// The turn is over: what came back can be lent again.
  mutating func settle() {
    // What an exchange holds is counted.
    exchanges.settle { $0.reset() }
    attempts.settle()
    nodeConnections.settle()
  }
}
