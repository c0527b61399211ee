import Etcd
import Testing

/// A watch of `/c/`, and what etcd would tell it.
struct WatchedPrefix {
  /// Pauses are as long as they can be: 100 ms, 200 ms, and so on.
  var watching = Watching(
    .prefix(bytes("/c/")), backoff: Backoff(random: Constant(value: 500)))

  /// At revision 10 with a=1 and b=1, watching.
  static func watchingFrom10() -> WatchedPrefix {
    var prefix = WatchedPrefix()
    _ = prefix.watching.start()
    _ = prefix.watching.listed(header(10), [value("a", "1", at: 4), value("b", "1", at: 10)])
    _ = prefix.watching.received(created(12))
    return prefix
  }

  static func header(_ revision: Int64, term: UInt64 = 2, cluster: UInt64 = 7) -> ResponseHeader {
    var header = ResponseHeader(revision: revision)
    header.raftTerm = term
    header.clusterID = cluster
    return header
  }

  static func value(_ key: String, _ value: String, at revision: Int64) -> KeyValue {
    KeyValue(key: bytes("/c/\(key)"), value: bytes(value), modRevision: revision)
  }

  static func put(_ key: String, _ value: String, at revision: Int64) -> Event {
    Event(.put, Self.value(key, value, at: revision))
  }

  static func deletion(_ key: String, at revision: Int64) -> Event {
    Event(.delete, value(key, "", at: revision))
  }

  static func created(_ revision: Int64) -> WatchResponse {
    var response = WatchResponse()
    response.header = header(revision)
    response.isCreated = true
    return response
  }

  static func progress(_ revision: Int64, watchID: Int64 = 0) -> WatchResponse {
    var response = WatchResponse()
    response.header = header(revision)
    response.watchID = watchID
    return response
  }

  static func events(_ events: Event..., isFragment: Bool = false) -> WatchResponse {
    var response = WatchResponse()
    response.header = header(events.map(\.keyValue.modRevision).max() ?? 0)
    response.events = events
    response.isFragment = isFragment
    return response
  }

  static func canceled(compacted: Int64 = 0, reason: String = "") -> WatchResponse {
    var response = WatchResponse()
    response.isCanceled = true
    response.compactRevision = compacted
    response.cancelReason = reason
    return response
  }
}

@Suite("A watched prefix")
struct WatchingTests {
  private typealias Etcd = WatchedPrefix

  @Test func `is listed and watched from the next revision`() {
    var prefix = WatchedPrefix()
    #expect(prefix.watching.lastSeen == nil)
    let first = prefix.watching.start()
    #expect(first == .list)
    #expect(!prefix.watching.isSynced)
    let values = [Etcd.value("a", "1", at: 4)]
    let listed = prefix.watching.listed(Etcd.header(10), values)
    #expect(listed == .init(.watch(from: 11), Changes(put: values, isListing: true)))
    #expect(prefix.watching.lastSeen == 10)
    #expect(!prefix.watching.isSynced)
    let created = prefix.watching.received(Etcd.created(40))
    #expect(created == .init(.nothing))
    #expect(prefix.watching.isSynced)
    // The store's revision, not ours: events up to 40 may still come.
    #expect(prefix.watching.lastSeen == 10)
  }

  @Test func `an empty listing is told, too`() {
    var prefix = WatchedPrefix()
    _ = prefix.watching.start()
    let listed = prefix.watching.listed(Etcd.header(1), [])
    #expect(listed == .init(.watch(from: 2), Changes(isListing: true)))
  }

