import Configuration
import EventLoop
import Testing

@testable import EdgeProxy

@Suite("A kernel without a family of addresses")
struct FamilyCheckTests {
  /// What is said of the default `listen`.
  private func findings(knowing: SocketAddress.Family) -> [Diagnostic] {
    let findings = Findings(path: "e")
    let named = NamedThings()
    let source = ConfigurationSource(environment: [:]) {
      (_, _) throws(SystemError) in []
    }
    let text = "routes: [{ host: a.example.org, respond: {} }]\n"
    _ = ConfigurationLoader.read(
      Array(text.utf8), source: source, findings: findings, named: named)
    let before = findings.diagnostics.count
    FamilyCheck(named: named, findings: findings) { $0 == knowing }.run()
    return Array(findings.diagnostics.dropFirst(before))
  }

  @Test func `is a warning for each address of it, not an error`() {
    let found = findings(knowing: .ipv4)
    #expect(found.map(\.severity) == [.warning, .warning])
    #expect(found.first?.message.contains("no IPv6, so '[::]:443'") ?? false)
    #expect(found.last?.message.contains("no IPv6, so '[::]:80'") ?? false)
  }

  @Test func `may be one without IPv4`() {
    #expect(findings(knowing: .ipv6).allSatisfy { $0.message.contains("no IPv4") })
  }

  @Test func `this kernel has at least one of both`() {
    #expect(Socket.knows(.ipv4) || Socket.knows(.ipv6))
  }
}
