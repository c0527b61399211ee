import EventLoop
import Glibc
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("The page of a directory")
struct DirectoryListingTests {
  private func page(_ names: [String], of path: String = "/") -> String {
    let entries = names.map { DirectoryEntry(name: Array($0.utf8), isDirectory: false) }
    return String(decoding: DirectoryListing.page(entries, of: Array(path.utf8)), as: UTF8.self)
  }

  @Test func `names are shown as they are and linked to with escapes`() {
    let page = page(["café.txt", "日本語.pdf", "a<b>.txt"], of: "/ü/")
    #expect(page.contains(#"<a href="./caf%C3%A9.txt">café.txt</a>"#))
    #expect(page.contains(">日本語.pdf</a>"))
    #expect(page.contains(">a&lt;b&gt;.txt</a>"))
    #expect(page.contains("<h1>/ü/</h1>"))
    #expect(page.contains(#"<meta charset="utf-8">"#))
  }

  @Test func `a page that does not show all names says so`() {
    let names = (0...DirectoryListing.entriesMax).map { "file\($0)" }
    let all = page(Array(names.dropLast()))
    #expect(all.split(separator: "<li>").count == DirectoryListing.entriesMax + 1)
    #expect(!all.contains("Not all of them are shown"))
    let cut = page(names)
    #expect(cut.split(separator: "<li>").count == DirectoryListing.entriesMax + 1)
    #expect(cut.contains("more than 10000 names. Not all of them are shown."))
  }

  @Test func `hidden names are not among those that are counted`() throws {
    let directory = try TemporaryDirectory()
    for name in [".a", ".b", "c", "d"] { try directory.write(name, "x") }
    let raw = unsafe open(directory.path, O_RDONLY | O_DIRECTORY)
    try #require(raw >= 0)
    defer { close(raw) }
    let entries = try FileTree.entries(of: raw, countMax: 2)
    #expect(Set(entries.map { text($0.name.span) }) == ["c", "d"])
  }
}
