import HTTPCore
import TestSupport
import Testing

/// What the encoder made of a request.
struct Encoded {
  var block: UWSGIBlock?
  var packet: [UInt8] = []
  var refusal: HTTPError?

  subscript(_ key: String) -> String? { block?[key] }
  var keys: [String] { block?.variables.map(\.key) ?? [] }
  /// The variables as lines.
  var lines: [String] { block?.variables.map(\.description) ?? [] }
}

func exampleFacts() -> ForwardedFacts {
  var facts = ForwardedFacts()
  facts.remoteAddress = octets("127.0.0.9")
  facts.remotePort = 40_000
  facts.serverAddress = octets("127.0.0.1")
  facts.serverPort = 443
  facts.requestID = octets("r-1")
  return facts
}

/// Parses a request and encodes it; limits are wide, so that the packet's own decide.
func encode(
  _ input: String, facts: ForwardedFacts = exampleFacts(),
  sourceLocation: SourceLocation = #_sourceLocation
) throws -> Encoded {
  var limits = HeadLimits()
  limits.headBytes = 1 << 20
  limits.requestLineBytes = 1 << 19
  limits.fields = 1000
  var parser = RequestParser()
  var head = RequestHead()
  let bytes = octets(input)
  let end = try parser.parse(bytes.span, into: &head, limits: limits)
  #expect(end == bytes.count, sourceLocation: sourceLocation)
  var packet = UWSGIPacket()
  do throws(HTTPError) {
    try packet.encode(head, facts: facts)
  } catch {
    return Encoded(refusal: error)
  }
  var sent: [UInt8] = []
  sent.append(copying: packet.bytes)
  let block = UWSGIBlock(sent)
  #expect(block != nil, "sizes contradict the bytes", sourceLocation: sourceLocation)
  #expect(block?.body == [], sourceLocation: sourceLocation)
  return Encoded(block: block, packet: sent)
}