  @Test func `events change keys, the last one of a key counts`() {
    var prefix = Etcd.watchingFrom10()
    let outcome = prefix.watching.received(
      Etcd.events(
        Etcd.put("a", "2", at: 11), Etcd.put("c", "1", at: 12), Etcd.deletion("b", at: 13),
        Etcd.put("a", "3", at: 14), Etcd.deletion("c", at: 14)))
    #expect(
      outcome
        == .init(
          .nothing,
          Changes(put: [Etcd.value("a", "3", at: 14)], removed: [bytes("/c/c"), bytes("/c/b")])))
    #expect(prefix.watching.lastSeen == 14)
  }

  @Test func `events that were seen change nothing`() {
    var prefix = Etcd.watchingFrom10()
    let outcome = prefix.watching.received(Etcd.events(Etcd.put("a", "0", at: 9)))
    #expect(outcome == .init(.nothing))
    #expect(prefix.watching.lastSeen == 10)
  }

  @Test func `keys outside of it are not told`() {
    var prefix = Etcd.watchingFrom10()
    let foreign = KeyValue(key: bytes("/d/x"), value: [1], modRevision: 12)
    let outcome = prefix.watching.received(Etcd.events(Event(.put, foreign)))
    #expect(outcome.changes == nil)
    var other = WatchedPrefix()
    _ = other.watching.start()
    let listed = other.watching.listed(Etcd.header(12), [foreign])
    #expect(listed.changes == Changes(isListing: true))
  }

  @Test func `the pieces of a message are one change`() {
    var prefix = Etcd.watchingFrom10()
    let first = prefix.watching.received(
      Etcd.events(Etcd.put("a", "2", at: 11), isFragment: true))
    #expect(first == .init(.nothing))
    #expect(prefix.watching.lastSeen == 10)
    let second = prefix.watching.received(
      Etcd.events(Etcd.put("b", "2", at: 11), isFragment: true))
    #expect(second == .init(.nothing))
    let last = prefix.watching.received(Etcd.events(Etcd.put("c", "2", at: 11)))
    #expect(last.changes?.put.count == 3)
    #expect(prefix.watching.lastSeen == 11)
    // The next message is one of its own.
    let next = prefix.watching.received(Etcd.events(Etcd.put("c", "3", at: 12)))
    #expect(next.changes?.put == [Etcd.value("c", "3", at: 12)])
  }

  @Test func `a stream that ends within pieces tells none of them`() {
    var prefix = Etcd.watchingFrom10()
    _ = prefix.watching.received(Etcd.events(Etcd.put("a", "2", at: 11), isFragment: true))
    _ = prefix.watching.failed("reset")
    _ = prefix.watching.timerFired()
    let step = prefix.watching.confirmed(Etcd.header(11))
    #expect(step == .watch(from: 11))
    _ = prefix.watching.received(Etcd.created(11))
    let again = prefix.watching.received(
      Etcd.events(Etcd.put("a", "2", at: 11), Etcd.put("b", "2", at: 11)))
    #expect(again.changes?.put.count == 2)
  }

  @Test func `pieces are taken up to a bound`() {
    var prefix = Etcd.watchingFrom10()
    let value = String(repeating: "x", count: 16 << 20)
    var step = Watching.Step.nothing
    for index in 0..<3 {
      step =
        prefix.watching.received(
          Etcd.events(Etcd.put("\(index)", value, at: 11), isFragment: true)
        ).step
      #expect(step == .nothing)
    }
    step =
      prefix.watching.received(
        Etcd.events(Etcd.put("3", value, at: 11), isFragment: true)
      ).step
    #expect(step == .wait(.milliseconds(100)))
    // The same watch would come to the same end.
    let list = prefix.watching.timerFired()
    #expect(list == .list)
  }

  @Test func `its own progress is a checkpoint, an answer about the stream is not`() {
    var prefix = Etcd.watchingFrom10()
    _ = prefix.watching.received(Etcd.progress(90, watchID: -1))
    #expect(prefix.watching.lastSeen == 10)
    _ = prefix.watching.received(Etcd.progress(50))
    #expect(prefix.watching.lastSeen == 50)
    _ = prefix.watching.received(Etcd.progress(20))
    #expect(prefix.watching.lastSeen == 50)
    let outcome = prefix.watching.received(Etcd.events(Etcd.put("a", "2", at: 51)))
    #expect(outcome.changes?.put.count == 1)
  }
}

@Suite("A watched prefix that lost its stream")
struct LostWatchTests {
  private typealias Etcd = WatchedPrefix

  @Test func `waits, confirms the revision and goes on after the last one seen`() {
    var prefix = Etcd.watchingFrom10()
    _ = prefix.watching.received(Etcd.events(Etcd.put("a", "2", at: 15)))
    let wait = prefix.watching.failed("connection reset")
    #expect(wait == .wait(.milliseconds(100)))
    #expect(!prefix.watching.isSynced)
    #expect(prefix.watching.failure == "connection reset")
    let confirm = prefix.watching.timerFired()
    #expect(confirm == .confirm)
    let watch = prefix.watching.confirmed(Etcd.header(15))
    #expect(watch == .watch(from: 16))
    #expect(prefix.watching.failure == nil)
  }

  @Test func `waits longer each time until something is told`() {
    var prefix = Etcd.watchingFrom10()
    var pauses: [Watching.Step] = []
    for _ in 0..<4 {
      pauses.append(prefix.watching.failed("refused"))
      _ = prefix.watching.timerFired()
    }
    #expect(pauses == [100, 200, 400, 800].map { .wait(.milliseconds($0)) })
    // A stream that is created and ends again has told nothing.
    _ = prefix.watching.confirmed(Etcd.header(10))
    _ = prefix.watching.received(Etcd.created(10))
    let longer = prefix.watching.failed("no leader")
    #expect(longer == .wait(.seconds(1)))
    _ = prefix.watching.timerFired()
    _ = prefix.watching.confirmed(Etcd.header(10))
    _ = prefix.watching.received(Etcd.progress(10, watchID: -1))
    let again = prefix.watching.failed("no leader")
    #expect(again == .wait(.milliseconds(100)))
  }

  @Test func `lists until there is a listing`() {
    var prefix = WatchedPrefix()
    _ = prefix.watching.start()
    let wait = prefix.watching.failed("no etcd")
    #expect(wait == .wait(.milliseconds(100)))
    #expect(prefix.watching.failure == "no etcd")
    let list = prefix.watching.timerFired()
    #expect(list == .list)
    let outcome = prefix.watching.listed(Etcd.header(3), [])
    #expect(outcome.step == .watch(from: 4))
    #expect(prefix.watching.failure == nil)
  }

