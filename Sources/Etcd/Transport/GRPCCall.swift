internal import EventLoop

/// One call under way: what it sends and what becomes of it.
///
/// Unary calls are calls that get one message; the two kinds differ only in what their owner does.
package final class GRPCCall {
  let method: MethodPath
  /// What says which user of etcd's calls; `nil` for none.
  let token: String?
  /// Told of each message; `false` where it makes no sense, which ends the call.
  private let received: (GRPCCall, [UInt8]) -> Bool
  /// Told once, last.
  private let ended: (Result<Void, CallError>) -> Void
  private var framer = MessageFramer()
  private var alarm: Alarm?
  private var isOver = false
  /// Set while the connection has it.
  var stream: Int32 = -1
  unowned var connection: GRPCConnection
  /// The connection was there, so the server may have acted on it.
  var mayHaveArrived = false

  init(
    _ method: MethodPath, token: String?, on connection: GRPCConnection,
    received: @escaping (GRPCCall, [UInt8]) -> Bool,
    ended: @escaping (Result<Void, CallError>) -> Void
  ) {
    self.method = method
    self.token = token
    self.connection = connection
    self.received = received
    self.ended = ended
  }

  /// Sends one more message.
  func send(_ message: [UInt8], isLast: Bool) {
    guard !isOver else { return }
    connection.send(MessageFramer.frame(message), on: stream, isLast: isLast)
  }

  /// Gives the call up; nothing is told.
  func cancel() {
    guard !isOver else { return }
    isOver = true
    alarm?.cancel()
    connection.forget(self)
  }

  /// Ends the call with `.timedOut` if it is not over by then.
  func setDeadline(_ delay: Duration, on loop: EventLoop) {
    // One call of a method, because the connection's reference may have been the last to this.
    let alarm = Alarm(on: loop) { [unowned self] in fail(.timedOut) }
    alarm.set(after: delay)
    self.alarm = alarm
  }

  // MARK: What the connection tells

  func receive(_ bytes: [UInt8]) {
    guard !isOver else { return }
    do throws(FramingError) {
      for message in try framer.receive(bytes) where !isOver {
        guard received(self, message) else {
          fail(.malformed("a message of \(method) makes no sense"))
          return
        }
      }
    } catch {
      fail(.malformed("\(error)"))
    }
  }

  /// The trailers, or the head of an answer without messages, are there.
  func receive(status: GRPCStatus) {
    guard !isOver else { return }
    connection.forget(self)
    end(status.isOK ? .success(()) : .failure(.refused(status)))
  }

  /// Ends a call whose answer is of no use.
  func fail(_ error: CallError) {
    guard !isOver else { return }
    connection.forget(self)
    end(.failure(error))
  }

  /// The connection is gone.
  func lost(_ reason: String) {
    end(.failure(.unreachable(reason: reason, mayHaveArrived: mayHaveArrived)))
  }

  private func end(_ result: Result<Void, CallError>) {
    guard !isOver else { return }
    isOver = true
    alarm?.cancel()
    ended(result)
  }
}

/// Why a call has no answer.
package enum CallError: Error, Equatable, CustomStringConvertible {
  /// There is no connection; `mayHaveArrived` tells whether the server may have acted on the call.
  case unreachable(reason: String, mayHaveArrived: Bool)
  case timedOut
  /// etcd says no.
  case refused(GRPCStatus)
  case malformed(String)

  package var description: String {
    switch self {
    case .unreachable(let reason, _): reason
    case .timedOut: "no answer in time"
    case .refused(let status): "\(status)"
    case .malformed(let reason): "malformed answer: \(reason)"
    }
  }
}

@available(*, unavailable) extension GRPCCall: Sendable {}
