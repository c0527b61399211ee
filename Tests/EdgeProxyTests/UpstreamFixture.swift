import EventLoop
import Testing

@testable import Configuration
@testable import EdgeProxy

/// Nanoseconds for the times of the tests.
func seconds(_ count: Double) -> Int64 { Int64(count * 1_000_000_000) }

/// An upstream with nodes on loopback, backups last.
func makeUpstream(
  primaries: Int, backups: Int = 0, balance: UpstreamSettings.Balance = .roundRobin,
  health: HealthCheck? = nil, speaking spoken: UpstreamSettings.NodeProtocol = .uwsgi
) throws -> UpstreamState {
  let nodes = try (0..<primaries + backups).map { index in
    NodeSettings(
      address: .fixed(try #require(SocketAddress("127.0.0.1:\(3000 + index)"))),
      backup: index >= primaries)
  }
  return makeUpstream(nodes, balance: balance, spoken: spoken, health: health)
}

func makeUpstream(
  _ nodes: [NodeSettings], balance: UpstreamSettings.Balance = .roundRobin,
  spoken: UpstreamSettings.NodeProtocol = .uwsgi, health: HealthCheck? = nil
) -> UpstreamState {
  UpstreamState(
    UpstreamSettings(
      name: "apps", nodeProtocol: spoken, modifier1: 0, modifier2: 0, nodes: nodes,
      balance: balance, connectTimeout: .seconds(1), responseTimeout: .seconds(60),
      idleTimeout: .seconds(60), tunnelTimeout: .seconds(3600), keepAlive: .off, tls: nil,
      retry: .standard, hold: .seconds(10), bufferSizeBytes: 4096, health: health))
}

extension RetrySettings {
  /// The defaults of the configuration.
  static let standard = RetrySettings(
    tries: 3, onConnect: true, onReset: true, statuses: [502, 503], within: .seconds(15),
    nonIdempotent: false)
}

extension NodeState {
  /// Fails until it is out or may not go.
  func failUntilOut(now: Int64) {
    for _ in 0..<3 { recordFailure(.connect, began: now, now: now, random: 0) }
  }
}
