import TestSupport
import Testing

@testable import EdgeProxy

@Suite("What has changed in the status")
struct StatusChangesTests {
  /// What a page does with a change.
  private static func apply(_ changes: [StatusValue], to old: StatusValue) throws -> StatusValue {
    var now = old
    for change in changes {
      guard case .list(let parts) = change, parts.count == 2, case .list(let place) = parts[0]
      else { throw Unreadable() }
      now = try put(parts[1], at: place[...], into: now)
    }
    return now
  }

  private struct Unreadable: Error {}

  private static func put(
    _ value: StatusValue, at place: ArraySlice<StatusValue>, into old: StatusValue
  ) throws -> StatusValue {
    switch (place.first, old) {
    case (nil, _): return value
    case (.text(let name), .fields(var fields)):
      guard let index = fields.firstIndex(where: { $0.name == name }) else { throw Unreadable() }
      fields[index].value = try put(value, at: place.dropFirst(), into: fields[index].value)
      return .fields(fields)
    case (.number(let number), .list(var values)):
      guard values.indices.contains(number) else { throw Unreadable() }
      values[number] = try put(value, at: place.dropFirst(), into: values[number])
      return .list(values)
    default: throw Unreadable()
    }
  }

  private static func below(_ bound: Int, _ random: inout SeededRandom) -> Int {
    Int.random(in: 0..<bound, using: &random)
  }

  private static func made(_ random: inout SeededRandom, depth: Int = 0) -> StatusValue {
    switch below(depth < 4 ? 7 : 5, &random) {
    case 0: return .nothing
    case 1: return .flag(below(2, &random) == 0)
    case 2: return .number(below(3, &random))
    case 3: return .text(["a", "b", "<img onerror=x>"][below(3, &random)])
    case 4: return .time(Int64(below(2, &random)))
    case 5: return .list((0..<below(4, &random)).map { _ in made(&random, depth: depth + 1) })
    default:
      return .fields(
        ["x", "y", "z"].prefix(1 + below(3, &random)).map {
          .init(name: $0, value: made(&random, depth: depth + 1))
        })
    }
  }

  @Test(arguments: 0..<200)
  func `whoever has what was there and all changes has what is there`(_ seed: Int) throws {
    var random = SeededRandom(seed: UInt64(seed))
    var known = Self.made(&random)
    for _ in 0..<20 {
      let now = Self.made(&random)
      known = try Self.apply(now.changes(since: known), to: known)
      #expect(known == now)
    }
    #expect(known.changes(since: known).isEmpty)
  }

  @Test func `one number is told alone`() throws {
    let document: (Int) -> StatusValue = { count in
      let node: StatusValue = ["in_flight": .number(count)]
      return ["upstreams": .list([["name": .text("app"), "nodes": .list([node])]])]
    }
    let changes = document(2).changes(since: document(1))
    #expect(
      String(decoding: StatusValue.list(changes).json(), as: UTF8.self)
        == #"[[["upstreams",0,"nodes",0,"in_flight"],2]]"# + "\n")
  }
}
