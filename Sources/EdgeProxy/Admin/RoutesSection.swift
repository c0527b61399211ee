/// The requests of each route: how many with which status, and how long they took.
struct RoutesSection {
  /// What all workers have counted for one route.
  struct Route {
    var name: String
    /// How often each of `StatusCodes.names` was the answer.
    var answers: [Int]
    var durations: DurationReading

    var requests: Int { answers.reduce(0, &+) }

    func requests(ofClass number: Int) -> Int {
      answers.indices.reduce(0) {
        StatusCodes.number(ofClass: $1) == number ? $0 &+ answers[$1] : $0
      }
    }
  }

  let routes: [Route]

  /// What requests are counted by that have found no route, such as those for the health and those that
  /// are led from http to https.
  static let unrouted = "none"

  /// Statuses that are told even while there are none, since alerts compare them.
  private static let alwaysTold: Set<String> = ["200", "500", "502", "503", "504"]

  init(_ workers: [WorkerCounters]) {
    var routes: [Route] = []
    var places: [String: Int] = [:]
    for worker in workers {
      for (name, row) in worker.routes.all + [(Self.unrouted, worker.unrouted)] {
        let (answers, durations) = (row.answers, row.durations.reading)
        if let place = places[name] {
          for index in answers.indices { routes[place].answers[index] &+= answers[index] }
          routes[place].durations += durations
        } else {
          places[name] = routes.count
          routes.append(Route(name: name, answers: answers, durations: durations))
        }
      }
    }
    // Where there was room for all, nothing is counted under `other`.
    self.routes = routes.filter { $0.name != BoundedNames.other || $0.requests > 0 }
  }

  var section: StatusSection {
    StatusSection(
      name: "routes", value: .list(routes.map(Self.value)),
      text: [
        .table(
          "routes", columns: ["ROUTE", "REQUESTS", "4XX", "5XX", "HALF WITHIN", "99% WITHIN"],
          rows: routes.filter { $0.requests > 0 }.map(Self.row))
      ],
      metrics: metrics)
  }

  private static func value(_ route: Route) -> StatusValue {
    let codes = zip(StatusCodes.names, route.answers).filter { $0.1 > 0 }
    return [
      "route": .text(route.name), "requests": .number(route.requests),
      "codes": .fields(codes.map { .init(name: $0.0, value: .number($0.1)) }),
      "durations": route.durations.value,
    ]
  }

  private static func row(_ route: Route) -> [String] {
    [
      route.name, "\(route.requests)", "\(route.requests(ofClass: 4))",
      "\(route.requests(ofClass: 5))", route.durations.text(share: 0.5),
      route.durations.text(share: 0.99),
    ]
  }

  private var metrics: [Metric] {
    var requests = Metric.counter(
      "route_requests_total", "Requests that have ended, by route and status.")
    var durations = Metric.histogram(
      "request_duration_seconds",
      "From the first byte of a request to the last of its answer, without tunnels.")
    for route in routes {
      for (code, count) in zip(StatusCodes.names, route.answers)
      where count > 0 || Self.alwaysTold.contains(code) {
        requests.add(count, ("route", route.name), ("code", code))
      }
      durations.add(route.durations, ("route", route.name))
    }
    return [requests, durations]
  }
}

extension DurationReading {
  /// For programs: how many and how long, and how many stayed within each bound.
  var value: StatusValue {
    [
      "count": .number(count), "sum_us": .number(microseconds),
      "p50_ms": quantile(0.5), "p90_ms": quantile(0.9), "p99_ms": quantile(0.99),
      "buckets": .list(
        zip(Self.bounds, cumulative).map {
          ["le": .text($0), "count": .number($1)]
        }),
    ]
  }

  private func quantile(_ share: Double) -> StatusValue {
    milliseconds(share: share).map { .number(Int($0.rounded(.up))) } ?? .nothing
  }

  /// For people.
  func text(share: Double) -> String {
    guard let milliseconds = milliseconds(share: share) else { return "-" }
    return milliseconds < 10_000
      ? "\(Int(milliseconds.rounded(.up))) ms" : "\(Int((milliseconds / 1000).rounded(.up))) s"
  }
}
