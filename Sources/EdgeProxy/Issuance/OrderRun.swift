internal import ACME
internal import EventLoop
internal import TLS

/// One order on its way: `OrderMachine` says what comes next, and this does it.
///
/// It publishes what the CA asks to see before the CA is asked to look, and takes it away at the end.
final class OrderRun {
  /// Why an order came to nothing.
  enum Failure: Error {
    case order(OrderFailure)
    /// A value did not come to where the CA looks for it.
    case solver(SolverFailure)
    /// This server itself does not know what the CA is to be shown.
    case unpublished
    /// What has to be stored before the order goes on was not.
    case store(IssuanceFailure)
    case key(TLSError)
  }

  typealias Keep = (OrderRecord, @escaping (IssuanceFailure?) -> Void) -> Void
  typealias Result = Swift.Result<(chain: [UInt8], key: [UInt8]), Failure>

  private var machine: OrderMachine
  private let client: ACMEClient
  private let publisher: any ChallengePublisher
  private let solver: (any ChallengeSolver)?
  private let kind: SigningKey.Kind
  private let keep: Keep
  private let told: (String) -> Void
  private var finished: ((Result) -> Void)?
  private var published: [ChallengeValue] = []
  private lazy var publishedAt = loop.clockNow
  private lazy var alarm = Alarm(on: loop) { [unowned self] in perform(machine.waited()) }
  private let loop: EventLoop

  /// `keep` stores what has to survive this process; `told` hears what goes on, for people; `finished` is
  /// called once, unless `cancel` comes first.
  init(
    _ machine: OrderMachine, kind: SigningKey.Kind, client: ACMEClient,
    publisher: any ChallengePublisher, solver: (any ChallengeSolver)?, on loop: EventLoop,
    keep: @escaping Keep, told: @escaping (String) -> Void, finished: @escaping (Result) -> Void
  ) {
    self.machine = machine
    self.kind = kind
    self.client = client
    self.publisher = publisher
    self.solver = solver
    self.loop = loop
    self.keep = keep
    self.told = told
    self.finished = finished
  }

  func begin() { perform(machine.begin()) }

  /// Nothing is told afterwards; what was published is taken away.
  func cancel() {
    guard finished != nil else { return }
    finished = nil
    clear()
  }

  private func perform(_ step: OrderMachine.Step) {
    guard finished != nil else { return }
    switch step {
    case .post(let url, let payload):
      let asked = loop.clockNow
      client.post(url, payload) { [weak self] answer in
        guard let self else { return }
        perform(machine.answered(answer, took: loop.clockNow - asked))
      }
    case .makeKey: makeKey()
    case .store(let record):
      keep(record) { [weak self] failure in
        guard let self else { return }
        if let failure { return end(.failure(.store(failure))) }
        perform(machine.stored())
      }
    case .publish(let values): publish(values)
    case .wait(let delay): alarm.set(after: delay)
    case .finished(let chain, let key): end(.success((chain, key)))
    case .failed(let failure): end(.failure(.order(failure)))
    }
  }

  private func makeKey() {
    do throws(TLSError) {
      let key = try SigningKey(making: kind)
      loop.soon { [weak self] in
        guard let self else { return }
        perform(machine.keyMade(key))
      }
    } catch {
      end(.failure(.key(error)))
    }
  }

  /// Every server answers with the values, and DNS has them, before the machine goes on.
  ///
  /// Another server may be slow; where this one has not heard of them either, they are known to nobody.
  private func publish(_ values: [ChallengeValue]) {
    published = values
    publishedAt = loop.clockNow
    told("the servers are told what the CA asks to see")
    publisher.publish(values) { [weak self] unseen in
      guard let self, finished != nil else { return }
      guard !unseen.contains(publisher.node) else { return end(.failure(.unpublished)) }
      if !unseen.isEmpty { told("not seen by: \(unseen.joined(separator: ", "))") }
      present(values)
    }
  }

  private func present(_ values: [ChallengeValue]) {
    let records = values.filter(\.isForDNS)
    guard !records.isEmpty, let solver else {
      return perform(machine.published(took: loop.clockNow - publishedAt))
    }
    told("DNS is told what the CA asks to see")
    solver.present(records) { [weak self] failure in
      guard let self, finished != nil else { return }
      if let failure { return end(.failure(.solver(failure))) }
      perform(machine.published(took: loop.clockNow - publishedAt))
    }
  }

  private func end(_ result: Result) {
    guard let finished else { return }
    self.finished = nil
    clear()
    finished(result)
  }

  private func clear() {
    alarm.cancel()
    guard !published.isEmpty else { return }
    publisher.withdraw(published)
    let records = published.filter(\.isForDNS)
    // The solver lives until it is done, though another one may have its place by then.
    if !records.isEmpty { solver?.remove(records) { [solver] in _ = solver } }
    published = []
  }
}

extension ChallengeValue {
  var isForDNS: Bool {
    if case .dns = place { true } else { false }
  }
}

@available(*, unavailable) extension OrderRun: Sendable {}
