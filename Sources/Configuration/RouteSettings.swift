package import HTTPCore
package import TLS

package struct RouteSettings: Sendable, Equatable {
  /// Lower case; `*.` first for one label of anything, `*` alone for every host that no other route has.
  package let hosts: [String]
  /// A path prefix on segment borders; `/` covers everything.
  package let path: String
  /// An index into `Configuration.upstreams`; -1 where `local` answers.
  package var upstream: Int
  package var bodyBytesMax: Int
  /// A request with an `Idempotency-Key` may be tried again whatever its method.
  package var idempotencyKey: Bool
  /// WebSocket connections may be opened.
  package var webSocket: Bool
  /// Of one client on this route, besides the limit for all routes.
  package var rate: RequestRate? = nil
  /// `nil` for the default of all routes.
  package var compress: CompressSettings.Mode? = nil
  /// What answers instead of an upstream.
  package var local: LocalRoute?
  package var rules: RouteRules? = nil
  /// `nil` for a route that is open to all.
  package var access: AccessSettings? = nil
  /// How long after its receipt the last good answer may be given when no application answers; `nil`
  /// where none is kept.
  package var staleIfError: Duration? = nil
  /// The same for all routes of a host; `nil` where clients are asked for no certificate.
  package var clientCertificates: ClientRule? = nil
  /// `nil` for a route that takes every request of its hosts and path.
  package var conditions: RequestConditions? = nil
  /// What becomes of the path, `nil` for nothing; of a redirect, what `{rest}` is behind.
  package var pathChange: PathChange? = nil
  /// Where clients are sent that ask for another of the hosts; normalised.
  package var canonicalHost: [UInt8]? = nil
}

extension RouteSettings {
  /// The host pattern of a route for all hosts that no other route has.
  package static let everyHost = "*"

  /// The name in the log: the host pattern, the first of several.
  package var name: String { hosts.first ?? "" }
}
