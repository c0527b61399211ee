package struct RouteSettings: Sendable, Equatable {
  /// Lower case; `*.` first for one label of anything.
  package var host: String
  /// A path prefix on segment borders; `/` covers everything.
  package var path: String
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
}
