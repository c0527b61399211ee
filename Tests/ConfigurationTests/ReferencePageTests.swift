import EventLoop
import Testing

@testable import Configuration

@Suite("Examples in conf/")
struct ReferencePageTests {
  @Test func `the reference in conf is what the table of keys gives`() throws {
    let file = String(decoding: try ConfigurationFixture.file(Self.reference), as: UTF8.self)
    let lines = file.split(separator: "\n", omittingEmptySubsequences: false)
    let page = ReferencePage.text().split(separator: "\n", omittingEmptySubsequences: false)
    for (written, wanted) in zip(lines, page) {
      // Written again by: edgeproxy --print-reference > conf/edgeproxy.reference.yaml
      try #require(written == wanted)
    }
    #expect(lines.count == page.count)
  }

  @Test(arguments: Directives.all.map(\.path))
  func `every key is in the reference with its default`(_ path: String) throws {
    let row = Directives.row(path)
    let file = String(decoding: try ConfigurationFixture.file(Self.reference), as: UTF8.self)
    let key = row.key == "STATUS" ? "503" : row.key
    let start = "\(key):" + (row.defaultText.map { " \($0)" } ?? "")
    let lines = file.split(separator: "\n").map { line in
      line.drop { $0 == " " || $0 == "#" || $0 == "-" }
    }
    #expect(lines.contains { row.defaultText == nil ? $0.hasPrefix(start) : $0 == start })
    #expect(!row.help.isEmpty && !row.help.hasSuffix("."))
  }

  @Test func `the reference loads and says nothing but the defaults`() throws {
    let reference = try ConfigurationFixture.configuration(
      String(decoding: ConfigurationFixture.file(Self.reference), as: UTF8.self))
    let short = try ConfigurationFixture.configuration(
      """
      upstreams: { app: { nodes: ["unix:/run/uwsgi/app.sock", { address: "10.0.0.2:3031" }] } }
      routes: [{ host: "*.example.org", upstream: app }]
      """)
    #expect(reference == short)
  }

  @Test func `the minimal example loads`() throws {
    let minimal = try ConfigurationFixture.configuration(
      String(decoding: ConfigurationFixture.file("conf/edgeproxy.minimal.yaml"), as: UTF8.self))
    #expect(minimal.routes.map(\.hosts) == [["*.example.org"]])
    #expect(minimal.upstreams.map(\.nodes.count) == [1])
  }

  @Test func `the example of a site loads`() throws {
    let site = try ConfigurationFixture.configuration(
      String(decoding: ConfigurationFixture.file("conf/edgeproxy.site.yaml"), as: UTF8.self))
    #expect(site.routes.map { $0.local == nil } == [true, false, false, false])
  }

  private static let reference = "conf/edgeproxy.reference.yaml"
}
