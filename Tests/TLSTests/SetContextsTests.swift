import TestSupport
import Testing

@testable import TLS

@Suite("Contexts of certificate sets are made once and kept within bounds")
struct SetContextsTests {
  private let sets: [TestSet]
  private let policy = TLSPolicy(minimumIsTLS13: false, tickets: true)

  init() throws {
    let authority = TestAuthority()
    sets = try ["a.test", "b.test", "c.test", "d.test"].map {
      TestSet([try Certificate(pem: authority.issue([$0]).bundle)])
    }
  }

  @Test func `a set that is asked for again has the context that it had`() {
    var contexts = SetContexts()
    let first = contexts.context(of: sets[0], policy)
    #expect(first != nil)
    #expect(contexts.context(of: sets[1], policy) !== first)
    #expect(contexts.context(of: sets[0], policy) === first)
    #expect(contexts.count == 2)
  }

  @Test func `the certificates of another set make no difference, only which set it is`() {
    var contexts = SetContexts()
    let first = contexts.context(of: sets[0], policy)
    #expect(contexts.context(of: TestSet(sets[0].certificates), policy) !== first)
  }

  @Test func `where there are as many as may be, one that nobody asked for again makes room`()
    throws
  {
    var contexts = SetContexts(keptMax: 3)
    let made = sets.prefix(3).map { contexts.context(of: $0, policy) }
    for asked in [0, 2] { #expect(contexts.context(of: sets[asked], policy) === made[asked]) }
    let last = contexts.context(of: sets[3], policy)
    #expect(contexts.count == 3)
    #expect(contexts.context(of: sets[0], policy) === made[0])
    #expect(contexts.context(of: sets[2], policy) === made[2])
    #expect(contexts.context(of: sets[3], policy) === last)
    #expect(contexts.context(of: sets[1], policy) !== made[1])
  }

  @Test func `those that are not served any more go, and the others keep theirs`() throws {
    var contexts = SetContexts(keptMax: 3)
    let made = sets.prefix(3).map { contexts.context(of: $0, policy) }
    let stays = sets[2]
    contexts.keep { $0 === stays }
    #expect(contexts.count == 1)
    #expect(contexts.context(of: stays, policy) === made[2])
    #expect(contexts.context(of: sets[0], policy) !== made[0])
    #expect(contexts.count == 2)
  }
}
