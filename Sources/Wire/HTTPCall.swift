internal import EventLoop
internal import TLS

/// One request and its answer, on a connection of its own.
///
///     looking up ──▶ connecting to one address after the other ──▶ asking ──▶ over
///         └──────────────┴─────────────────────────────────────────┴──▶ over (an error, the time, `cancel`)
///
/// Its result is told once, by the loop, never from within `start`. Once the request may have been read by
/// a server it is not sent to another address.
final class HTTPCall: ClientWire.Owner, TurnEnd {
  typealias Completion = (Result<HTTPResponse, HTTPCallError>) -> Void

  /// What is asked, and of whom.
  struct Question {
    let bytes: [UInt8]
    let url: HTTPURL
    let identity: ClientIdentity
  }

  private let question: Question
  private var answer: AnswerReading
  private let loop: EventLoop
  private let reading: ReadingBlock
  private var done: Completion?
  private var lookup: Lookup?
  private var wire: ClientWire?
  private var isOpen = false
  /// Those that are still to be tried, the next one first.
  private var addresses: ArraySlice<SocketAddress> = []
  private var address: SocketAddress?
  /// Why those before did not do.
  private var refusals: [String] = []
  private var deadline = Instant(nanoseconds: 0)
  private var end: Alarm?
  private var patience: Alarm?
  /// What was wrong at once, told with the turn's end.
  private var failure: HTTPCallError?

  /// Addresses of one name that are tried.
  private static let addressesMax = 8

  init(
    _ question: Question, answer: consuming AnswerReading, on loop: EventLoop,
    _ reading: ReadingBlock, _ done: @escaping Completion
  ) {
    self.question = question
    self.answer = answer
    self.loop = loop
    self.reading = reading
    self.done = done
  }

  deinit { cancel() }

  /// Asks within a time that begins now.
  func start(within: Duration) {
    setEnd(within)
    do throws(SystemError) {
      let url = question.url
      lookup = try Lookup(url.host, port: url.port, on: loop) { [unowned self] answer in
        switch answer {
        case .success(let found): connect(found)
        case .failure(let error): finish(.failure(.noAddress("\(error)")))
        }
      }
    } catch {
      fail(.noAddress("'\(question.url.host)': \(error)"))
    }
  }

  /// Asks at addresses that are known, of which there is one at least.
  func start(at addresses: [SocketAddress], within: Duration) {
    setEnd(within)
    connect(addresses)
  }

  /// Tells `error` with the turn's end.
  func fail(_ error: HTTPCallError) {
    failure = error
    loop.atTurnEnd(self)
  }

  /// Lets go of everything; nothing is told afterwards.
  func cancel() {
    done = nil
    end?.cancel()
    patience?.cancel()
    lookup?.cancel()
    lookup = nil
    wire?.close()
  }

  func turnEnded() {
    if let failure { finish(.failure(failure)) }
  }

  private func setEnd(_ within: Duration) {
    deadline = loop.now + within
    end = Alarm(on: loop) { [unowned self] in finish(.failure(.timedOut)) }
    end?.set(after: within)
    patience = Alarm(on: loop) { [unowned self] in giveUp("no connection in time") }
  }

  // MARK: Connecting

  private func connect(_ found: [SocketAddress]) {
    addresses = found.prefix(Self.addressesMax)
    connectNext()
  }

  /// Each address gets its share of the time that is left, the last one all of it.
  private func connectNext() {
    while let next = addresses.popFirst() {
      address = next
      do {
        wire = try ClientWire(
          to: next, try security(), reading: reading, loop: loop, owner: self)
      } catch {
        refuse("\(error)")
        continue
      }
      if !addresses.isEmpty {
        let share = deadline - loop.now
        patience?.set(after: .nanoseconds(share.nanoseconds / Int64(addresses.count + 1)))
      }
      return
    }
    fail(.connection(refusals.joined(separator: "; ")))
  }

  /// The files are read each time, so that a renewed certificate needs no restart.
  private func security() throws(TLSError) -> ClientWire.Security? {
    guard question.url.isSecure else { return nil }
    let spoken = "http/1.1"
    let context = try ClientContext(question.identity, protocols: [spoken])
    return ClientWire.Security(context, spoken, .named(question.url.host), isRequired: false)
  }

  private func refuse(_ reason: String) {
    refusals.append(address.map { "\($0): \(reason)" } ?? reason)
  }

  private func giveUp(_ reason: String) {
    patience?.cancel()
    wire?.close()
    refuse(reason)
    connectNext()
  }

  // MARK: Events

  func wireOpened() {
    isOpen = true
    patience?.cancel()
    wire?.send(question.bytes)
  }

  func wireReceived(_ bytes: borrowing Span<UInt8>) {
    guard done != nil else { return }
    do throws(HTTPCallError) {
      if let response = try answer.take(bytes) { finish(.success(response)) }
    } catch {
      finish(.failure(error))
    }
  }

  func wireEnded(_ reason: String) {
    guard isOpen else { return giveUp(reason) }
    let isInOrder = wire?.isEndedInOrder == true
    do throws(HTTPCallError) {
      finish(.success(try answer.end(isInOrder: isInOrder, reason)))
    } catch {
      finish(.failure(error))
    }
  }

  private func finish(_ result: Result<HTTPResponse, HTTPCallError>) {
    guard let done else { return }
    cancel()
    done(result)
  }
}

@available(*, unavailable) extension HTTPCall: Sendable {}
