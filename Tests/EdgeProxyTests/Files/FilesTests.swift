import Glibc
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Paths and types of files")
struct FilesTests {
  private func path(_ requested: String, below route: String) -> String? {
    RequestedFile.path(of: Array(requested.utf8), below: route).map {
      String(decoding: $0, as: UTF8.self)
    }
  }

  @Test(arguments: [
    ("/a/b.txt", "/", "a/b.txt"), ("/static/a", "/static/", "a"), ("/static/a", "/static", "a"),
    ("/static", "/static", "."), ("/static/", "/static", "."), ("/", "/", "."), ("/a/", "/", "a/"),
    ("/a..b/c.", "/", "a..b/c."), ("*", "/", "."),
    // What begins with a dot in the route itself was asked for by the operator.
    ("/.well-known/x", "/.well-known/", "x"),
    // RFC 8615.
    ("/.well-known/security.txt", "/", ".well-known/security.txt"),
    ("/.well-known", "/", ".well-known"),
    ("/.well-known/", "/", ".well-known/"),
  ])
  func `the path of the route is taken off`(requested: String, route: String, path: String) {
    #expect(self.path(requested, below: route) == path + "\0")
  }

  @Test(arguments: [
    "/.env", "/a/.git/config", "/a/..", "/...", "/a/.", "/a\0b", "/.well-known/.git/config",
    "/.well-known2", "/.well-know", "/a/.well-known/x", "/.well-known/.well-known/x",
  ])
  func `hidden names are no paths`(requested: String) {
    #expect(path(requested, below: "/") == nil)
  }

  @Test func `only a site's own root has well-known names`() {
    #expect(path("/static/.well-known/x", below: "/static") == nil)
    #expect(path("/static/.well-known/x", below: "/static/") == nil)
  }

  @Test(arguments: [
    ("a.html", "text/html; charset=utf-8"), ("a/b.JS", "text/javascript; charset=utf-8"),
    ("a.min.css", "text/css; charset=utf-8"), ("a.webmanifest", "application/manifest+json"),
    ("a.png", "image/png"), ("a", "application/octet-stream"),
    ("a.d/b", "application/octet-stream"),
    ("a.", "application/octet-stream"), ("a.nosuchthing", "application/octet-stream"),
    ("a.averyveryverylongending", "application/octet-stream"), ("js", "application/octet-stream"),
  ])
  func `types are known without a file of the system`(path: String, type: String) {
    let types = MediaTypes(Array(MediaTypes.builtIn.utf8))
    #expect(String(decoding: types.type(of: Array(path.utf8) + [0]), as: UTF8.self) == type)
  }

  @Test func `the file of the system is read again when it has changed, and else not`() throws {
    let directory = try TemporaryDirectory()
    let file = directory.path + "/mime.types"
    func type(_ types: MediaTypes) -> String {
      String(decoding: types.type(of: Array("f.x\0".utf8)), as: UTF8.self)
    }
    func write(_ text: String, at seconds: Int) throws {
      try directory.write("mime.types", text)
      var times = [timespec(tv_sec: seconds, tv_nsec: 0), timespec(tv_sec: seconds, tv_nsec: 0)]
      try #require(unsafe utimensat(AT_FDCWD, file, &times, 0) == 0)
    }
    let absent = MediaTypes.ofSystem(file: file)
    #expect(type(absent) == "application/octet-stream")
    try write("image/a x\n", at: 1000)
    let first = MediaTypes.ofSystem(previous: absent, file: file)
    #expect(type(first) == "image/a")
    // As long and as old: it is not opened.
    try write("image/b x\n", at: 1000)
    #expect(type(MediaTypes.ofSystem(previous: first, file: file)) == "image/a")
    try write("image/b x\n", at: 1001)
    #expect(type(MediaTypes.ofSystem(previous: first, file: file)) == "image/b")
    // What was never the system's is no such copy.
    #expect(type(MediaTypes.ofSystem(previous: MediaTypes.none, file: file)) == "image/b")
  }

  @Test func `the first mention of an ending counts, and comments do not`() {
    let types = MediaTypes(
      Array("# text/plain x\nimage/a\tx y # z\n\ntext/b x\nbad type\rname z\nimage/c\n".utf8))
    func type(_ name: String) -> String {
      String(decoding: types.type(of: Array(name.utf8) + [0]), as: UTF8.self)
    }
    #expect(type("f.x") == "image/a" && type("f.y") == "image/a")
    #expect(type("f.c") == "application/octet-stream")
  }
}
