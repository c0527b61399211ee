/// The facts of one finished exchange that its request head does not hold.
///
/// The owner of an exchange keeps one and uses it again (`reset`). Byte strings are shared with
/// where they come from, not copied.
struct AccessRecord: Sendable {
  /// One attempt at a node.
  struct Try: Equatable, Sendable {
    /// The node's `name`.
    var node: [UInt8]
    /// `ok`, or how it failed.
    var outcome: StaticString
    var microseconds: Int64

    static func == (left: Try, right: Try) -> Bool {
      left.node == right.node && left.microseconds == right.microseconds
        && "\(left.outcome)" == "\(right.outcome)"
    }
  }

  /// Tries that are written out; an exchange that was held long may make more.
  static let triesMax = 16

  /// When the request began, in microseconds since 1970.
  var time: Int64 = 0
  /// Where a TCP session came in; empty for a request.
  var listener: [UInt8] = []
  /// The client's address, without its port.
  var client: [UInt8] = []
  /// Who the client has shown to be; empty for nobody.
  var user: [UInt8] = []
  var requestID: [UInt8] = []
  /// The 32 digits of the trace that the request belongs to; empty for none.
  var traceID: [UInt8] = []
  /// The health endpoint answered.
  var isHealth = false
  /// `nil` without TLS.
  var tlsVersion: StaticString?
  var isResumed = false
  /// The server name that the client asked for in its hello; empty for none.
  var serverName: [UInt8] = []
  /// What the client was answered; 499 when it went away before it could be.
  var status = 0
  /// Bytes of the bodies, without framing and heads.
  var bytesIn: Int64 = 0
  var bytesOut: Int64 = 0
  /// The host pattern of the route; empty for none.
  var route: [UInt8] = []
  /// The upstream's name; empty for none.
  var upstream: [UInt8] = []
  /// From the request's first byte to the response's last.
  var totalMicroseconds: Int64 = 0
  /// From the request's first byte to the response's first; `nil` when there was no response.
  var firstByteMicroseconds: Int64?
  /// What the last attempt took, from its connect to its end; `nil` when there was none.
  var upstreamMicroseconds: Int64?
  /// The first `triesMax` attempts.
  private(set) var tries: [Try] = []
  /// All attempts.
  private(set) var triesCount = 0
  /// Why the exchange did not end with a whole answer of an application; `nil` when it did.
  var cause: StaticString?

  init() {}

  mutating func addTry(node: [UInt8], outcome: StaticString, microseconds: Int64) {
    triesCount += 1
    guard tries.count < Self.triesMax else { return }
    tries.append(Try(node: node, outcome: outcome, microseconds: microseconds))
  }

  /// Becomes the record of another exchange, of which nothing is known yet.
  ///
  /// Only the storage of the tries is kept, so that a record that is used again allocates nothing.
  mutating func reset() {
    var kept: [Try] = []
    swap(&kept, &tries)
    kept.removeAll(keepingCapacity: true)
    self = AccessRecord()
    swap(&kept, &tries)
  }
}
