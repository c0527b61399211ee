import ArgumentParser
import Testing

@testable import Configuration
@testable import EdgeProxy

@Suite("Command line")
struct ArgumentsTests {
  @Test func `everything has a default`() throws {
    let arguments = try Arguments.parse([])
    #expect(arguments.file.config == "/etc/edgeproxy/edgeproxy.yaml")
    #expect(arguments.workers == nil)
    #expect(!arguments.checkConfig)
  }

  @Test func `options are taken`() throws {
    let arguments = try Arguments.parse(["--config", "e.yaml", "--workers", "3", "--check-config"])
    #expect(arguments.file.config == "e.yaml")
    #expect(arguments.workers == 3)
    #expect(arguments.checkConfig)
  }

  @Test(arguments: [
    ["--confg", "x"], ["--config"], ["--config", ""], ["--workers", "0"], ["--workers", "-1"],
    ["--workers", "many"], ["--workers", "1025"], ["serve"],
    ["--check-config", "file", "extra"], ["--as", "root"],
    ["--check-config", "--print-reference"], ["--live"], ["status", "extra"], ["drain", "--json"],
    ["reload", "--config", ""], ["status", "--workers", "2"],
    ["--check-config", "status"], ["--workers", "2", "drain"], ["reload", "--print-reference"],
  ])
  func `wrong usage exits with 64`(_ words: [String]) {
    let error = #expect(throws: (any Error).self) { try Arguments.parseAsRoot(words) }
    #expect(error.map { Arguments.exitCode(for: $0).rawValue } == 64)
  }

  @Test(arguments: [
    ["status", "--config", "e.yaml", "--json"], ["--config", "e.yaml", "status", "--json"],
  ])
  func `a command takes the configuration file on either side`(_ words: [String]) throws {
    let command = try #require(try Arguments.parseAsRoot(words) as? StatusCommand)
    #expect(command.file.config == "e.yaml")
    #expect(command.json)
  }

  private func limit(_ words: [String]) throws -> Duration {
    let put = ["cert", "put", "a.test", "--bundle", "a.pem"] + words
    return try #require(try Arguments.parseAsRoot(put) as? CertPutCommand).wait.span
  }

  @Test func `a certificate is put for a minute while etcd is away, or for as long as one says`()
    throws
  {
    #expect(try limit([]) == .seconds(60))
    #expect(try limit(["--wait", "1h"]) == .seconds(3600))
    #expect(try limit(["--wait", "0"]) == .zero)
    for wrong in ["-1s", "1", "1 h", "ever", "169h", "99999999999999999999h"] {
      #expect(throws: (any Error).self, "\(wrong)") { try limit(["--wait", wrong]) }
    }
  }

  @Test func `commands have the default file too`() throws {
    let command = try #require(try Arguments.parseAsRoot(["drain"]) as? DrainCommand)
    #expect(command.file.config == "/etc/edgeproxy/edgeproxy.yaml")
  }

  @Test func `names are looked at and asked for`() throws {
    let setup = try #require(
      try Arguments.parseAsRoot(["dns", "setup", "--resolver", "9.9.9.9", "--no-check", "--json"])
        as? DNSSetupCommand)
    #expect(setup.resolver.servers.map(\.description) == ["9.9.9.9:53"])
    #expect(setup.noCheck && setup.json)
    let query = try #require(
      try Arguments.parseAsRoot(["dns", "query", "all", "aaaa", "--server", "[2001:db8::1]:5353"])
        as? DNSQueryCommand)
    #expect(query.type == .ipv6 && query.server?.description == "[2001:db8::1]:5353")
    #expect(
      try #require(try Arguments.parseAsRoot(["dns", "forget", "edge-2"]) as? DNSForgetCommand).node
        == "edge-2")
    for wrong in [
      ["setup", "--resolver", "dns.test"], ["query"], ["query", "all", "MANY"],
      ["query", "all", "--server", "unix:/x"], ["forget"], ["forget", "a b"], ["checks", "x"],
    ] {
      #expect(throws: (any Error).self, "\(wrong)") { try Arguments.parseAsRoot(["dns"] + wrong) }
    }
    #expect(NodeArgument.encoded("edge-2_a.b~c&d=é/") == "edge-2_a.b~c%26d%3D%C3%A9%2F")
  }

  @Test func `orders of operators say what, why and for how long`() throws {
    let disable = try #require(
      try Arguments.parseAsRoot([
        "node", "disable", "edge2/unix:/run/a&b", "--reason", "disk swap", "--here",
      ]) as? NodeDisableCommand)
    #expect(
      disable.node.query + disable.reason.query + disable.scope.query
        == "address=edge2%2Funix%3A%2Frun%2Fa%26b&reason=disk%20swap&here=1")
    let pause = try #require(
      try Arguments.parseAsRoot(["maintenance", "pause", "*.a.test", "--for", "10m"])
        as? MaintenancePauseCommand)
    #expect(
      pause.site.query + pause.span.query + pause.reason.query + pause.scope.query
        == "host=%2A.a.test&for=600")
    for wrong in [
      ["node", "disable"], ["node", "enable", "a", "--reason", "x"], ["node", "drain", "a", "b"],
      ["node", "disable", "a", "--reason", "a\nb"], ["maintenance", "on"],
      ["maintenance", "on", "a", "--for", "10"], ["maintenance", "on", "a", "--for", "0s"],
      ["maintenance", "on", "a", "--for", "169h"], ["maintenance", "off", "a", "--for", "10m"],
    ] {
      #expect(throws: (any Error).self, "\(wrong)") { try Arguments.parseAsRoot(wrong) }
    }
  }

  @Test func `certificates are ordered by the names that the configuration gives them`() throws {
    let words = ["acme", "issue", "*.Example.org", "a.test.", "--staging", "--force"]
    let issue = try #require(try Arguments.parseAsRoot(words) as? AcmeIssueCommand)
    #expect(issue.names == ["*.example.org", "a.test"])
    #expect(issue.staging && issue.force && issue.patience.wait.span == .seconds(900))
    for reason in ["keyCompromise", "key-compromise", "KEYCOMPROMISE"] {
      let words = ["acme", "revoke", "a.test", "--reason", reason]
      let revoke = try #require(try Arguments.parseAsRoot(words) as? AcmeRevokeCommand)
      #expect(revoke.reason.number == 1)
    }
    for wrong in [
      ["issue"], ["issue", "a.test&force=1"], ["renew", "a b"], ["renew", "https://a.test"],
      ["revoke", "a.test"], ["revoke", "a.test", "--reason", "fun"], ["renew", "a.test", "b.test"],
    ] {
      #expect(throws: (any Error).self, "\(wrong)") { try Arguments.parseAsRoot(["acme"] + wrong) }
    }
  }

  @Test(arguments: [
    (0, 0, "ok\n"), (1, 0, "1 error\n"), (2, 0, "2 errors\n"), (0, 2, "ok\n"), (1, 3, "1 error\n"),
  ])
  func `the last line counts the errors`(_ errors: Int, _ warnings: Int, _ last: String) {
    let error = Diagnostic(path: "e", position: .start, severity: .error, message: "m")
    var warning = error
    warning.severity = .warning
    let diagnostics =
      [Diagnostic](repeating: error, count: errors)
      + [Diagnostic](repeating: warning, count: warnings)
    let lines =
      String(repeating: "e:1:1: m\n", count: errors)
      + String(repeating: "e:1:1: warning: m\n", count: warnings)
    #expect(Report.text(diagnostics) == lines + last)
  }
}
