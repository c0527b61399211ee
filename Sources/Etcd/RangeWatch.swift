internal import EventLoop

/// Tells of every change under a range of keys, for as long as it lives: `Watching` with its calls.
///
/// It lists, watches, and takes up the watch where it was when the connection or the member is lost.
/// A stream that answers no more, as that of a frozen member, is given up for another member's.
package final class RangeWatch {
  private let client: EtcdClient
  private let range: KeyRange
  private var machine: Watching
  private let changed: (Changes) -> Void
  private var call: GRPCCall?
  private var alarm: Alarm?
  private var beat: Alarm?
  /// Requests for progress since the last message.
  private var unanswered = 0
  private var isEnded = false

  /// Pages of a listing, in keys; a bundle is a few KB.
  private static let pageKeysMax: Int64 = 200

  /// `changed` is called on the loop's thread; the first time with the whole range.
  package init(
    _ client: EtcdClient, _ range: KeyRange, changed: @escaping (Changes) -> Void
  ) {
    self.client = client
    self.range = range
    self.changed = changed
    machine = Watching(range)
    alarm = Alarm(on: client.loop) { [unowned self] in perform(machine.timerFired()) }
    beat = Alarm(on: client.loop) { [unowned self] in askForProgress() }
    client.whenBack[ObjectIdentifier(self)] = { [weak self] in self?.hurry() }
  }

  /// Cuts a wait short; there is none while something is under way.
  private func hurry() {
    guard !isEnded else { return }
    alarm?.cancel()
    perform(machine.timerFired())
  }

  /// Whether etcd tells us of changes now.
  package var isSynced: Bool { machine.isSynced }
  /// The revision up to which every change is known.
  package var lastSeen: Int64? { machine.lastSeen }
  /// Why the last thing failed; `nil` while all is well.
  package var failure: String? { machine.failure }

  /// Whether the last listing was refused for want of permission, which does not heal by itself.
  package private(set) var isDenied = false

  package func start() { perform(machine.start()) }

  package func end() {
    isEnded = true
    client.whenBack[ObjectIdentifier(self)] = nil
    close()
    alarm?.cancel()
  }

  private func close() {
    beat?.cancel()
    call?.cancel()
    call = nil
  }

  private func perform(_ outcome: Watching.Outcome) {
    if let changes = outcome.changes { changed(changes) }
    perform(outcome.step)
  }

  private func perform(_ step: Watching.Step) {
    guard !isEnded else { return }
    switch step {
    case .nothing: break
    case .list:
      close()
      list(isSerializable: false)
    case .confirm: confirm()
    case .watch(let revision): watch(from: revision)
    case .wait(let delay):
      close()
      alarm?.set(after: delay)
    }
  }

  // MARK: Listing

  private func list(isSerializable: Bool) {
    page(Listing(range, pageKeysMax: Self.pageKeysMax, isSerializable: isSerializable))
  }

  private func page(_ listing: consuming Listing) {
    var listing = listing
    client.range(listing.request) { [weak self] result in
      guard let self, !isEnded else { return }
      isDenied = Self.isDenial(result)
      switch result {
      case .success(let response):
        switch listing.take(response) {
        case .ask: page(listing)
        case .whole(let header, let keyValues): perform(machine.listed(header, keyValues))
        case .failed(let reason): perform(machine.failed(reason))
        }
      case .failure(.malformed) where listing.askForLess(): page(listing)
      case .failure(let error): listFailed(error, listing.request)
      }
    }
  }

  private static func isDenial(_ result: Result<RangeResponse, CallError>) -> Bool {
    guard case .failure(.refused(let status)) = result else { return false }
    return [.permissionDenied, .unauthenticated, .invalidArgument].contains(status.code)
  }

  private func listFailed(_ error: CallError, _ request: RangeRequest) {
    // Without a quorum a member still knows what it had; at the start that is better than nothing.
    let isWorthIt =
      switch error {
      case .timedOut: true
      case .refused(let status): status.code == .unavailable || status.code == .unknown
      case .unreachable, .malformed: false
      }
    if isWorthIt, !request.isSerializable, machine.lastSeen == nil {
      return list(isSerializable: true)
    }
    perform(machine.failed("\(error)"))
  }

  private func confirm() {
    var request = RangeRequest(range)
    request.countOnly = true
    client.range(request) { [weak self] result in
      guard let self, !isEnded else { return }
      switch result {
      case .success(let response): perform(machine.confirmed(response.header))
      case .failure(let error): perform(machine.failed("\(error)"))
      }
    }
  }

  // MARK: Watching

  private func watch(from revision: Int64) {
    close()
    var request = WatchCreateRequest(range, from: revision)
    request.wantsProgress = true
    request.allowsFragments = true
    client.stream(
      // A member that has lost its leader would stay silent otherwise.
      .watch, metadata: [("hasleader", "true")],
      received: { [weak self] call, message in self?.received(message, on: call) ?? true },
      ended: { [weak self] result in self?.streamEnded(result) },
      begun: { [weak self] call in
        guard let self, !isEnded else { return call.cancel() }
        self.call = call
        unanswered = 0
        call.send(WatchRequest.create(request).encoded(), isLast: false)
        beat?.set(after: Watching.progressPeriod)
      })
  }

  private func received(_ message: [UInt8], on call: GRPCCall) -> Bool {
    guard case .success(let response) = WatchResponse.read(message) else { return false }
    unanswered = 0
    guard !isEnded else { return true }
    if response.isCanceled { client.noteCancel(of: call, response.cancelReason) }
    perform(machine.received(response))
    return true
  }

  private func streamEnded(_ result: Result<Void, CallError>) {
    guard !isEnded else { return }
    call = nil
    switch result {
    case .success: perform(machine.failed("etcd ended the watch"))
    case .failure(let error): perform(machine.failed("\(error)"))
    }
  }

  private func askForProgress() {
    guard let call else { return }
    guard unanswered < Watching.unansweredMax else {
      return client.abandon("the watch is silent")
    }
    unanswered += 1
    call.send(WatchRequest.progress.encoded(), isLast: false)
    beat?.set(after: Watching.progressPeriod)
  }
}

@available(*, unavailable) extension RangeWatch: Sendable {}
