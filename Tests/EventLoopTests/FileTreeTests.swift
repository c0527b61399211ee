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
    _ = unsafe symlink(path + "/d", path + "/whole")
    _ = unsafe symlink(path + "/d/../a", path + "/d/round")
    _ = unsafe symlink(path + "/whole/b", path + "/twice")
    _ = unsafe symlink(path, path + "/d/root")
    _ = unsafe symlink(path + "-other", path + "/beside")
    _ = unsafe symlink(path + "/d/up", path + "/away")
    _ = unsafe symlink(path + "/none", path + "/dangling")
    _ = unsafe symlink("/proc/self/root" + path + "/a", path + "/magic")
    _ = unsafe mkdir(path + "-other", 0o700)
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

  @Test func `links that are absolute paths are followed to what is below`() {
    for (path, expected) in [
      ("whole", FileFacts.Kind.directory), ("whole/", .directory), ("whole/b", .file),
      ("d/round", .file), ("twice", .file), ("d/root", .directory), ("d/root/d/b", .file),
    ] {
      #expect(kind(path, byComponents: false) == expected, "\(path)")
      #expect(kind(path, byComponents: true) == nil, "\(path)")
    }
    for path in [
      "beside", "away", "away/passwd", "dangling", "magic", "whole/none", "whole/b/",
    ] {
      #expect(kind(path, byComponents: false) == nil, "\(path)")
    }
  }
}
