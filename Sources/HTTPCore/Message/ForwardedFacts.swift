/// What the application is told besides the client's own words; buffers are used again.
package struct ForwardedFacts {
  package var remoteAddress: [UInt8] = []
  /// 0 where it is not known.
  package var remotePort: UInt64 = 0
  package var serverAddress: [UInt8] = []
  package var serverPort: UInt64 = 0
  /// What the client used, towards us or towards a trusted proxy.
  package var isTLS = true
  /// The value of X-Forwarded-For; empty for the remote address.
  package var forwardedFor: [UInt8] = []
  /// The value of X-Forwarded-Host; empty for the host of the request.
  package var forwardedHost: [UInt8] = []
  /// The value of X-Forwarded-Prefix; empty for none.
  package internal(set) var forwardedPrefix: [UInt8] = []
  /// What becomes of the path; `nil` for nothing.
  package internal(set) var change: PathChange?
  package var requestID: [UInt8] = []
  /// For an authenticator: the method and the target that the client has asked with; else empty.
  package var forwardedMethod: [UInt8] = []
  package var forwardedURI: [UInt8] = []
  /// The user that has been let in; empty where nobody was asked.
  package var user: [UInt8] = []
  /// `nil` where the host asks for no certificates.
  package var clientCertificate: ClientCertificateFacts?
  /// The length of the body that follows; `nil` where the request has none.
  package var bodyLength: UInt64?
  /// Bytes 0 and 3 of a uwsgi packet.
  package var modifier1: UInt8 = 0
  package var modifier2: UInt8 = 0
  /// The client asks to go on in the WebSocket protocol, and may.
  package var asksForWebSocket = false
  /// The Sec-WebSocket-Key that goes out; empty where the client's own does.
  package var webSocketKey: [UInt8] = []

  package init() {}
}