  @Test func `is listed again after a compaction, and only differences are told`() {
    var prefix = Etcd.watchingFrom10()
    _ = prefix.watching.received(Etcd.progress(11))
    _ = prefix.watching.failed("gone")
    _ = prefix.watching.timerFired()
    _ = prefix.watching.confirmed(Etcd.header(60))
    _ = prefix.watching.received(Etcd.created(60))
    let compacted = prefix.watching.received(Etcd.canceled(compacted: 55))
    #expect(compacted == .init(.list))
    #expect(!prefix.watching.isSynced)
    let changed = [Etcd.value("b", "2", at: 50), Etcd.value("c", "1", at: 51)]
    let listed = prefix.watching.listed(
      Etcd.header(60), [Etcd.value("a", "1", at: 4)] + changed)
    #expect(listed == .init(.watch(from: 61), Changes(put: changed, isListing: true)))
  }

  @Test func `keys that are not listed any more are removed`() {
    var prefix = Etcd.watchingFrom10()
    _ = prefix.watching.received(Etcd.progress(11))
    _ = prefix.watching.received(Etcd.canceled(compacted: 55))
    let listed = prefix.watching.listed(Etcd.header(60), [Etcd.value("a", "1", at: 4)])
    #expect(listed.changes == Changes(removed: [bytes("/c/b")], isListing: true))
  }

  @Test func `a revision that is compacted as soon as listed is listed after a pause`() {
    var prefix = Etcd.watchingFrom10()
    let compacted = prefix.watching.received(Etcd.canceled(compacted: 55))
    #expect(compacted == .init(.wait(.milliseconds(100))))
    let list = prefix.watching.timerFired()
    #expect(list == .list)
  }

  @Test func `a watch that is refused says why`() {
    var prefix = WatchedPrefix()
    _ = prefix.watching.start()
    _ = prefix.watching.listed(Etcd.header(10), [])
    var refusal = Etcd.canceled(reason: "rpc error: code = PermissionDenied")
    refusal.isCreated = true
    refusal.watchID = -1
    let outcome = prefix.watching.received(refusal)
    #expect(outcome == .init(.wait(.milliseconds(100))))
    #expect(prefix.watching.failure == "rpc error: code = PermissionDenied")
    #expect(!prefix.watching.isSynced)
    let confirm = prefix.watching.timerFired()
    #expect(confirm == .confirm)
  }

  @Test(arguments: [
    WatchedPrefix.header(9), WatchedPrefix.header(90, term: 1),
    WatchedPrefix.header(90, cluster: 8),
  ])
  func `a store that went back or is another is listed anew`(header: ResponseHeader) {
    var prefix = Etcd.watchingFrom10()
    _ = prefix.watching.failed("gone")
    _ = prefix.watching.timerFired()
    let list = prefix.watching.confirmed(header)
    #expect(list == .list)
    // What it has is taken, though it be older.
    let values = [Etcd.value("a", "0", at: 3)]
    let listed = prefix.watching.listed(header, values)
    #expect(
      listed
        == .init(
          .watch(from: header.revision + 1),
          Changes(put: values, removed: [bytes("/c/b")], isListing: true)))
    #expect(prefix.watching.lastSeen == header.revision)
    // And it is the one that is known now.
    _ = prefix.watching.failed("gone")
    _ = prefix.watching.timerFired()
    let confirmed = prefix.watching.confirmed(header)
    #expect(confirmed == .watch(from: header.revision + 1))
  }

  @Test func `a store of a later term is the same`() {
    var prefix = Etcd.watchingFrom10()
    _ = prefix.watching.failed("gone")
    _ = prefix.watching.timerFired()
    let step = prefix.watching.confirmed(Etcd.header(10, term: 3))
    #expect(step == .watch(from: 11))
  }

  @Test func `what comes late changes nothing`() {
    var prefix = WatchedPrefix()
    let early = [
      prefix.watching.failed("x"), prefix.watching.timerFired(),
      prefix.watching.confirmed(Etcd.header(1)),
      prefix.watching.listed(Etcd.header(1), []).step,
      prefix.watching.received(Etcd.created(1)).step,
    ]
    #expect(early == Array(repeating: .nothing, count: 5))
    #expect(prefix.watching.lastSeen == nil)
    var waiting = Etcd.watchingFrom10()
    _ = waiting.watching.failed("gone")
    let late = [
      waiting.watching.start(), waiting.watching.failed("again"),
      waiting.watching.confirmed(Etcd.header(1)),
      waiting.watching.listed(Etcd.header(99), []).step,
      waiting.watching.received(Etcd.events(Etcd.put("a", "2", at: 11))).step,
    ]
    #expect(late == Array(repeating: .nothing, count: 5))
    #expect(waiting.watching.lastSeen == 10)
    #expect(waiting.watching.failure == "gone")
    var synced = Etcd.watchingFrom10()
    let spurious = [synced.watching.start(), synced.watching.timerFired()]
    #expect(spurious == [.nothing, .nothing])
    #expect(synced.watching.isSynced)
  }
}
