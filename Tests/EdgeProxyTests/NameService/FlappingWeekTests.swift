import EventLoop
import HTTPCore
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("A week of flapping")
struct FlappingWeekTests {
  private static let week = Duration.seconds(7 * 86_400)

  /// What the answers did in a week in which `d` was up and down for times in these ranges, in seconds.
  private func week(up: ClosedRange<Int>, down: ClosedRange<Int>, seed: UInt64) -> [Int: Int] {
    var fleet = SeenFleet(5)
    var random = SeededRandom(seed: seed)
    let end = fleet.now + Self.week
    var changes: [Int: Int] = [:]
    while fleet.now < end {
      let before = fleet.changes.count
      fleet.look(after: .seconds(Int.random(in: up, using: &random)))
      fleet.losePower("d")
      fleet.look()
      fleet.look(after: .seconds(Int.random(in: down, using: &random)))
      fleet.comeBack("d")
      fleet.look()
      let hour = Int((fleet.now - Instant(nanoseconds: 0)).components.seconds / 3600)
      changes[hour, default: 0] += fleet.changes.count - before
      #expect(fleet.living.answer.count >= 4)
    }
    #expect(fleet.changes.allSatisfy { $0.address == SeenFleet.address(4) })
    return changes
  }

  @Test(arguments: [
    (20...50, 2...10), (31...31, 3...3), (60...300, 5...60), (600...700, 10...20),
  ])
  func `changes what is answered a few times in an hour at most`(
    up: ClosedRange<Int>, down: ClosedRange<Int>
  ) {
    let changes = week(up: up, down: down, seed: 7)
    #expect(changes.values.max() ?? 0 <= 20)
    #expect(changes.values.reduce(0, +) <= 7 * 24 * 14)
  }

  @Test func `leaves out a server that is never well for long`() {
    let changes = week(up: 5...29, down: 2...10, seed: 1)
    #expect(changes.values.reduce(0, +) == 1)
  }

  @Test func `of all but one server keeps as many answers as the rule says`() {
    var fleet = SeenFleet(5)
    var random = SeededRandom(seed: 3)
    var up: Set<String> = ["b", "c", "d", "e"]
    for _ in 0..<5000 {
      fleet.look(after: .seconds(Int.random(in: 1...200, using: &random)))
      let name = SeenFleet.name(Int.random(in: 2...5, using: &random))
      if up.remove(name) != nil {
        fleet.losePower(name)
      } else {
        fleet.comeBack(name)
        up.insert(name)
        for other in ["b", "c", "d", "e"] where !up.contains(other) { fleet.losePower(other) }
      }
      fleet.look()
      #expect(fleet.living.answer.count >= 3)
    }
  }
}
