internal import EventLoop
internal import HTTPCore

/// What open pages are told: the whole status when they come, then what has changed, once a second.
///
///     event: whole      data: {"status": the document of /status, "traffic": seconds}
///     event: change     data: {"changes": [[[place…], value]…], "traffic": the seconds since}
///
/// The events are those of the HTML standard, §9.2. One change is made for all pages. While no page is
/// open nothing is made but a sample of the traffic, which costs a few loads. A page that has not taken an
/// event when the next one is due gets the whole status once it has, so that nothing piles up; one that
/// takes nothing for `AdminListener.timeout` is cut by its connection.
final class PageFeed {
  /// Pages at a time, over all listeners; other administrators find places all the same.
  static let readersMax = 8
  /// Making events has at most one part in so many of the control thread's time.
  private static let restFactor = 20

  private struct Reader {
    let connection: AdminConnection
    /// It has missed a change, and gets the whole status next.
    var isBehind = false
  }

  private let document: () -> StatusValue
  private let totals: () -> TrafficHistory.Totals
  private var history: TrafficHistory
  private var readers: [Reader] = []
  /// What the readers know.
  private var told = StatusValue.nothing
  /// The last second that they know.
  private var toldSecond = 0
  /// When the next event may be made.
  private var due = Instant(nanoseconds: 0)

  init(
    document: @escaping () -> StatusValue = { .nothing },
    totals: @escaping () -> TrafficHistory.Totals = { .init(answers: []) },
    bounds: [Int] = []
  ) {
    self.document = document
    self.totals = totals
    history = TrafficHistory(bounds: bounds)
  }

  static let full = AdminAnswer.text(
    503, "\(readersMax) pages are open at this server; close one of them\n")

  /// One more page is open: the first event for it; `nil` where there are too many.
  func begin(_ reader: AdminConnection) -> [UInt8]? {
    guard readers.count < Self.readersMax else { return nil }
    if readers.isEmpty { know(document()) }
    readers.append(Reader(connection: reader))
    // Browsers connect again after so many milliseconds.
    return Array("retry: 2000\n".utf8) + whole()
  }

  func end(_ reader: AdminConnection) {
    readers.removeAll { $0.connection === reader }
    if readers.isEmpty { told = .nothing }
  }

  /// To be called once a second; `clock` tells the time as it passes.
  func everySecond(_ clock: () -> Instant) {
    history.add(totals())
    let begun = clock()
    guard !readers.isEmpty, begun >= due else { return }
    let now = document()
    let change = change(to: now)
    know(now)
    var whole: [UInt8]?
    // From the end, since a connection that breaks takes its reader away.
    for number in readers.indices.reversed() {
      let reader = readers[number]
      readers[number].isBehind = reader.connection.isBusy
      guard !reader.connection.isBusy else { continue }
      guard reader.isBehind else {
        reader.connection.push(change)
        continue
      }
      let bytes = whole ?? self.whole()
      whole = bytes
      reader.connection.push(bytes)
    }
    due = begun + (clock() - begun) * Self.restFactor
  }

  private func know(_ document: StatusValue) {
    told = document
    toldSecond = history.samples.last?.number ?? 0
  }

  private func whole() -> [UInt8] {
    Self.event(
      "whole", ["status": told, "traffic": .list(history.samples.map(\.value))])
  }

  private func change(to now: StatusValue) -> [UInt8] {
    let news = history.samples.filter { $0.number > toldSecond }
    return Self.event(
      "change",
      ["changes": .list(now.changes(since: told)), "traffic": .list(news.map(\.value))])
  }

  /// JSON as it is written here has no line ends but the last, which ends the field.
  private static func event(_ name: String, _ data: StatusValue) -> [UInt8] {
    Array("event: \(name)\ndata: ".utf8) + data.json() + [UInt8(ascii: "\n")]
  }
}

@available(*, unavailable) extension PageFeed: Sendable {}
