import TestSupport
import Testing

@testable import Configuration
@testable import EdgeProxy

@Suite("The port is open exactly while this server can serve")
struct PortGateTests {
  private static let able = Ability()
  private static let noBackend = Ability(hasBackend: false)
  private static let noCertificate = Ability(hasCertificate: false)
  private static let draining = Ability(isDraining: true)

  private func gate(_ policy: CloseWhenUnable) -> PortGate {
    PortGate(
      ListenSettings(
        https: [], http: [], closeWhenUnable: policy, closeAfter: .seconds(3),
        openAfter: .seconds(10)))
  }

  /// What the gate does at each of these times, in seconds.
  private func run(
    _ policy: CloseWhenUnable, _ inputs: [(at: Double, ability: Ability)]
  ) -> [PortGate.Step] {
    var gate = gate(policy)
    return inputs.map { gate.update($0.ability, now: seconds($0.at)) }
  }

  private func step(_ action: PortGate.Action, _ deadline: Double? = nil) -> PortGate.Step {
    PortGate.Step(action: action, deadline: deadline.map(seconds))
  }

  @Test(arguments: CloseWhenUnable.allCases)
  func `at the start it opens as soon as there is a certificate`(policy: CloseWhenUnable) {
    #expect(
      run(policy, [(1, Self.noCertificate), (50, Self.noCertificate), (51, Self.able)])
        == [step(.none), step(.none), step(.open)])
  }

  @Test func `always does not open before there is something to serve with`() {
    #expect(
      run(.always, [(1, Self.noBackend), (60, Self.noBackend), (61, Self.able)])
        == [step(.none), step(.none), step(.open)])
  }

  @Test func `never opens, and stays open, without a backend`() {
    #expect(
      run(.never, [(1, Self.noBackend), (60, Self.noBackend), (61, Self.able)])
        == [step(.open), step(.none), step(.none)])
  }

  @Test func `it closes when nothing could be served for three seconds`() {
    #expect(
      run(
        .always, [(1, Self.able), (5, Self.noBackend), (7.9, Self.noBackend), (8, Self.noBackend)])
        == [step(.open), step(.none, 8), step(.none, 8), step(.close)])
  }

  @Test func `the wait counts from when nothing answered, not from when that was known`() {
    var gate = gate(.always)
    _ = gate.update(Self.able, now: seconds(1))
    #expect(gate.update(Self.noBackend, since: seconds(4.5), now: seconds(5)) == step(.none, 7.5))
    // Later rounds that find nobody do not begin the wait anew.
    #expect(gate.update(Self.noBackend, since: seconds(7), now: seconds(7.5)) == step(.close))
  }

  @Test func `a short weakness begins the wait anew`() {
    #expect(
      run(
        .always,
        [
          (1, Self.able), (5, Self.noBackend), (7, Self.able), (7.5, Self.noBackend),
          (9, Self.noBackend),
        ]
      ) == [step(.open), step(.none, 8), step(.none), step(.none, 10.5), step(.none, 10.5)])
  }

  @Test func `it opens again after ten seconds of being able, without a gap`() {
    #expect(
      run(
        .always,
        [
          (1, Self.able), (2, Self.noBackend), (5, Self.noBackend), (6, Self.able),
          (10, Self.noBackend), (11, Self.able), (20.9, Self.able), (21, Self.able),
        ])
        == [
          step(.open), step(.none, 5), step(.close), step(.none, 16), step(.none), step(.none, 21),
          step(.none, 21), step(.open),
        ])
  }

  @Test(arguments: CloseWhenUnable.allCases)
  func `a lost certificate closes the port whatever the policy`(policy: CloseWhenUnable) {
    #expect(
      run(policy, [(1, Self.able), (2, Self.noCertificate), (5, Self.noCertificate)])
        == [step(.open), step(.none, 5), step(.close)])
  }

  @Test(arguments: CloseWhenUnable.allCases)
  func `a drain closes at once, until it is taken back`(policy: CloseWhenUnable) {
    #expect(
      run(policy, [(1, Self.able), (2, Self.draining), (60, Self.draining), (61, Self.able)])
        == [step(.open), step(.close), step(.none), step(.open)])
  }

  @Test func `what is taken back while nothing can be served stays closed`() {
    #expect(
      run(.always, [(1, Self.able), (2, Self.draining), (3, Self.noBackend), (9, Self.able)])
        == [step(.open), step(.close), step(.none), step(.open)])
  }

  @Test func `a drain of a port that is not open has nothing to close`() {
    #expect(run(.always, [(1, Self.noBackend), (2, Self.draining)]) == [step(.none), step(.none)])
    #expect(
      run(.always, [(1, Self.able), (2, Self.noBackend), (5, Self.noBackend), (6, Self.draining)])
        .last == step(.none))
  }

  @Test func `a bind that failed is repeated a second later`() {
    var gate = gate(.always)
    #expect(gate.update(Self.able, now: seconds(1)) == step(.open))
    #expect(gate.openFailed(now: seconds(1)) == step(.none, 2))
    #expect(!gate.isOpen)
    #expect(gate.update(Self.able, now: seconds(1.5)) == step(.none, 2))
    #expect(gate.update(Self.noBackend, now: seconds(2)) == step(.none))
    #expect(gate.update(Self.able, now: seconds(3)) == step(.open))
    #expect(gate.isOpen)
  }

  @Test func `with no times at all it closes and opens at once`() {
    var gate = PortGate(
      ListenSettings(
        https: [], http: [], closeWhenUnable: .always, closeAfter: .zero, openAfter: .zero))
    let actions = [Self.able, Self.noBackend, Self.able].map {
      gate.update($0, now: seconds(1)).action
    }
    #expect(actions == [.open, .close, .open])
  }

  @Test func `whatever comes, opening and closing take turns and the state says so`() {
    var random = SeededRandom(seed: 5)
    for _ in 0..<500 {
      var gate = gate(random.next() % 2 == 0 ? .always : .never)
      var now = seconds(1)
      var isOpen = false
      for _ in 0..<60 {
        now += Int64(random.next() % 4_000_000_000)
        let ability = Ability(
          isDraining: random.next() % 50 == 0, hasCertificate: random.next() % 8 != 0,
          hasBackend: random.next() % 2 == 0)
        let step = gate.update(ability, now: now)
        #expect(step.action != (isOpen ? .open : .close))
        if step.action != .none { isOpen = step.action == .open }
        #expect(gate.isOpen == isOpen)
        #expect(step.deadline.map { $0 > now } ?? true)
      }
    }
  }

  // MARK: In a fleet

  /// The same with what the fleet says at each of these times.
  private func run(
    inFleet inputs: [(at: Double, ability: Ability, agreed: Bool?)]
  ) -> [PortGate.Step] {
    var gate = gate(.fleet)
    return inputs.map { gate.update($0.ability, agreed: $0.agreed, now: seconds($0.at)) }
  }

  @Test func `in a fleet it closes when the others agree and not before`() {
    #expect(
      run(inFleet: [
        (1, Self.able, nil), (5, Self.noBackend, nil), (9, Self.noBackend, nil),
        (10, Self.noBackend, false), (11, Self.noBackend, true),
      ]) == [step(.open), step(.none), step(.none), step(.none), step(.close)])
  }

  @Test func `in a fleet it opens again when the others need it, able or not`() {
    #expect(
      run(inFleet: [
        (1, Self.able, nil), (5, Self.noBackend, true), (8, Self.noBackend, true),
        (9, Self.noBackend, true), (10, Self.noBackend, nil), (11, Self.noBackend, false),
      ]) == [
        step(.open), step(.none, 8), step(.close), step(.none), step(.none), step(.open),
      ])
  }

  @Test func `in a fleet it does not open at the start unless it is needed`() {
    #expect(
      run(inFleet: [
        (1, Self.noBackend, nil), (2, Self.noBackend, true), (3, Self.noBackend, false),
      ])
        == [step(.none), step(.none), step(.open)])
  }

  @Test func `without a certificate nobody is asked`() {
    #expect(
      run(inFleet: [
        (1, Self.able, nil), (5, Self.noCertificate, false), (8, Self.noCertificate, false),
        (9, Self.noCertificate, false),
      ]) == [step(.open), step(.none, 8), step(.close), step(.none)])
  }

  @Test func `the fleet is asked when half of the wait is over, and until the port is open`() {
    var gate = gate(.fleet)
    _ = gate.update(Self.able, now: seconds(1))
    #expect(!gate.wantsAgreement(Self.able, now: seconds(1)))
    _ = gate.update(Self.noBackend, now: seconds(5))
    #expect(!gate.wantsAgreement(Self.noBackend, now: seconds(6)))
    #expect(gate.wantsAgreement(Self.noBackend, now: seconds(6.5)))
    _ = gate.update(Self.noBackend, agreed: true, now: seconds(8))
    #expect(gate.wantsAgreement(Self.able, now: seconds(9)))
    _ = gate.update(Self.able, agreed: true, now: seconds(9))
    _ = gate.update(Self.able, agreed: true, now: seconds(19))
    #expect(!gate.wantsAgreement(Self.able, now: seconds(19)))
  }
}

