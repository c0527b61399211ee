import EventLoop
import Testing

@testable import Configuration

@Suite("Keys that need a restart")
struct RestartNeedTests {
  private func configuration(_ more: String = "") throws -> Configuration {
    let text = "routes: [{ host: a.example.org, respond: {} }]\n" + more
    let source = ConfigurationSource(environment: [:]) { (_, _) throws(SystemError) in [] }
    return try #require(
      ConfigurationLoader.read(
        Array(text.utf8), source: source, findings: Findings(path: "edge.yaml")))
  }

  @Test func `they are named when their values are others, and then only`() throws {
    let running = try configuration("node: one\nstate: /var/lib/one\n")
    #expect(running.restartKeys(before: running).isEmpty)
    let next = try configuration("node: two\nstate: /var/lib/two\ntls: { minimum: \"1.3\" }\n")
    #expect(running.restartKeys(before: next) == Configuration.restartKeys)
    let kept = next.keeping(running)
    #expect(kept.node == "one" && kept.state == "/var/lib/one")
    #expect(kept.tls.minimum == .tls13)
  }

  @Test func `public addresses, the zone and the records are changed by a reload`() throws {
    let running = try configuration()
    let next = try configuration(
      """
      public: [203.0.113.1]
      dns: { zone: fleet.example.org, listen: ["10.0.0.1:53"] }
      records: { provider: exec, zone: example.org, names: [www], command: /h }

      """)
    #expect(running.restartKeys(before: next).isEmpty)
    let kept = next.keeping(running)
    #expect(kept.publicAddresses == next.publicAddresses && !kept.publicAddresses.isEmpty)
    #expect(kept.nameService == next.nameService && kept.nameService != nil)
    #expect(kept.records == next.records && kept.records != nil)
  }

  @Test func `the reference marks them, and no other`() {
    let lines = ReferencePage.text().split(separator: "\n")
    let marked = lines.indices.filter { lines[$0].hasSuffix(" A change needs a restart.") }
      .map { lines[$0 + 1].drop { "# ".contains($0) }.prefix { $0 != ":" } }
    #expect(marked.map(String.init) == Configuration.restartKeys)
  }
}
