import HTTPCore

extension ParserProperties {
  /// The readings of a path: the one that it is routed by is among them, and whatever the path has
  /// nothing of makes no difference.
  static func readingsProblem(_ head: borrowing RequestHead) -> String? {
    guard head.decodedPath != octets("*") else { return nil }
    let doubts = head.pathDoubts
    guard head.path(as: .routing) == head.decodedPath,
      head.path(as: PathReading.routing.intersection(doubts)) == head.decodedPath
    else { return "the reading of the route is another one" }
    let all = PathReading(rawValue: (1 << 9) - 1)
    let others = all.subtracting(doubts)
    for reading in [[], doubts] as [PathReading] {
      let path = head.path(as: reading)
      guard path == head.path(as: reading.union(others)) else { return "a difference was missed" }
      guard path.map({ $0.first == UInt8(ascii: "/") && !$0.contains(0) }) ?? true else {
        return "no path"
      }
      if !head.isPathAmbiguous, path != head.decodedPath { return "a plain path has two readings" }
    }
    let isOne = head.everyReading { path in path.count == 1 && path[0] == UInt8(ascii: "/") }
    return isOne && head.decodedPath != octets("/") ? "readings without the route's" : nil
  }
}
