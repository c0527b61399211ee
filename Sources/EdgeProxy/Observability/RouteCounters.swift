/// The requests of one route that have ended, as one worker counts them.
final class RouteCounters: CounterRow {
  private let codes = [64 of Count](initializingWith: { span in
    while !span.isFull { span.append(Count()) }
  })
  /// From the first byte of a request to the last of its answer; tunnels, which may last for days, are
  /// not among them.
  let durations = DurationHistogram()

  /// Takes in a finished request, whose status has this place in `StatusCodes`.
  func count(place: Int, status: Int, microseconds: Int64) {
    codes[place].add()
    if status != Self.switchingProtocols { durations.record(microseconds) }
  }

  private static let switchingProtocols = 101

  func add(_ other: RouteCounters) {
    for place in 0..<StatusCodes.placesMax { codes[place].add(other.codes[place].now) }
    durations.add(other.durations)
  }

  /// How often each of `StatusCodes.names` was the answer.
  var answers: [Int] { StatusCodes.names.indices.map { codes[$0].now } }
}
