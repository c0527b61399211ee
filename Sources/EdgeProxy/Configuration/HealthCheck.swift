/// How the nodes of an upstream are asked whether they are well.
struct HealthCheck: Sendable, Equatable {
  var kind: Kind
  /// What a request asks for.
  var path = "/"
  /// The Host of a request; `nil` for the application's name.
  var host: String?
  /// The answers to a request that a well node gives.
  var statuses = 200...399
  /// Between two checks of one node, give or take an eighth.
  var interval = Duration.seconds(2)
  /// For one check.
  var timeout = Duration.seconds(1)
  var thresholds = HealthThresholds.standard

  /// Where a request goes, on the node's machine; `nil` for the node's own port.
  var port: UInt16?
  /// Who a visit to a MySQL server says it is.
  var user = "edgeproxy"

  enum Kind: String, Sendable, CaseIterable { case tcp, ping, request, mysql }
}
