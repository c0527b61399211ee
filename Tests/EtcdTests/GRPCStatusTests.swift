import Etcd
import Testing

@Suite("How a call ended")
struct GRPCStatusTests {
  @Test(arguments: [
    ("0", GRPCStatus.Code.ok), ("7", .permissionDenied), ("11", .outOfRange),
    ("16", .unauthenticated), ("17", .unknown), ("", .unknown), ("-1", .unknown), ("007", .unknown),
    ("x", .unknown),
    ("99999999999999999999", .unknown),
  ])
  func `a code is one of those there are`(text: String, code: GRPCStatus.Code) {
    #expect(GRPCStatus(code: bytes(text), message: []).code == code)
  }

  @Test(arguments: [
    ("etcdserver: permission denied", "etcdserver: permission denied"),
    ("100%25", "100%"), ("%C3%BC", "ü"), ("%c3%bc", "ü"), ("%", "%"), ("%4", "%4"), ("%zz", "%zz"),
    ("%2541", "%41"), ("a%0Ab%00c%7f", "a b c "), ("%FF", "\u{fffd}"), ("", ""),
  ])
  func `a message is decoded to one line`(encoded: String, message: String) {
    #expect(GRPCStatus(code: bytes("2"), message: bytes(encoded)).message == message)
  }

  @Test func `a message is cut at its bound`() {
    let long = GRPCStatus(code: bytes("2"), message: Array(repeating: 0x61, count: 100_000))
    #expect(long.message.utf8.count == GRPCStatus.messageBytesMax)
  }

  @Test func `it is described by what the server says and the name of the code`() {
    #expect("\(GRPCStatus(.unavailable))" == "UNAVAILABLE")
    #expect("\(GRPCStatus(.notFound, "no lease"))" == "no lease (NOT_FOUND)")
    #expect(Set(GRPCStatus.Code.allCases.map(\.name)).count == 17)
  }
}
