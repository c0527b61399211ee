import EventLoop
import Glibc
import TestSupport
import Testing

@testable import EdgeProxy

/// A worker with one application at `a.test`, whose nodes do what the test says.
///
/// The nodes speak HTTP/1.1, or what `speaks` names. They are unix sockets, which hear of all at
/// once, or with `overTCP` sockets that can be reset, where what is expected is waited for.
final class ScriptedApplication {
  /// A request as a node has it.
  struct Asked {
    let node: Int
    let call: ScriptedNode.Call
    let text: String

    /// The target of its request line.
    var path: Substring { text.split(separator: " ").dropFirst().first ?? "" }
  }

  let server: InProcessServer
  let nodes: [ScriptedNode]
  private let overTCP: Bool

  /// A worker with so many nodes.
  ///
  /// `node` is what the configuration says of each, without its address; `upstream`, `route` and
  /// `more` are further keys of theirs and of the file.
  init(
    nodes count: Int = 1, node: String = "", upstream: String = "", route: String = "",
    more: String = "", spool: String = "/tmp", overTCP: Bool = false, speaks: String = "http"
  ) throws {
    self.overTCP = overTCP
    let nodes = try (0..<count).map { _ in try ScriptedNode(overTCP: overTCP) }
    let list = nodes.map { "{ address: \"\($0.address)\", \(node) }" }.joined(separator: ", ")
    server = try InProcessServer(
      """
      upstreams: { app: { protocol: \(speaks), nodes: [\(list)], \(upstream) } }
      routes: [{ host: a.test, upstream: app, \(route) }]
      \(more)
      """, spool: spool, logging: true)
    self.nodes = nodes
  }

  // MARK: Clients

  /// Sends a request of HTTP/1.1 of a new client's and settles.
  func ask(
    _ method: String = "GET", _ path: String = "/", _ fields: String = "", body: String? = nil
  ) throws -> WireClient {
    let client = try server.connect()
    try ask(client, method, path, fields, body: body)
    return client
  }

  /// The same of a client that is there.
  func ask(
    _ client: WireClient, _ method: String = "GET", _ path: String = "/", _ fields: String = "",
    body: String? = nil
  ) throws {
    let length = body.map { "Content-Length: \($0.utf8.count)\r\n" } ?? ""
    client.send("\(method) \(path) HTTP/1.1\r\nHost: a.test\r\n\(length)\(fields)\r\n\(body ?? "")")
    try server.settle()
  }

  // MARK: Nodes

  /// What has been asked of the nodes on connections that nobody has taken yet.
  func asked() throws -> [Asked] {
    var found: [Asked] = []
    for (index, node) in nodes.enumerated() {
      while let call = try node.accept() {
        var text = call.heard()
        // A connection over TCP may be there before its request.
        if overTCP {
          try server.settle {
            text += call.heard()
            return !text.isEmpty
          }
        }
        found.append(Asked(node: index, call: call, text: String(decoding: text, as: UTF8.self)))
      }
    }
    return found
  }

  /// The one request that has come to the nodes since the last look, or `nil`.
  ///
  /// Over TCP it is waited for.
  func asking(_ location: SourceLocation = #_sourceLocation) throws -> Asked? {
    var found = try asked()
    if overTCP, found.isEmpty {
      try server.settle(
        until: {
          found = try asked()
          return !found.isEmpty
        }, location)
    }
    #expect(found.count <= 1, "one request at a time", sourceLocation: location)
    return found.first
  }

  /// Has the nodes do the same with each request until the client has been answered.
  ///
  /// The clock moves by `step` when nothing else is to be done, `most` in all.
  func serve(
    _ client: WireClient, step: Duration = .milliseconds(10), most: Duration = .seconds(60),
    _ script: (Asked) throws -> Void
  ) throws -> ScriptedAnswer {
    let until = server.clock.now + most
    var text = client.hear()
    while server.clock.now < until {
      let found = try asked()
      for each in found { try script(each) }
      try server.settle()
      text += client.hear()
      if let answer = ScriptedAnswer(text), answer.isWhole || client.isEnded { return answer }
      if found.isEmpty { try server.advance(by: step) }
    }
    throw InProcessServer.NeverSettles()
  }
}

/// An answer of HTTP/1.1 as a client has it.
struct ScriptedAnswer {
  let status: Int
  let head: String
  let body: String

  /// `nil` until a head is there.
  init?(_ text: String) {
    guard let end = text.firstRange(of: "\r\n\r\n"), text.hasPrefix("HTTP/1.") else { return nil }
    head = String(text[..<end.upperBound])
    body = String(text[end.upperBound...])
    status = Int(text.dropFirst(9).prefix(3)) ?? 0
  }

  subscript(_ name: String) -> Substring? {
    head.split(separator: "\r\n").first { $0.hasPrefix(name + ": ") }?.dropFirst(name.count + 2)
  }

  /// As much has come as its length says.
  var isWhole: Bool { self["Content-Length"].flatMap { Int($0) } == body.utf8.count }
}

extension WireClient {
  /// What has come since the last look, as one answer.
  func answer() -> ScriptedAnswer? { ScriptedAnswer(hear()) }
}

extension ScriptedNode.Call {
  /// Answers and lets go, as a server does that keeps no connections.
  func answer(_ body: String = "ok", status: Int = 200, _ fields: String = "") {
    say("HTTP/1.1 \(status) X\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)")
    end()
  }
}
