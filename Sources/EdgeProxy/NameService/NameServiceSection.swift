internal import DNSCore

/// Where the fleet's zone is answered, and what was answered so far.
struct NameServiceSection {
  var zone: String
  /// Of what is answered; `nil` before there is anything.
  var serial: UInt32?
  var places: [NamePlaces.State]
  var counts: NameServiceCounts

  var section: StatusSection {
    StatusSection(
      name: "name_service",
      value: [
        "zone": .text(zone), "serial": serial.map { .number(Int($0)) } ?? .nothing,
        "listeners": .list(places.map(value)),
        "answers": .fields(
          DNSCarrier.all.map { .init(name: $0.word, value: value(counts.answers(over: $0))) }),
        "kinds": .fields(
          ZoneReply.Kind.allCases.map {
            .init(name: $0.word, value: .number(counts.kinds.now($0)))
          }),
        "ignored": .number(counts.ignored.now),
        "limited": [
          "shortened": .number(counts.shortened.now), "dropped": .number(counts.dropped.now),
        ],
        "unsent": .number(counts.unsent.now),
        "connections": [
          "open": .number(counts.connections.now), "accepted": .number(counts.accepted.now),
          "refused": .number(counts.refused.now), "displaced": .number(counts.displaced.now),
          "cut": .number(counts.cut.now),
        ],
      ],
      text: [.line("name service", text), .line("answered names", answered)], metrics: metrics)
  }

  private var text: String {
    let open = places.filter(\.isOpen).map { "\($0.address)/\($0.carrier.word)" }
    let closed = places.compactMap { $0.isOpen ? nil : "\($0.address)/\($0.carrier.word)" }
    let missing = closed.isEmpty ? "" : "; not on \(closed.joined(separator: ", "))"
    return open.isEmpty
      ? "does not answer for \(zone)\(missing)"
      : "answers for \(zone) on \(open.joined(separator: ", "))\(missing)"
  }

  private var answered: String {
    let limited = counts.shortened.now + counts.dropped.now
    return "\(counts.udp.all) over udp, \(counts.tcp.all) over tcp, \(limited) limited,"
      + " \(counts.ignored.now) ignored"
  }

  private func value(_ place: NamePlaces.State) -> StatusValue {
    [
      "protocol": .text(place.carrier.word), "address": .text("\(place.address)"),
      "open": .flag(place.isOpen),
      "error": place.failure.map { .text("\($0.error)") } ?? .nothing,
    ]
  }

  private func value(_ answers: NameServiceCounts.Answers) -> StatusValue {
    .fields(
      DNSAnswerCode.allCases.map { .init(name: $0.word, value: .number(answers.now($0))) })
  }

  private var metrics: [Metric] {
    var up = Metric.gauge("dns_listener_up", "Whether an address answers for the fleet's zone.")
    for place in places {
      up.add(
        place.isOpen ? 1 : 0, ("protocol", place.carrier.word), ("address", "\(place.address)"))
    }
    var answers = Metric.counter("dns_answers_total", "Answers for the fleet's zone, by code.")
    for carrier in DNSCarrier.all {
      let counted = counts.answers(over: carrier)
      for code in DNSAnswerCode.allCases {
        answers.add(counted.now(code), ("protocol", carrier.word), ("code", code.word))
      }
    }
    var kinds = Metric.counter("dns_answers_by_kind_total", "The same, by what they had in them.")
    for kind in ZoneReply.Kind.allCases {
      kinds.add(counts.kinds.now(kind), ("kind", kind.word))
    }
    var limited = Metric.counter(
      "dns_answers_limited_total", "Answers that a network did not get whole: it asks too often.")
    limited.add(counts.shortened.now, ("how", "shortened"))
    limited.add(counts.dropped.now, ("how", "dropped"))
    var ended = Metric.counter(
      "dns_connections_ended_total", "TCP connections that did not end by themselves.")
    ended.add(counts.refused.now, ("reason", "network"))
    ended.add(counts.displaced.now, ("reason", "room"))
    ended.add(counts.cut.now, ("reason", "client"))
    return [
      up, answers, kinds, limited, ended,
      Metric.counter("dns_ignored_total", "Messages that are no questions.")
        .adding(counts.ignored.now),
      Metric.counter("dns_unsent_total", "Answers that the kernel did not take.")
        .adding(counts.unsent.now),
      Metric.gauge("dns_connections", "Open TCP connections of clients that ask for names.")
        .adding(counts.connections.now),
      Metric.counter("dns_connections_total", "TCP connections of clients that ask for names.")
        .adding(counts.accepted.now),
    ]
  }
}

extension ZoneReply.Kind {
  /// As status and metrics have it.
  var word: String {
    switch self {
    case .addresses: "addresses"
    case .texts: "texts"
    case .zone: "zone"
    case .nothing: "nothing"
    case .truncated: "truncated"
    case .refusal: "refusal"
    }
  }
}
