import Testing

@testable import EdgeProxy

@Suite("Objects of which any can leave at once")
struct RosterTests {
  private final class Guest: Listed { var index = -1 }

  private func makeRoster(_ count: Int) -> (Roster<Guest>, [Guest]) {
    let guests = (0..<count).map { _ in Guest() }
    var roster = Roster<Guest>()
    for guest in guests { roster.add(guest) }
    return (roster, guests)
  }

  @Test(arguments: 0..<5)
  func `one that leaves is gone, and all others know their place`(place: Int) {
    var (roster, guests) = makeRoster(5)
    let leaving = guests.remove(at: place)
    let hasLeft = roster.remove(leaving)
    #expect(hasLeft)
    #expect(leaving.index < 0 && roster.count == 4)
    for guest in guests { #expect(roster.all[guest.index] === guest) }
  }

  @Test func `one that has left, or was never there, is nobody`() {
    var (roster, guests) = makeRoster(3)
    let leaving = guests.removeFirst()
    var hasLeft = roster.remove(leaving)
    #expect(hasLeft)
    hasLeft = roster.remove(leaving)
    #expect(!hasLeft)
    hasLeft = roster.remove(Guest())
    #expect(!hasLeft)
    #expect(roster.count == guests.count)
  }

  @Test func `the place of another list removes nobody here`() {
    var (roster, _) = makeRoster(3)
    let (_, others) = makeRoster(3)
    let hasLeft = roster.remove(others[0])
    #expect(!hasLeft)
    #expect(roster.count == 3)
  }

  @Test func `who goes through them backwards meets each, whoever leaves meanwhile`() {
    var (roster, _) = makeRoster(4)
    var met = 0
    for guest in roster.all.reversed() {
      met += 1
      let hasLeft = roster.remove(guest)
      #expect(hasLeft)
    }
    #expect(met == 4 && roster.count == 0)
  }
}
