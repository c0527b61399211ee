import EventLoop
import Glibc
import TestSupport
import Testing

@Suite("Files below a directory")
struct FileTreeTests {
  private let root: [UInt8]

  init() throws {
    var template = Array("/tmp/edgeproxy-tree-XXXXXX".utf8CString)
    try #require(unsafe mkdtemp(&template) != nil)
    let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    root = Array(path.utf8) + [0]
    _ = unsafe mkdir(path + "/d", 0o700)
    for name in ["/a", "/d/b"] {
      let raw = unsafe open(path + name, O_WRONLY | O_CREAT, 0o600)
      #expect(raw >= 0)
      close(raw)
    }
    _ = unsafe symlink("a", path + "/inside")
    _ = unsafe symlink("/etc/passwd", path + "/outside")
    _ = unsafe symlink("../../etc", path + "/d/up")
  }

  private func kind(_ path: String, byComponents: Bool) -> FileFacts.Kind? {
    let bytes = Array(path.utf8) + [0]
    do throws(SystemError) {
      let file =
        byComponents
        ? try FileTree.openByComponents(directory: root, path: bytes)
        : try FileTree.open(directory: root, path: bytes)
      return try FileTree.facts(of: file.raw).kind
    } catch {
      return nil
    }
  }

  @Test(arguments: [false, true])
  func `what is below is opened, and what is not is not`(byComponents: Bool) {
    for (path, expected) in [
      ("a", FileFacts.Kind.file), ("d/b", .file), ("d", .directory), ("d/", .directory),
      (".", .directory),
    ] {
      #expect(kind(path, byComponents: byComponents) == expected, "\(path)")
    }
    for path in ["outside", "d/up", "d/up/passwd", "../etc", "d/../../etc", "a/", "a/b", "none"] {
      #expect(kind(path, byComponents: byComponents) == nil, "\(path)")
    }
  }

  @Test func `links that stay below are followed where the kernel can tell`() {
    #expect(kind("inside", byComponents: true) == nil)
    #expect(kind("inside", byComponents: false) == .file)
  }
}
