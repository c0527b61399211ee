import Testing

@testable import EdgeProxy

@Suite("What the admin socket takes as a command about names")
struct NamesCommandTests {
  private func command(_ path: String, _ query: String) -> NamesCommand? {
    NamesCommand(path: path, query: query)
  }

  @Test func `a server to forget has one name, which is decoded`() {
    #expect(command("/dns/forget", "node=edge-1") == .forget(node: "edge-1"))
    #expect(command("/dns/forget", "node=edge%2D1") == .forget(node: "edge-1"))
  }

  @Test(arguments: [
    "", "node=", "node", "node=a&node=b", "node=a%20b", "node=%zz", "name=a", "node=a&force=1",
  ])
  func `nothing is forgotten where it is not clear what`(_ query: String) {
    #expect(command("/dns/forget", query) == nil)
  }

  @Test func `checks are set, or only looked at`() {
    #expect(command("/dns/checks", "") == .checks(isDryRun: false))
    #expect(command("/dns/checks", "dry_run=0") == .checks(isDryRun: false))
    #expect(command("/dns/checks", "dry_run=1") == .checks(isDryRun: true))
  }

  @Test(arguments: [
    "dry_run=true", "dry_run=", "dry_run", "dry-run=1", "dry_run=1&dry_run=0", "dry_run=1&x=1",
  ])
  func `nothing is set at the provider where it may have been meant to be looked at`(
    _ query: String
  ) {
    #expect(command("/dns/checks", query) == nil)
  }

  @Test func `other paths are none`() { #expect(command("/dns/other", "node=a") == nil) }
}
