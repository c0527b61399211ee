import EventLoop
import Glibc
import TLS
import TestSupport
import Testing

@Suite("TLS towards servers")
struct ClientStreamTests {
  private let authority = TestAuthority()

  /// What the client's handshake with a server for `a.test` comes to.
  private func handshake(
    _ name: String, trusting authority: TestAuthority, verifies: Bool = true,
    servedNames: [String] = ["a.test"]
  ) throws -> (error: String?, chosen: String) {
    let issued = self.authority.issue(servedNames)
    let context = try ServerContext.serving(
      [[try Certificate(pem: Array((issued.chain + issued.key).utf8))]],
      Names([name: 0], fallback: 0))
    let file = try TextFile(authority.pem)
    let (serverEnd, clientEnd) = try Socket.pair()
    let sockets = [FileDescriptorOwner(serverEnd), FileDescriptorOwner(clientEnd)]
    defer { withExtendedLifetime(sockets) {} }
    let server = try TLSStream(context: context, descriptor: serverEnd)
    let client = try ClientStream(
      context: ClientContext(
        ClientIdentity(authorityFile: file.path, verifies: verifies), protocols: ["http/1.1"]),
      descriptor: clientEnd, name: name)
    for _ in 0..<20 {
      do throws(TLSError) {
        if try client.handshake() == .done { return (nil, client.chosenProtocol) }
      } catch {
        return ("\(error)", "")
      }
      _ = try? server.handshake()
    }
    return ("no end in sight", "")
  }

  @Test func `a server that the authority vouches for is believed`() throws {
    let result = try handshake("a.test", trusting: authority)
    #expect(result.error == nil)
    #expect(result.chosen == "http/1.1")
  }

  @Test func `a server of another authority is refused with the reason`() throws {
    let error = try #require(try handshake("a.test", trusting: TestAuthority("Another")).error)
    #expect(error.contains("not accepted"))
    #expect(error.contains("certificate"))
  }

  @Test func `a server with another name is refused with the reason`() throws {
    let error = try #require(try handshake("b.test", trusting: authority).error)
    #expect(error.contains("hostname mismatch"))
  }

  @Test func `a numeric address is looked for among the addresses of the certificate`() throws {
    let error = try #require(try handshake("127.0.0.1", trusting: authority).error)
    #expect(error.contains("IP address mismatch"))
  }

  @Test func `a partial wildcard does not count`() throws {
    let names = ["a*.test.example"]
    let error = try handshake("ab.test.example", trusting: authority, servedNames: names).error
    #expect(error != nil)
  }

  @Test func `without verification every server is believed`() throws {
    let other = TestAuthority("Another")
    #expect(try handshake("b.test", trusting: other, verifies: false).error == nil)
  }

  @Test func `a missing authority file is an error with its path`() {
    #expect {
      _ = try ClientContext(ClientIdentity(authorityFile: "/nowhere/ca.pem"), protocols: [])
    } throws: { error in
      "\(error)".contains("/nowhere/ca.pem")
    }
  }

  @Test func `a key that does not fit its certificate is an error with both paths`() throws {
    let (one, another) = (authority.issue(["a"]), authority.issue(["b"]))
    let (certificate, key) = (try TextFile(one.chain), try TextFile(another.key))
    let identity = ClientIdentity(certificateFile: certificate.path, keyFile: key.path)
    #expect {
      _ = try ClientContext(identity, protocols: [])
    } throws: { error in
      "\(error)".contains(key.path)
    }
  }
}

/// Closes a descriptor when the test is over.
final class FileDescriptorOwner {
  private let descriptor: FileDescriptor
  init(_ raw: Int32) { descriptor = FileDescriptor(owning: raw) }
}

/// A temporary file with some text.
final class TextFile {
  let path: String

  init(_ text: String) throws {
    var template = Array("/tmp/edgeproxy-test.XXXXXX".utf8CString)
    let raw = unsafe mkstemp(&template)
    guard raw >= 0 else { throw SystemError("mkstemp") }
    let file = FileDescriptor(owning: raw)
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    try Descriptor.writeAll(file.raw, Array(text.utf8).span, at: 0)
  }

  deinit { unsafe unlink(path) }
}
