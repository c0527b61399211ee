internal import DNS
internal import DNSCore
internal import EventLoop

/// Asks servers again and again, until each has the texts that are to be there.
///
/// What it came to is told once, by the loop, never from within `init`.
final class TextWatch: DNSWork {
  private let wanted: [(name: DNSName, texts: Set<[UInt8]>)]
  private let servers: [SocketAddress]
  private let timeout: Duration
  private let loop: EventLoop
  /// The next question: a server, and one of the names.
  private var server = 0
  private var name = 0
  private var work: (any DNSWork)?
  private var pause: Alarm?
  private var limit: Alarm?
  private var missing = "no server was asked"
  private var completion: ((SolverFailure?) -> Void)?

  private static let again = Duration.seconds(1)

  init(
    _ wanted: [DNSName: Set<[UInt8]>], at servers: [SocketAddress], within timeout: Duration,
    on loop: EventLoop, _ completion: @escaping (SolverFailure?) -> Void
  ) {
    self.wanted = wanted.map { ($0, $1) }
    self.servers = servers
    self.timeout = timeout
    self.loop = loop
    self.completion = completion
    let limit = Alarm(on: loop) { [unowned self] in
      finish(SolverFailure("after \(timeout): \(missing)"))
    }
    limit.set(after: timeout)
    self.limit = limit
    pause = Alarm(on: loop) { [unowned self] in ask() }
    ask()
  }

  deinit { work?.cancel() }

  func cancel() {
    completion = nil
    work?.cancel()
    work = nil
    pause?.cancel()
    limit?.cancel()
  }

  private func ask() {
    guard server < servers.count, name < wanted.count else {
      work = DNSLater(on: loop) { [unowned self] in finish(nil) }
      return
    }
    let (asked, texts) = wanted[name]
    let address = servers[server]
    work = DNSQuery(asked, .text, at: [address], recursive: false, on: loop) { [unowned self] in
      work = nil
      switch $0 {
      case .success(let answer):
        let found = answer.answers.filter { $0.name == asked }.compactMap(\.text)
        told(texts.subtracting(found).count, of: texts.count, for: asked, address)
      case .failure(let error): wait("\(error)")
      }
    }
  }

  private func told(_ missing: Int, of count: Int, for asked: DNSName, _ address: SocketAddress) {
    guard missing == 0 else {
      return wait("\(address) has not \(missing) of \(count) values for '\(asked)' yet")
    }
    name += 1
    if name == wanted.count { (server, name) = (server + 1, 0) }
    ask()
  }

  private func wait(_ reason: String) {
    missing = reason
    pause?.set(after: Self.again)
  }

  private func finish(_ failure: SolverFailure?) {
    guard let completion else { return }
    cancel()
    completion(failure)
  }
}
