internal import Configuration
internal import Etcd
internal import EventLoop

/// Tries whether etcd would take what this server writes while it runs, and lets it read the same;
/// nothing is changed.
struct LiveRightsCheck {
  let check: LiveCheck
  let settings: SharedSettings
  let position: Position
  let loop: EventLoop

  func run() throws(SystemError) {
    let client = EtcdClient(settings.etcd, on: loop)
    defer { client.close() }
    for (kind, key) in writes {
      let range = KeyRange.prefix(Array(key.utf8))
      var question = RangeRequest(range)
      question.countOnly = true
      let read = try wait { client.range(question, $0) }
      if let refusal = Self.refusal(read) {
        check.findings.error(
          position, "etcd does not let this server read '\(key)': \(told(refusal))")
      }
      let written = try wait { client.txn(Self.attempt(key), $0) }
      if let refusal = Self.refusal(written) {
        check.findings.error(
          position, "\(kind.loss), tried at '\(key)': \(told(refusal))")
        // A wrong password or a full store is told once.
        guard case .refused(let status) = refusal, status.code == .permissionDenied else { return }
      }
    }
    try checkName(client)
  }

  /// Tells of running servers that have the name of this one.
  private func checkName(_ client: EtcdClient) throws(SystemError) {
    let (node, prefix) = (check.configuration.node, settings.prefix)
    let range = KeyRange.prefix(NameRivals.directory(prefix: prefix, node: node))
    var question = RangeRequest(range)
    question.limit = Self.rivalsMax
    guard case .success(let answer) = try wait({ client.range(question, $0) }) else { return }
    let identity = ServerIdentity.read(state: check.configuration.state)
    var rivals = NameRivals(prefix: prefix, node: node, identity: identity ?? "")
    let begun = Instant(nanoseconds: 0)
    rivals.apply(Changes(put: answer.keyValues), now: begun)
    let places = rivals.places(now: begun + NameRivals.lastsAfter)
    // Of servers whose identity cannot be read here, one may be this server.
    guard places.count > (identity == nil ? 1 : 0) else { return }
    let told = NameClaim.told(node, places)
    check.findings.warning(position, "\(told.text); \(told.advice)")
  }

  private static let rivalsMax: Int64 = 100

  /// A key of each kind that this server writes.
  private var writes: [(EtcdWrites.Kind, String)] {
    let configuration = check.configuration
    var writes: [(EtcdWrites.Kind, String)] = [
      (.name, "\(NameRivals.directory)\(configuration.node)/")
    ]
    if configuration.subscriptions?.isShared ?? false {
      writes.append((.instances, "\(SharedInstance.directory)\(configuration.node)/"))
    }
    if configuration.tls.tickets == .etcd {
      writes += [(.tickets, SharedTickets.keyringName), (.tickets, SharedTickets.holderName)]
    }
    if configuration.listen.closeWhenUnable == .fleet {
      writes.append((.port, FleetPorts.directory + configuration.node))
    }
    if configuration.nameService != nil || configuration.records != nil {
      writes += FleetRegister.ownKeys(node: configuration.node).map { (.addresses, $0) }
    }
    if configuration.acme != nil {
      writes.append((.challenges, Sightings.directory + configuration.node))
      writes.append((.issuance, "acme/holder"))
    }
    if configuration.records != nil {
      writes += [(.records, EtcdRecords.holderName), (.records, EtcdRecords.stateName)]
    }
    let shared = writes.map { ($0.0, settings.prefix + $0.1) }
    // What is ordered goes where the certificates of the fleet are.
    guard configuration.acme != nil, let source = configuration.certificates.etcd else {
      return shared
    }
    return shared + [(.issuance, source.prefix + "acme")]
  }

  /// Puts a key where its version is below 0, which is never so.
  ///
  /// etcd asks for the right to all that a transaction may do, before it compares.
  private static func attempt(_ key: String) -> TxnRequest {
    let key = Array(key.utf8)
    return TxnRequest(
      compare: [Compare(.key(key), .less, .version(0))],
      success: [.put(PutRequest(key: key, value: []))])
  }

  private func wait<Response>(
    _ begin: (@escaping (Result<Response, CallError>) -> Void) -> Void
  ) throws(SystemError) -> Result<Response, CallError> {
    var answer: Result<Response, CallError>?
    begin { answer = $0 }
    while true {
      if let answer { return answer }
      try loop.turn(mayWait: true)
    }
  }

  /// A member that does not answer has been told of already.
  private static func refusal<Response>(_ result: Result<Response, CallError>) -> CallError? {
    guard case .failure(let error) = result, error.isRefusal else { return nil }
    return error
  }

  private func told(_ error: CallError) -> String {
    "\(error); \(EtcdWrites.advice(error, prefix: settings.prefix))"
  }
}
