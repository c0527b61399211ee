internal import Configuration
internal import EventLoop
internal import Logging

/// Keeps the address records at a provider as the servers live, where it is this server's turn.
///
///     list ──▶ judge ──▶ write what begins ──▶ change ──▶ write what came of it ──▶ list …
///
/// It does one thing at a time, and no change that it has not written down before: the store refuses
/// that to a server whose turn is over. `RecordPlan` decides.
final class RecordKeeper {
  private(set) var settings: RecordsSettings
  private let store: any RecordStore
  private let fleet: () -> RecordPlan.Fleet?
  private let loop: EventLoop
  private let now: () -> Int64
  private let makeProvider: (RecordsSettings) throws -> any RecordProvider
  private let notices: RecordNotices
  private var provider: (any RecordProvider)?
  /// There is one while it is this server's turn.
  private var plan: RecordPlan?
  /// The number of what is being done; an answer may come after it was given up.
  private var work: Int?
  private var works = 0
  /// When the provider told last what it has; `nil` where it is to be asked.
  private var listedAt: Instant?
  /// The same in seconds since 1970, for people.
  private var listedTime: Int64?
  /// A change that the next listing shall show.
  private var expected: RecordPlan.Change?
  private var troubles = RecordTroubles()
  /// The store did not take what was to be written; nothing is done before.
  private var pausedUntil: Instant?
  private(set) var counts: [RecordPlan.Change.Action: Int] = [:]
  private(set) var failures = 0
  private var isEnded = false

  private static let listEvery = Duration.seconds(300)
  private static let writeAgainAfter = Duration.seconds(2)

  /// `fleet` is `nil` while the servers are not known; `now` gives seconds since 1970.
  init(
    _ settings: RecordsSettings, store: any RecordStore,
    fleet: @escaping () -> RecordPlan.Fleet?, on loop: EventLoop, logger: Logger,
    warnings: Warnings, now: @escaping () -> Int64,
    provider: @escaping (RecordsSettings) throws -> any RecordProvider
  ) {
    self.settings = settings
    self.store = store
    self.fleet = fleet
    self.loop = loop
    self.now = now
    makeProvider = provider
    notices = RecordNotices(logger: logger, warnings: warnings)
    store.changed = { [weak self] in self?.changed() }
    changed()
  }

  /// Goes on by another configuration.
  func reconfigure(_ next: RecordsSettings) {
    guard next != settings else { return }
    settings = next
    rest()
    changed()
  }

  /// Other servers live, or are known.
  func changed() {
    loop.soon { [weak self] in self?.step() }
  }

  func everySecond() {
    store.everySecond()
    step()
  }

  /// Lets another server keep the records.
  func end() {
    isEnded = true
    rest()
    store.changed = {}
    store.end()
  }

  /// Whether etcd has heard of the end.
  var isOver: Bool { store.isOver }

  // MARK: What is done

  /// Begins the next thing, where nothing is being done.
  private func step() {
    guard !isEnded, work == nil else { return }
    guard store.isHolder else { return rest() }
    if let pausedUntil, loop.now < pausedUntil { return }
    pausedUntil = nil
    guard store.failure == nil, let fleet = fleet() else { return }
    let plan = plan ?? RecordPlan(settings.names, RecordState(reading: store.text ?? []))
    self.plan = plan
    if let listedAt, loop.now < listedAt + Self.listEvery {
      act(plan, fleet)
    } else if troubles.mayList(loop.now) {
      list(plan)
    }
  }

  private func begin() -> Int {
    works &+= 1
    work = works
    return works
  }

  /// What was being done is over, and the next thing begins at the end of the turn.
  private func finish() {
    work = nil
    changed()
  }

  /// It is another server's turn, or the rules have changed.
  private func rest() {
    work = nil
    provider?.close()
    provider = nil
    plan = nil
    listedAt = nil
    listedTime = nil
    expected = nil
    pausedUntil = nil
    troubles = RecordTroubles()
    notices.calm()
  }

  private func ready() throws(RecordFailure) -> any RecordProvider {
    if let provider { return provider }
    do {
      let made = try makeProvider(settings)
      provider = made
      return made
    } catch {
      throw error as? RecordFailure ?? RecordFailure(description: "\(error)")
    }
  }

