import HTTPCore
import TestSupport
import Testing

@Suite("What other servers make of a path")
struct PathReadingTests {
  private func head(_ path: String) throws -> RequestHead {
    var head = RequestHead()
    var parser = RequestParser()
    _ = try parser.parse(octets(get(target: path)).span, into: &head, limits: HeadLimits())
    return head
  }

  private func isAmbiguous(_ path: String) throws -> Bool {
    let head = try head(path)
    return head.isPathAmbiguous
  }

  private func read(_ path: String, as reading: PathReading) throws -> String? {
    let head = try head(path)
    return head.path(as: reading).map { text($0.span) }
  }

  /// Whether the path can be read in all the ways that there are.
  private func isReadable(_ path: String) throws -> Bool {
    let head = try head(path)
    return head.everyReading { _ in true }
  }

  /// Servers that there are, by what they do with a path.
  private static let verbatim: PathReading = []
  private static let kept: PathReading = [.merging, .dotSegments, .encodedDots]
  private static let late: PathReading = [.lateSlash, .dotSegments]
  private static let strict: PathReading = [.encodedSlash, .dotSegments, .encodedDots]
  private static let merging: PathReading = [.encodedSlash, .merging]
  private static let windows: PathReading = [.routing, .backslash, .encodedBackslash]
  private static let java: PathReading = [.routing, .parameters]
  private static let decodesFirst: PathReading = [.routing, .parameters, .encodedParameters]

  @Test(
    arguments: [
      ("/a%2fb", verbatim, "/a%2Fb"), ("/a%2Fb", kept, "/a%2Fb"), ("/a%2Fb", late, "/a/b"),
      ("/x%2Fy/../b", kept, "/b"), ("/x%2Fy/../b", strict, "/x/b"),
      ("/x/../b%2F..%2Fc", late, "/b/../c"), ("/x/%2e%2e/b", late, "/x/../b"),
      ("/x/%2e%2e/b", kept, "/b"), ("/x/.%2E", late, "/x/.."), ("/a%2Eb/..", late, "/"),
      ("/a//b", strict, "/a//b"), ("/a//..", strict, "/a/"), ("/a//../b", kept, "/b"),
      ("//a/../b", verbatim, "//a/../b"), ("//a/../b", merging, "/a/../b"),
      ("/a%2F%2Fb", strict, "/a//b"), ("/a/.", strict, "/a/"), ("/a/./b", verbatim, "/a/./b"),
      ("/a\\..\\b", windows, "/b"), ("/a%5c..%5cb", windows, "/b"), ("/a%5cb", java, "/a\\b"),
      ("/%5c..", windows, nil), ("/a/..;x/b", java, "/b"), ("/..;x", java, nil),
      ("/a;x/b;", java, "/a/b"), ("/a;x%2Fy/b", kept, "/a;x%2Fy/b"), ("/;x/b", java, "/b"),
      ("/a%3Bx/b", java, "/a;x/b"), ("/a%3Bx/b", decodesFirst, "/a/b"),
      ("/a%2525", verbatim, "/a%25"), ("/%41b", verbatim, "/Ab"), ("/", verbatim, "/"),
    ] as [(String, PathReading, String?)])
  func `each server reads by its own rules`(path: String, reading: PathReading, read: String?)
    throws
  {
    #expect(try self.read(path, as: reading) == read)
  }

  @Test(arguments: [
    "/", "/a/b", "/a%20b", "/%41", "/.well-known/x", "/a.b/..c/...", "/a%2Eb", "/%C3%BC/", "/a/",
  ])
  func `a plain path has one reading`(path: String) throws {
    #expect(try !isAmbiguous(path))
    let all = PathReading(rawValue: (1 << 9) - 1)
    let decoded = request(get(target: path)).decodedPath
    for reading in [[], .routing, all, all.subtracting(.routing)] as [PathReading] {
      #expect(try read(path, as: reading) == decoded)
    }
  }

  @Test(arguments: [
    "/a%2fb", "/a%5cb", "/a\\b", "/a;x", "/a%3bx", "/a//b", "//", "/a/./b", "/a/%2e%2e/b", "/a/.",
  ])
  func `a path that servers differ about is known as one`(path: String) throws {
    #expect(try isAmbiguous(path))
  }

  /// Which of the readings of a path lie below `/b`: all, none, or `nil` for some.
  private func allBelowB(_ path: String, settled: PathReading = []) throws -> Bool? {
    func isBelow(_ path: borrowing Span<UInt8>) -> Bool {
      let path = text(path)
      return path == "/b" || path.hasPrefix("/b/")
    }
    let head = try head(path)
    if head.everyReading(settled: settled, { isBelow($0) }) { return true }
    return head.everyReading(settled: settled) { !isBelow($0) } ? false : nil
  }

  @Test(
    arguments: [
      ("/b//a", true), ("/b/%2Fa", true), ("/b/a%2Fb", true), ("/b/a;x", true), ("/b/./a", true),
      ("/a/b", false), ("/a//b", false), ("/a%2F%2Fb", false), ("/a/x/../y", false),
      ("/a;b", false), ("/a\\b", false), ("/b/c/../d", true),
      // Each of these gets past a rule for /b of some pair of servers.
      ("//b", nil), ("/a/../b", nil), ("/b/../a", nil), ("/a/%2e%2e/b", nil), ("/./b", nil),
      ("/%2Fb", nil), ("/b%2Fa", nil), ("/a%2F..%2Fb", nil), ("/x%2Fy/../b", nil), ("/b;x", nil),
      ("/b%3Bx/a", nil), ("/a/..;/b", nil), ("/a\\..\\b", nil), ("/%5Cb", nil),
      ("/x/../b//../a", nil), ("//b/..", nil), ("/x/../b/%2e%2e/a", nil),
      ("/b;x\\..\\a", nil), ("/b;x/..%3By/a", nil), ("/x/y/../../b%2F..%2Fa", nil),
    ] as [(String, Bool?)])
  func `the readings of a path agree about a prefix, or it is refused`(
    path: String, areBelow: Bool?
  ) throws {
    #expect(try allBelowB(path) == areBelow)
  }

  @Test(
    arguments: [
      ("//b", true), ("/a/../b", true), ("/b/%2e%2e/a", false), ("/b%2Fa", nil),
      ("/a%2F..%2Fb", nil), ("/a/..;/b", nil), ("/b;x", nil), ("/a\\..\\b", nil),
    ] as [(String, Bool?)])
  func `what is resolved here has no other reading`(path: String, areBelow: Bool?) throws {
    #expect(try allBelowB(path, settled: .resolution) == areBelow)
  }

  @Test(arguments: ["/..;/b", "/a/../..\\b", "/a%2Fb/../../b", "/%5c../b"])
  func `a path that climbs for some server is refused`(path: String) throws {
    #expect(try !isReadable(path))
  }

  @Test func `a long path is read in few ways, a short one in all`() throws {
    let odd = "//a/../%2e%2e\\..%5c;x%3By%2F"
    #expect(try isReadable("/a/b/c/d/e/f" + odd))
    let long = String(repeating: "x", count: 4096)
    #expect(try isReadable("/\(long)//\(long)"))
    #expect(try !isReadable("/a/b/c/d/e/f/\(long)" + odd))
  }
}
