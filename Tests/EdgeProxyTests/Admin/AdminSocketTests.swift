import EventLoop
import Glibc
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("The socket of the administration")
struct AdminSocketTests {
  private let directory: TemporaryDirectory
  private let path: String
  private let address: SocketAddress

  init() throws {
    directory = try TemporaryDirectory()
    path = directory.path + "/admin.sock"
    address = try #require(SocketAddress("unix:" + path))
  }

  private func mode(_ path: String) -> mode_t? {
    var facts = stat()
    return unsafe lstat(path, &facts) == 0 ? facts.st_mode & 0o7777 : nil
  }

  private func open(_ address: SocketAddress) throws(SystemError) -> AdminSocket {
    try AdminSocket(address)
  }

  /// What opening the socket fails with; nil when it does not.
  private func failure(_ address: SocketAddress) -> Int32? {
    do throws(SystemError) {
      _ = try AdminSocket(address)
      return nil
    } catch {
      return error.code
    }
  }

  @Test func `its owner and group may connect, and its file goes with it`() throws {
    do {
      let socket = try open(address)
      #expect(mode(path) == 0o660)
      _ = try Socket.connect(address)
      _ = consume socket
    }
    #expect(mode(path) == nil)
  }

  @Test func `a missing directory is made, but not the one above it`() throws {
    let inner = directory.path + "/run/admin.sock"
    let socket = try open(try #require(SocketAddress("unix:" + inner)))
    #expect(mode(directory.path + "/run").map { $0 & 0o027 } == 0)
    _ = consume socket
    let deep = try #require(SocketAddress("unix:\(directory.path)/a/b/admin.sock"))
    #expect(failure(deep) == ENOENT)
  }

  @Test func `what a dead process left behind is replaced`() throws {
    do { _ = try Socket.listen(address, reusePort: false) }
    #expect(mode(path) != nil)
    let socket = try open(address)
    #expect(mode(path) == 0o660)
    _ = consume socket
  }

  @Test func `a living one is not stolen`() throws {
    let socket = try open(address)
    #expect(failure(address) == EADDRINUSE)
    _ = try Socket.connect(address)
    _ = consume socket
  }

  @Test func `something else than a socket is left alone`() throws {
    try directory.write("admin.sock", "precious")
    #expect(failure(address) == EADDRINUSE)
    #expect(mode(path) == 0o600)
  }

  @Test func `a link to a dead socket is left alone`() throws {
    let other = try #require(SocketAddress("unix:\(directory.path)/other.sock"))
    do { _ = try Socket.listen(other, reusePort: false) }
    #expect(unsafe symlink(directory.path + "/other.sock", path) == 0)
    #expect(failure(address) == EADDRINUSE)
    #expect(mode(directory.path + "/other.sock") != nil)
  }

  @Test func `another's file in its place is not taken away`() throws {
    let socket = try open(address)
    #expect(unsafe unlink(path) == 0)
    let successor = try open(address)
    _ = consume socket
    _ = try Socket.connect(address)
    _ = consume successor
    #expect(mode(path) == nil)
  }
}
