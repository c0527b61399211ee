import DNSCore
import EventLoop
import Testing

@testable import EdgeProxy

/// A provider's end: it has records, and does with what it is asked as the test says.
final class ScriptedProvider: RecordProvider {
  private let loop: EventLoop
  var records: Set<AddressRecord> = []
  /// Whether it tells what it has.
  var tells = true
  /// Why it refuses a change.
  var refusal: (RecordPlan.Change) -> RecordFailure? = { _ in nil }
  /// Why it does not tell what it has.
  var silence: RecordFailure?
  /// It says that it makes changes, and makes none.
  var lies = false
  /// What it was asked to do, in order.
  private(set) var asked: [RecordPlan.Change] = []
  private(set) var listings = 0
  private(set) var isClosed = false
  private var isBusy = false

  init(on loop: EventLoop) { self.loop = loop }

  /// The changes since the last call, as text.
  func take() -> [String] {
    defer { asked = [] }
    return asked.map { "\($0.action.rawValue) \($0.record.name) \($0.record.addressText)" }
  }

  /// It is called anew, by another server or with other settings.
  func reopen() { isClosed = false }

  func close() {
    isClosed = true
    isBusy = false
  }

  private func answer(_ act: @escaping () -> Void) {
    #expect(!isBusy && !isClosed, "one call at a time")
    isBusy = true
    loop.soon { [self] in
      guard !isClosed else { return }
      isBusy = false
      act()
    }
  }

  func list(
    _ names: [DNSName], _ done: @escaping (Result<Set<AddressRecord>?, RecordFailure>) -> Void
  ) {
    listings += 1
    answer { [self] in
      if let silence { return done(.failure(silence)) }
      done(.success(tells ? records.filter { names.contains($0.name) } : nil))
    }
  }

  private func change(
    _ change: RecordPlan.Change, _ done: @escaping (RecordFailure?) -> Void
  ) {
    asked.append(change)
    answer { [self] in
      if let failure = refusal(change) { return done(failure) }
      if !lies {
        if change.action == .add {
          records.insert(change.record)
        } else {
          records.remove(change.record)
        }
      }
      done(nil)
    }
  }

  func add(_ record: AddressRecord, _ done: @escaping (RecordFailure?) -> Void) {
    change(RecordPlan.Change(action: .add, record: record), done)
  }

  func remove(_ record: AddressRecord, _ done: @escaping (RecordFailure?) -> Void) {
    change(RecordPlan.Change(action: .remove, record: record), done)
  }

  func present(_ texts: [DNSName: [[UInt8]]], _ done: @escaping (RecordFailure?) -> Void) {
    answer { done(nil) }
  }

  func withdraw(_ texts: [DNSName: [[UInt8]]], _ done: @escaping (RecordFailure?) -> Void) {
    answer { done(nil) }
  }
}

@available(*, unavailable) extension ScriptedProvider: Sendable {}
