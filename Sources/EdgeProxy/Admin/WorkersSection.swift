internal import ACME
internal import HTTPCore

/// What the workers have counted.
struct WorkersSection {
  /// One worker at this moment.
  struct Worker {
    var counters: WorkerCounters
    /// Seconds since it last showed that it turns.
    var silentSeconds: Int
  }

  var workers: [Worker]

  /// Silence that is longer than between two signs of life.
  private static let silenceMax = 3

  var section: StatusSection {
    StatusSection(
      name: "workers", value: .list(workers.enumerated().map(Self.value)),
      text: [
        .table(
          "workers",
          columns: ["WORKER", "CONNECTIONS", "REQUESTS", "HELD", "MEMORY", "FILES", "STATE"],
          rows: workers.enumerated().map(Self.row))
      ],
      metrics: counters + gauges)
  }

  private static func value(_ number: Int, _ worker: Worker) -> StatusValue {
    let counters = worker.counters
    return [
      "worker": .number(number), "connections": .number(counters.connections.now),
      "accepted": .number(counters.accepted.now), "requests": .number(counters.requests),
      "held": .number(counters.held.now), "memory_bytes": .number(counters.memory.now),
      "temporary_file_bytes": .number(counters.fileBytes.now),
      "silent_seconds": .number(worker.silentSeconds),
    ]
  }

  private static func row(_ number: Int, _ worker: Worker) -> [String] {
    let counters = worker.counters
    let silence = worker.silentSeconds
    return [
      "\(number)", "\(counters.connections.now)", "\(counters.requests)", "\(counters.held.now)",
      "\(counters.memory.now >> 10)KiB", "\(counters.fileBytes.now >> 10)KiB",
      silence > silenceMax ? "silent for \(Age.text(Int64(silence)))" : "ok",
    ]
  }

  private func sum(_ number: (WorkerCounters) -> Int) -> Int {
    workers.reduce(0) { $0 + number($1.counters) }
  }

  private var counters: [Metric] {
    var requests = Metric.counter(
      "requests_total", "Requests that have ended, by the first digit of the status.")
    let answers = workers.map(\.counters.answersByClass)
    for number in StatusCodes.classes {
      requests.add(
        answers.reduce(0) { $0 + $1[number] }, ("code", StatusCodes.names[number]))
    }
    var refused = Metric.counter(
      "refused_total", "Connections and requests refused for a limit of the configuration.")
    for limit in WorkerCounters.Limit.allCases {
      refused.add(sum { $0.refusals(limit) }, ("limit", limit.name))
    }
    var floods = Metric.counter(
      "http2_floods_total", "HTTP/2 connections told to end, by the frames there were too many of.")
    for kind in Flood.allCases {
      floods.add(sum { $0.floods(kind) }, ("kind", "\(kind.name)"))
    }
    var challenges = Metric.counter(
      "acme_challenges_answered_total", "Challenges of CAs that were answered.")
    for type in [ChallengeType.http, .alpn] {
      challenges.add(sum { $0.challenges(type) }, ("type", type.rawValue))
    }
    return [
      requests, refused, floods, challenges,
      Metric.counter("connections_total", "Client connections accepted.")
        .adding(sum { $0.accepted.now }),
      Metric.counter("handshakes_failed_total", "TLS handshakes that came to nothing.")
        .adding(sum { $0.handshakesFailed.now }),
      Metric.counter("request_body_bytes_total", "Bytes of request bodies.")
        .adding(sum { $0.bytesIn.now }),
      Metric.counter("response_body_bytes_total", "Bytes of response bodies sent.")
        .adding(sum { $0.bytesOut.now }),
      Metric.counter("tries_total", "Requests to nodes.").adding(sum { $0.tries.now }),
      Metric.counter("retries_total", "Requests to nodes after the first of a request.")
        .adding(sum { $0.retries.now }),
      Metric.counter("held_total", "Requests that had to wait for a node.")
        .adding(sum { $0.waits.now }),
    ]
  }

  private var gauges: [Metric] {
    var connections = Metric.gauge("connections", "Client connections that are open.")
    var held = Metric.gauge("held", "Requests that are waiting for a node.")
    var memory = Metric.gauge("memory_bytes", "Memory that is kept for clients.")
    var files = Metric.gauge("temporary_file_bytes", "Temporary files that are kept for clients.")
    var silence = Metric.gauge(
      "worker_silence_seconds", "How long a worker has not shown that it turns.")
    for (number, worker) in workers.enumerated() {
      let label = ("worker", "\(number)")
      connections.add(worker.counters.connections.now, label)
      held.add(worker.counters.held.now, label)
      memory.add(worker.counters.memory.now, label)
      files.add(worker.counters.fileBytes.now, label)
      silence.add(worker.silentSeconds, label)
    }
    return [connections, held, memory, files, silence]
  }
}
