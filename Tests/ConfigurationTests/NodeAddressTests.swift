import Testing

@testable import Configuration

@Suite("Where nodes are")
struct NodeAddressTests {
  @Test(arguments: ["App.Internal:3031", "app.internal.:3031", "my_app:1", "localhost:65535"])
  func `a name with a port is a node`(text: String) throws {
    let configuration = try ConfigurationFixture.configuration(
      """
      upstreams: { app: { nodes: ["\(text)"] } }
      routes: [{ host: a.example, upstream: app }]
      """)
    let node = configuration.upstreams[0].nodes[0].address
    #expect(node.named?.description == text.lowercased().replacing(".:", with: ":"))
  }

  @Test(arguments: [
    ("everywhere: true, nodes: [\"localhost:1\"]", "found 'localhost:1'"),
    ("nodes: [\"unix:3031\"]", "the path must begin with '/'"),
  ])
  func `what no name can be is said`(upstream: String, expected: String) {
    #expect(lines(for: upstream).contains { $0.contains(expected) })
  }

  @Test(arguments: [
    ("nodes: [\"10.0.0.1:1\"], everywhere: true", "'everywhere' is for unix sockets"),
    (
      "protocol: https, tls: { name: a }, nodes: [\"127.0.0.1:1\"], everywhere: true",
      "does not go with 'protocol: https'"
    ),
  ])
  func `what cannot be everywhere is said`(upstream: String, expected: String) {
    #expect(lines(for: upstream).contains { $0.contains(expected) })
  }

  private func lines(for upstream: String) -> [String] {
    let file = """
      etcd: { endpoints: ["http://127.0.0.1:2379"] }
      listen: { peers: ["10.0.0.1:7443"] }
      upstreams: { app: { \(upstream) } }
      routes: [{ host: a.example, upstream: app }]
      """
    return ConfigurationFixture.read(Array(file.utf8)).lines
  }
}