  // MARK: What is there

  private func list(_ plan: RecordPlan) {
    let provider: any RecordProvider
    do throws(RecordFailure) {
      provider = try ready()
    } catch {
      return listingFailed(error)
    }
    let number = begin()
    provider.list(plan.names) { [weak self] result in
      guard let self, work == number else { return }
      switch result {
      case .success(let listing): took(listing)
      case .failure(let failure):
        listingFailed(failure)
        finish()
      }
    }
  }

  private func listingFailed(_ failure: RecordFailure) {
    failures += 1
    troubles.listingFailed(loop.now)
    notices.listingFailed(failure)
  }

  private func took(_ listing: Set<AddressRecord>?) {
    guard let fleet = fleet() else { return finish() }
    plan?.take(listing, fleet, now: now())
    listedAt = loop.now
    listedTime = now()
    troubles.listed()
    notices.listed()
    check(listing)
    guard let text = plan?.state.text, text != store.text, !settings.isDryRun else {
      return finish()
    }
    write(text) { [unowned self] in finish() }
  }

  /// Some providers take what they do not do.
  private func check(_ listing: Set<AddressRecord>?) {
    guard let change = expected else { return }
    expected = nil
    if let listing, listing.contains(change.record) != (change.action == .add) {
      return failed(
        change, RecordFailure(description: "it said that it did, and its records are as before"))
    }
    troubles.made(change)
    notices.forget([change])
  }

  // MARK: Changes

  private func act(_ plan: RecordPlan, _ fleet: RecordPlan.Fleet) {
    let judgement = plan.judge(fleet, now: now())
    notices.judged(judgement, isDryRun: settings.isDryRun)
    notices.forget(troubles.keep(judgement.changes))
    guard !settings.isDryRun, let change = troubles.next(of: judgement.changes, loop.now) else {
      return
    }
    _ = begin()
    var begun = plan
    begun.begin(change)
    write(begun.state.text) { [unowned self] in
      self.plan = begun
      make(change)
    }
  }

  /// Goes on once the store has it.
  private func write(_ text: [UInt8], _ then: @escaping () -> Void) {
    let number = work
    store.write(text) { [weak self] failure in
      guard let self, work == number, number != nil else { return }
      guard let failure else { return then() }
      notices.unwritten(failure)
      pausedUntil = loop.now + Self.writeAgainAfter
      finish()
    }
  }

  /// Makes a change that is still wanted now that it is written down.
  private func make(_ change: RecordPlan.Change) {
    listedAt = nil
    guard let plan, let fleet = fleet(), let provider,
      plan.judge(fleet, now: now()).changes.contains(change)
    else { return finish() }
    let number = work
    let done: (RecordFailure?) -> Void = { [weak self] failure in
      guard let self, work == number else { return }
      guard let failure else { return made(change) }
      failed(change, failure)
      finish()
    }
    switch change.action {
    case .add: provider.add(change.record, done)
    case .remove: provider.remove(change.record, done)
    }
  }

  private func made(_ change: RecordPlan.Change) {
    counts[change.action, default: 0] += 1
    notices.made(change)
    expected = change
    plan?.made(change, now: now())
    guard let text = plan?.state.text else { return finish() }
    write(text) { [unowned self] in finish() }
  }

  private func failed(_ change: RecordPlan.Change, _ failure: RecordFailure) {
    failures += 1
    troubles.failed(change, loop.now)
    notices.failed(change, failure)
  }

  // MARK: The status

  var section: StatusSection {
    var rows: [RecordsSection.Row] = []
    if let plan, let fleet = fleet(), listedTime != nil {
      rows = RecordsSection.rows(plan, fleet, failed: troubles.failed, now: now())
    }
    return RecordsSection(
      provider: settings.provider.word, zone: "\(settings.zone)", isDryRun: settings.isDryRun,
      holder: store.holder, isHolder: store.isHolder, failure: store.failure, listed: listedTime,
      rows: rows, counts: counts, failures: failures
    ).section
  }
}

@available(*, unavailable) extension RecordKeeper: Sendable {}
