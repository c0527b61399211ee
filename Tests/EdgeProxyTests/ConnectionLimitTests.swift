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

  private func client(_ number: Int) -> IPAddress { IPAddress(ipv4: UInt32(number)) }

  @Test func `a client has its connections and no more, whatever others have`() {
    for _ in 0..<3 {
      #expect(limit.enter(client(1), countMax: 3))
      #expect(limit.enter(client(2), countMax: 3))
    }
    #expect(!limit.enter(client(1), countMax: 3))
    limit.leave(client(1))
    #expect(limit.enter(client(1), countMax: 3))
    #expect(!limit.enter(client(2), countMax: 3))
  }

  @Test func `a client that has gone leaves nothing`() {
    for number in 0..<1000 { #expect(limit.enter(client(number), countMax: 1)) }
    #expect(limit.clientCount == 1000)
    for number in 0..<1000 { limit.leave(client(number)) }
    #expect(limit.clientCount == 0)
    limit.leave(client(1))
    #expect(limit.enter(client(1), countMax: 1))
  }

  @Test func `many threads at once never let in too many`() async {
    let inside = Inside()
    let most = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<8 {
        group.addTask { [limit, inside, one = client(1)] in
          var most = 0
          for _ in 0..<5000 where limit.enter(one, countMax: 3) {
            most = max(most, inside.count.add(1, ordering: .relaxed).newValue)
            inside.count.subtract(1, ordering: .relaxed)
            limit.leave(one)
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
