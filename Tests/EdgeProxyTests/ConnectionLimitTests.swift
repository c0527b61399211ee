import HTTPCore
import Synchronization
import Testing

@testable import EdgeProxy

@Suite("Connections of clients")
struct ConnectionLimitTests {
  let limit = ConnectionLimit()

  /// How many are inside at this moment.
  private final class Inside: Sendable {
    let count = Atomic<Int>(0)
  }

  /// A connection, as far as the limit is concerned; `nil` where it was refused.
  private final class Counted {
    private let permit: ConnectionPermit

    init?(_ permit: consuming ConnectionPermit?) {
      guard let permit else { return nil }
      self.permit = permit
    }
  }

  private func client(_ number: Int) -> IPAddress { IPAddress(ipv4: UInt32(number)) }

  private func enter(_ number: Int, countMax: Int) -> Counted? {
    Counted(limit.enter(client(number), countMax: countMax))
  }

  @Test func `a client has its connections and no more, whatever others have`() {
    var ones: [Counted] = []
    var twos: [Counted] = []
    for _ in 0..<4 {
      if let one = enter(1, countMax: 3) { ones.append(one) }
      if let two = enter(2, countMax: 3) { twos.append(two) }
    }
    #expect(ones.count == 3)
    #expect(twos.count == 3)
    ones.removeLast()
    let again = enter(1, countMax: 3)
    #expect(again != nil)
    #expect(enter(1, countMax: 3) == nil)
    #expect(enter(2, countMax: 3) == nil)
  }

  @Test func `a client that has gone leaves nothing`() {
    var connections = (0..<1000).map { enter($0, countMax: 1) }
    #expect(connections.allSatisfy { $0 != nil })
    #expect(limit.clientCount == 1000)
    connections = []
    #expect(limit.clientCount == 0)
    #expect(enter(1, countMax: 1) != nil)
  }

  @Test func `a connection that comes to nothing is not counted`() {
    for _ in 0..<3 { _ = enter(1, countMax: 1) }
    #expect(limit.clientCount == 0)
    #expect(enter(1, countMax: 1) != nil)
  }

  @Test func `a client without a limit takes no place of another`() {
    let free = Counted(.uncounted(client(1)))
    #expect(free != nil)
    #expect(limit.clientCount == 0)
  }

  @Test func `many threads at once never let in too many`() async {
    let inside = Inside()
    let most = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<8 {
        group.addTask { [limit, inside, one = client(1)] in
          var most = 0
          for _ in 0..<5000 {
            guard let connection = Counted(limit.enter(one, countMax: 3)) else { continue }
            most = max(most, inside.count.add(1, ordering: .relaxed).newValue)
            inside.count.subtract(1, ordering: .relaxed)
            withExtendedLifetime(connection) {}
          }
          return most
        }
      }
      return await group.reduce(0, max)
    }
    #expect((1...3).contains(most))
    #expect(limit.clientCount == 0)
  }
}