@Suite("Unable to serve")
struct AbilityTests {
  @Test(
    arguments: [
      (Ability(), nil), (Ability(hasBackend: false), .noBackend),
      (Ability(hasCertificate: false, hasBackend: false), .noCertificate),
      (Ability(isDraining: true, hasCertificate: false, hasBackend: false), .draining),
    ] as [(Ability, Unable?)])
  func `the reason is what stands in the way first`(ability: Ability, expected: Unable?) {
    #expect(ability.unable == expected)
  }

  @Test func `one dead application of several does not make a server unable`() throws {
    let dead = try makeUpstream(primaries: 2)
    let good = try makeUpstream(primaries: 1)
    for node in dead.nodes { node.recordCheck(succeeded: false) }
    #expect(Ability.hasBackend([dead, good]))
    good.nodes[0].recordFailure(.connect, began: 0, now: 0, random: 0)
    #expect(!Ability.hasBackend([dead, good]))
    dead.nodes[1].recordCheck(succeeded: true)
    #expect(Ability.hasBackend([dead, good]))
  }

  @Test func `a server without nodes is unable, one with untried nodes is not`() throws {
    #expect(!Ability.hasBackend([]))
    #expect(!Ability.hasBackend([try makeUpstream(primaries: 0)]))
    #expect(Ability.hasBackend([try makeUpstream(primaries: 1)]))
  }

  @Test func `a server that asks first counts only nodes that answered`() throws {
    let upstream = try makeUpstream(primaries: 2)
    upstream.nodes[0].recordCheck(succeeded: false)
    #expect(Ability.hasBackend([upstream]) { $0 === upstream.nodes[1] })
    #expect(!Ability.hasBackend([upstream]) { $0 === upstream.nodes[0] })
  }

  @Test func `a database alone answers no request`() throws {
    #expect(!Ability.hasBackend([try makeUpstream(primaries: 1, speaking: .tcp)]))
  }
}
