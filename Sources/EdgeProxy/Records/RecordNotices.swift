internal import Logging

/// Tells people what becomes of the records: each change, and once what is not changed and why.
final class RecordNotices {
  private enum Line: Hashable {
    case wouldChange(RecordPlan.Change)
    case foreign(AddressRecord)
    case stays(RecordPlan.Change)
  }

  private let logger: Logger
  private let warnings: Warnings
  /// What was told and is so still.
  private var told: Set<Line> = []
  private var warned: Set<String> = []

  private static let listing = "records list"
  private static let last = "records last"

  init(logger: Logger, warnings: Warnings) {
    self.logger = logger
    self.warnings = warnings
  }

  // MARK: What is to be done

  func judged(_ judgement: RecordPlan.Judgement, isDryRun: Bool) {
    var lines = Set(judgement.foreign.map { Line.foreign($0) })
    if isDryRun { lines.formUnion(judgement.changes.map { .wouldChange($0) }) }
    for held in judgement.held where held.reason == .last { lines.insert(.stays(held.change)) }
    for line in lines.subtracting(told).sorted(by: { Self.key($0) < Self.key($1) }) { tell(line) }
    told = lines
    warnForgotten(judgement.held)
  }

  private static func key(_ line: Line) -> String {
    switch line {
    case .wouldChange(let change), .stays(let change): key(change)
    case .foreign(let record): "foreign \(record.name) \(record.addressText)"
    }
  }

  private func tell(_ line: Line) {
    switch line {
    case .wouldChange(let change):
      logger.notice(
        "dry run: would \(change.action.rawValue) an address record",
        metadata: Self.place(change.record))
    case .foreign(let record):
      logger.notice(
        "an address record is no server's of the fleet and is left alone",
        metadata: Self.place(record))
    case .stays(let change):
      logger.notice(
        "an address record stays: too few others are of servers that live",
        metadata: Self.place(change.record))
    }
  }

  /// A server that lives no more may come back; one that was forgotten does not.
  private func warnForgotten(_ held: [RecordPlan.Held]) {
    let left = held.filter { $0.isForgotten && $0.reason == .last }.map {
      "\($0.change.record.addressText) of '\($0.change.record.name)'"
    }
    guard !left.isEmpty else {
      clear(Self.last)
      return
    }
    raise(
      Self.last,
      "records of servers that were forgotten stay, since too few others are there: "
        + left.joined(separator: ", "),
      advice: "remove them at the provider by hand")
  }

  // MARK: What becomes of it

  func made(_ change: RecordPlan.Change) {
    logger.notice(
      change.action == .add ? "an address record was added" : "an address record was removed",
      metadata: Self.place(change.record))
  }

  func failed(_ change: RecordPlan.Change, _ failure: RecordFailure) {
    let record = change.record
    let text =
      "the provider did not \(change.action.rawValue) the record \(record.addressText) of"
      + " '\(record.name)': \(failure.description)"
    let advice = Self.advice(failure)
    guard raise(Self.key(change), text, advice: advice) else { return }
    logger.warning(
      "the provider did not \(change.action.rawValue) an address record",
      metadata: Self.place(record).merging(
        ["reason": "\(failure.description)", "advice": "\(advice)"]
      ) { $1 })
  }

  func listed() {
    if clear(Self.listing) { logger.notice("the provider tells its address records again") }
  }

  func listingFailed(_ failure: RecordFailure) {
    let advice = Self.advice(failure)
    let text = "the provider does not tell its address records: \(failure.description)"
    guard raise(Self.listing, text, advice: advice) else { return }
    logger.warning(
      "the provider does not tell its address records",
      metadata: ["reason": "\(failure.description)", "advice": "\(advice)"])
  }

  /// What the store did not take; it has a warning of its own.
  func unwritten(_ failure: RecordStoreFailure) {
    logger.info("no address record is changed", metadata: ["reason": "\(failure)"])
  }

  /// These changes are made, or nobody wants them any more.
  func forget(_ changes: Set<RecordPlan.Change>) {
    for change in changes { clear(Self.key(change)) }
  }

  /// Another server tells from now on.
  func calm() {
    told = []
    for key in warned { warnings.clear(key) }
    warned = []
  }

  // MARK: Words

  private static func key(_ change: RecordPlan.Change) -> String {
    "records \(change.action.rawValue) \(change.record.name) \(change.record.addressText)"
  }

  private static func place(_ record: AddressRecord) -> Logger.Metadata {
    [
      "name": "\(record.name)", "type": "\(record.type)", "address": "\(record.addressText)",
    ]
  }

  private static func advice(_ failure: RecordFailure) -> String {
    failure.advice ?? "compare 'records' in the configuration with what the provider expects"
  }

  /// Whether that is news.
  @discardableResult
  private func raise(_ key: String, _ text: String, advice: String) -> Bool {
    warned.insert(key)
    return warnings.raise(key, text, advice: advice)
  }

  @discardableResult
  private func clear(_ key: String) -> Bool {
    guard warned.remove(key) != nil else { return false }
    return warnings.clear(key)
  }
}

@available(*, unavailable) extension RecordNotices: Sendable {}
