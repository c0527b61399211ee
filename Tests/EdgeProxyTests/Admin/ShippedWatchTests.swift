import TestSupport
import Testing

@testable import EdgeProxy

/// What is shipped to watch servers with names metrics, which may be renamed or go.
@Suite("conf/grafana and conf/alerts.yml name metrics that exist")
struct ShippedWatchTests {
  /// The names of all metrics, as the sources make them.
  private func metrics() throws -> Set<String> {
    var names: Set<String> = ["edgeproxy_serving", "edgeproxy_warnings"]
    let folders = [
      "Admin", "Control", "Discovery", "Issuance", "NameService", "Ports", "Records",
    ]
    let files = folders.flatMap { RepositoryFiles.list("Sources/EdgeProxy/\($0)") }
    for path in files where path.hasSuffix(".swift") {
      let text = String(decoding: try #require(RepositoryFiles.read(path)), as: UTF8.self)
      let made = text.matches(
        of: /Metric\.(gauge|counter|histogram)\(\s*(?:milliseconds: )?"([a-z0-9_]+)"/)
      for match in made {
        let parts = match.1 == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
        for part in parts { names.insert("edgeproxy_\(match.2)\(part)") }
      }
    }
    #expect(names.count > 60)
    return names
  }

  private func named(in path: String) throws -> Set<String> {
    let text = String(decoding: try #require(RepositoryFiles.read(path)), as: UTF8.self)
    // A uid and the job have the program's name too.
    return Set(text.matches(of: /edgeproxy_[a-z0-9_]+/).map { String($0.0) })
  }

  @Test(arguments: ["conf/grafana/edgeproxy.json", "conf/alerts.yml"])
  func `every metric that is asked for exists`(path: String) throws {
    let named = try named(in: path)
    #expect(named.count > 20)
    #expect(named.subtracting(try metrics()).sorted() == [])
  }
}
