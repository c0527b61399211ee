import TestSupport
import Testing

@testable import EdgeProxy

/// Two applications behind one host, and an answer of the server's own.
@Suite("The target of a request, as it was received")
struct ReceivedTargetTests {
  private let nodes: [ScriptedNode]
  private let server: InProcessServer

  init() throws {
    nodes = try (0..<3).map { _ in try ScriptedNode(overTCP: false) }
    server = try InProcessServer(
      """
      upstreams:
        a: { protocol: http, nodes: ["\(nodes[0].address)"] }
        b: { protocol: http, nodes: ["\(nodes[1].address)"] }
        c: { nodes: ["\(nodes[2].address)"] }
      routes:
        - { host: a.test, upstream: a }
        - { host: a.test, path: /b, upstream: b }
        - { host: a.test, path: /own, respond: { status: 403 } }
        - { host: c.test, upstream: c }
      """)
  }

  /// What a node was asked for, or the status that the server answered with by itself.
  private func outcome(_ path: String, host: String = "a.test") throws -> String {
    let client = try server.connect()
    client.send("GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\r\n")
    try server.settle()
    for (node, name) in zip(nodes, "abc") {
      guard let call = try node.accept() else { continue }
      let target = text(call.heard().span).split(separator: " ").dropFirst().first ?? ""
      call.end()
      try server.settle()
      return "\(name) \(target)"
    }
    return String(text(client.read().span).split(separator: " ").dropFirst().first ?? "")
  }

  @Test(arguments: [
    "/x%2Fy", "/api/queues/%2F/orders", "/x/%2fy", "/x%2F%2fy", "/%2Fetc", "/x//y", "/x//", "/x/.",
    "/x/../y", "/x/%2e%2e/y", "/x/./y%2F", "/get/https%3A%2F%2Fexample.com%2F", "/x;v=1/y;", "//",
    "/http://example.com/a", "/x\\y", "/x%5Cy", "/%78", "/x?y=//../%2f",
  ])
  func `goes to an application where every reading of it has the same route`(path: String) throws {
    #expect(try outcome(path) == "a \(path)")
  }

  @Test(arguments: ["/b//x", "/b/%2Fx", "/b/x/../y", "/b/x%2F%2Fy", "/b/x;y", "/b/./x", "/b//"])
  func `goes to the application of a longer path too`(path: String) throws {
    #expect(try outcome(path) == "b \(path)")
  }

  @Test(arguments: [
    "//b", "/b/../x", "/x/../b", "/x/%2e%2e/b", "/./b", "/%2Fb", "/b%2Fx", "/b%2fx", "/x%2F..%2Fb",
    "/x/..%2fb", "/b;v/x", "/b%3bv/x", "/x/..;/b", "/x\\..\\b", "/%5Cb", "/x/../b//../y",
    "/b;x/..%3By/a", "//own%2Fx", "/own;/x", "/own%2F..%2Fx",
  ])
  func `is refused where some reading of it has another route`(path: String) throws {
    #expect(try outcome(path) == "400")
  }

  @Test(arguments: ["/own", "//own", "/x/../own", "/x/%2e%2e/own", "/./own/x", "/own//x"])
  func `is resolved for what the server answers by itself`(path: String) throws {
    #expect(try outcome(path) == "403")
  }

  @Test func `is in REQUEST_URI, and PATH_INFO is what it was routed by`() throws {
    let client = try server.connect()
    client.send("GET /x%2F/../y//z%20?q=//%2f HTTP/1.1\r\nHost: c.test\r\n\r\n")
    try server.settle()
    let call = try #require(try nodes[2].accept())
    let block = try #require(UWSGIBlock(call.heard()))
    let variables = block.variables.map(\.description)
    #expect(variables.contains("REQUEST_URI=/x%2F/../y//z%20?q=//%2f"))
    #expect(variables.contains("PATH_INFO=/y/z "))
  }
}
