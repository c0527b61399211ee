import HTTPCore
import TestSupport
import Testing

@testable import EdgeProxy

/// The pages are for somebody who has a word of ours before them and asks what to do.
@Suite("docs/troubleshooting.md and docs/measuring.md explain each word that the server says")
struct TroubleshootingTests {
  /// What stands between backticks on the pages.
  private let explained: Set<String>

  init() throws {
    var words: Set<String> = []
    for name in ["troubleshooting", "measuring"] {
      let page = try #require(RepositoryFiles.read("docs/\(name).md"))
      // Fenced blocks are no words, and three backticks would be counted as if they were.
      let text = String(decoding: page, as: UTF8.self).replacing(/```[^`]*```/, with: "")
      let parts = text.split(separator: "`", omittingEmptySubsequences: false)
      for (index, part) in parts.enumerated() where index % 2 == 1 { words.insert(String(part)) }
    }
    explained = words
  }

  /// Sources of the program in these folders, without their comments.
  private func sources(_ folders: String...) throws -> String {
    var text = ""
    for folder in folders {
      for path in RepositoryFiles.list("Sources/\(folder)") where path.hasSuffix(".swift") {
        let lines = String(decoding: try #require(RepositoryFiles.read(path)), as: UTF8.self)
          .split(separator: "\n").filter { !$0.drop { $0 == " " }.hasPrefix("//") }
        text += lines.joined(separator: "\n") + "\n"
      }
    }
    #expect(text.utf8.count > 1000)
    return text
  }

  private func expect(
    _ words: some Collection<String>, atLeast count: Int, _ kind: String,
    _ location: SourceLocation = #_sourceLocation
  ) {
    #expect(words.count >= count, "too few are found", sourceLocation: location)
    let missing = Set(words).subtracting(explained).sorted()
    #expect(missing == [], "\(kind)", sourceLocation: location)
  }

  @Test func `how a try at a node fails`() {
    expect(NodeFailure.allCases.map { "\($0.word)" }, atLeast: 15, "outcome")
    expect(ConnectFailure.allCases.map { "\($0.word)" }, atLeast: 9, "outcome")
    expect(TryOutcome.all.map { "\($0.word)" }, atLeast: 23, "outcome")
    let failures: [AttemptFailure] = [
      .couldNotSecure, .speaksNoTLS, .busy, .resetBeforeResponse(sentAnything: true),
      .closedBeforeResponse(sentAnything: true), .serverLost, .responseTimeout,
      .headIncomplete(timedOut: true), .headIncomplete(timedOut: false), .afterBytes,
      .malformedResponse, .wrongProtocol(.http), .retryableStatus(503),
    ]
    expect(failures.map { "\($0.word)" }, atLeast: 12, "outcome")
  }

  @Test func `what an error of the log says about a node`() {
    for failure in [
      NodeFailure.refused, .noSuchSocket, .permissionDenied, .connectTimeout, .unreachable, .tls,
      .wrongProtocol, .exhausted,
    ] { #expect(explained.contains(failure.sentence), "'\(failure.sentence)'") }
  }

  @Test func `why a message of HTTP is refused`() throws {
    // Its reasons are the texts of one file.
    let path = "Sources/HTTPCore/HTTPError.swift"
    let text = String(decoding: try #require(RepositoryFiles.read(path)), as: UTF8.self)
    expect(text.matches(of: /: "([a-z0-9-]+)"/).map { String($0.1) }, atLeast: 30, "reason")
  }

  @Test func `why a request gets no answer of an application`() throws {
    let text = try sources(
      "EdgeProxy/Exchange", "EdgeProxy/Tunnel", "EdgeProxy/Serving", "EdgeProxy/Files",
      "EdgeProxy/Upstream")
    // Reasons are words with hyphens, and nearly nothing else is.
    let words = text.matches(of: /"([a-z]+(?:-[a-z0-9]+)+)"/).map { String($0.1) }
    let others: Set = ["no-store", "no-cache"]
    expect(words.filter { !others.contains($0) }, atLeast: 50, "reason")
    let named = text.matches(of: /(?:reason|cause|outcome): "([a-z0-9-]+)"/).map { String($0.1) }
    expect(named, atLeast: 15, "reason")
    let given = text.matches(
      of: /(?:status\(\d+|noteTry\(attempt|note\(attempt|Sent\(facts|cut|giveUp|end)\W+"([a-z-]+)"/)
    expect(given.map { String($0.1) }, atLeast: 15, "reason")
  }

  @Test func `the fields of the access log`() throws {
    let text = try sources("EdgeProxy/Observability")
    let fields = text.matches(of: /[{,"]\\"([a-z_]+)\\":/).map { String($0.1) }
    expect(fields, atLeast: 20, "field")
  }

  @Test func `the columns of the status`() throws {
    let text = try sources("EdgeProxy/Admin")
    let lists = text.matches(of: /columns: \[([^\]]*)\]/).map { String($0.1) }
    let columns = lists.flatMap { $0.matches(of: /"([A-Z ]+)"/).map { String($0.1) } }
    expect(columns, atLeast: 20, "column")
    expect(["up", "failing", "down", "out", "trial", "unresolved"], atLeast: 6, "state")
  }

  @Test func `the metrics, and what they are counted by`() throws {
    let text = try sources(
      "EdgeProxy/Admin", "EdgeProxy/Control", "EdgeProxy/Discovery", "EdgeProxy/Issuance",
      "EdgeProxy/NameService", "EdgeProxy/Ports", "EdgeProxy/Records")
    let names = text.matches(
      of: /(?:gauge|counter|histogram)\(\s*(?:milliseconds: )?"([a-z0-9_]+)"/)
    expect(names.map { String($0.1) }, atLeast: 45, "metric")
    #expect(names.count == text.matches(of: /Metric\.(?:gauge|counter|histogram)\(/).count)
    // Nor is any told of that is not there.
    let page = String(
      decoding: try #require(RepositoryFiles.read("docs/measuring.md")), as: UTF8.self)
    let parts = page.split(separator: "\n## ")
    let table = try #require(parts.first { $0.hasPrefix("All metrics") })
    let first = table.matches(of: /\n\| (`[a-z0-9_`, ]+) \|/)
    let told = first.flatMap { $0.1.matches(of: /[a-z0-9_]+/).map { String($0.0) } }
    #expect(told.count > 60)
    #expect(Set(told).subtracting(names.map { String($0.1) }).sorted() == [])
    expect(WorkerCounters.Limit.allCases.map(\.name), atLeast: 6, "limit")
    expect(SubscriptionRefusal.allCases.map(\.rawValue), atLeast: 16, "refusal")
    expect(ZoneReply.Kind.allCases.map(\.word), atLeast: 6, "kind")
  }
}
