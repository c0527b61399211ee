/// How the nodes of an upstream are asked whether they are well.
package struct HealthCheck: Sendable, Equatable {
  package var kind: Kind
  /// What a request asks for.
  package var path = "/"
  /// The Host of a request; `nil` for the application's name.
  package var host: String?
  /// The answers to a request that a well node gives.
  package var statuses = 200...399
  /// Between two checks of one node, give or take an eighth.
  package var interval = Duration.seconds(2)
  /// For one check.
  package var timeout = Duration.seconds(1)
  package var thresholds = HealthThresholds.standard

  /// Where a request goes, on the node's machine; `nil` for the node's own port.
  package var port: UInt16?
  /// Who a visit to a MySQL server says it is.
  package var user = "edgeproxy"

  package enum Kind: String, Sendable, CaseIterable { case tcp, ping, request, mysql }
}
