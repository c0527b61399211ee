internal import Configuration
internal import EventLoop
internal import HTTPCore

/// One worker's way to the store of last good answers, for one configuration.
final class WorkerStale {
  let store: StaleStore
  /// By route, which application is asked in which way.
  ///
  /// Two routes with the same host and path differ by further conditions, so that their answers must
  /// not be mixed.
  private let scopes: [[UInt8]]
  let recent: RecentAnswers

  init(_ store: StaleStore, _ configuration: Configuration, previous: WorkerStale?) {
    self.store = store
    recent = previous.flatMap { $0.store === store ? $0.recent : nil } ?? RecentAnswers()
    var places: [String: Int] = [:]
    scopes = configuration.routes.map { route in
      guard route.upstream >= 0 else { return [] }
      let place = "\(route.hosts.joined(separator: ",")) \(route.path)"
      let number = places[place, default: 0]
      places[place] = number + 1
      return Array("\(configuration.upstreams[route.upstream].name) \(number) \(place)".utf8)
    }
  }

  func scope(of route: Int) -> [UInt8] { scopes[route] }

  /// The newest answer that a request may be given at `now`; `nil` for none.
  func find(
    _ request: borrowing Request, route: Int, limit: Duration, now: Instant
  ) -> StaleAnswer? {
    let scope = scopes[route]
    var found: StaleAnswer?
    for answer in store.find(StaleKey(request))
    where answer.isUsable(at: now, limit: limit)
      && answer.selection.fits(request.head, scope: scope)
    {
      if let best = found, best.receivedAt >= answer.receivedAt { continue }
      found = answer
    }
    return found
  }

  // MARK: Bodies

  private struct Lent { weak var page: SharedPage? }

  /// Bodies that answers of this worker are being sent from: each is counted once.
  private var pages: [ObjectIdentifier: Lent] = [:]
  /// So many pages, and those that nobody sends any more are forgotten.
  private var pagesMax = 64

  /// The body of an answer; `nil` where it cannot be read.
  func page(of answer: StaleAnswer, _ buffers: BufferPool) -> SharedPage? {
    // A page keeps its answer, so that no other answer can have its identity meanwhile.
    let place = ObjectIdentifier(answer)
    if let page = pages[place]?.page { return page }
    let bytes: [UInt8]
    switch answer.body {
    case .memory(let kept): bytes = kept
    case .file(let file):
      guard let read = file.read(count: answer.bodyCount) else { return nil }
      bytes = read
    }
    if pages.count >= pagesMax {
      pages = pages.filter { $0.value.page != nil }
      pagesMax = max(64, pages.count * 2)
    }
    let page = SharedPage(bytes, countedIn: buffers, keeping: answer)
    pages[place] = Lent(page: page)
    return page
  }
}

@available(*, unavailable) extension WorkerStale: Sendable {}

extension StaleKey {
  init(_ request: borrowing Request) {
    let authority = request.head.span(request.head.authority)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(authority.count + Int(request.head.target.count) + 16)
    bytes.append(request.isFromTrusted && request.forwarded.isTLS == false ? "http " : "https ")
    for index in 0..<authority.count { bytes.append(ASCII.lower(authority[index])) }
    bytes.append(UInt8(ascii: " "))
    if request.isFromTrusted { bytes += request.forwarded.host }
    bytes.append(UInt8(ascii: " "))
    bytes.append(copying: request.head.span(request.head.path))
    if let query = request.head.query {
      bytes.append(UInt8(ascii: "?"))
      bytes.append(copying: request.head.span(query))
    }
    self.init(bytes: bytes)
  }
}
