import Testing

@testable import Configuration

@Suite("How nodes are connected to, in the configuration")
struct NodeLinkTests {
  private func read(
    _ settings: String, files: [String: [UInt8]] = [:]
  ) -> (upstream: UpstreamSettings?, lines: [String]) {
    let text = """
      routes: [{ host: a.org, upstream: a }]
      upstreams:
        a:
          \(settings.replacing("\n", with: "\n    "))
      """
    let read = ConfigurationFixture.read(Array(text.utf8), files: files)
    return (read.configuration?.upstreams[0], read.lines)
  }

  @Test func `connections over HTTP are kept unless one says otherwise`() throws {
    let nodes = #"nodes: ["10.0.0.1:80"]"#
    let plain = read("protocol: http\n" + nodes)
    #expect(plain.lines == [] && plain.upstream?.nodeProtocol == .http)
    #expect(
      plain.upstream?.keepAlive == KeepAliveSettings(connections: 32, idle: .seconds(60)))
    #expect(plain.upstream?.tls == nil && plain.upstream?.tunnelTimeout == .seconds(3600))
    let few = read("protocol: http\nkeep_alive: { connections: 3, idle: 5s }\n" + nodes)
    #expect(few.upstream?.keepAlive == KeepAliveSettings(connections: 3, idle: .seconds(5)))
    let none = read("protocol: http\nkeep_alive: { connections: 0 }\n" + nodes)
    #expect(none.upstream?.keepAlive == .off)
    #expect(read(nodes).upstream?.keepAlive == .off)
  }

  @Test func `a uwsgi connection serves one request and cannot be kept`() {
    #expect(
      read("keep_alive: { connections: 8 }\nnodes: [\"10.0.0.1:80\"]").lines == [
        "edge.yaml:4:17: 'keep_alive' in upstreams.a needs protocol http or https, found uwsgi"
      ])
  }

  @Test func `nodes over https are verified by their address and the system's authorities`() {
    let (upstream, lines) = read("protocol: https\nnodes: [\"10.0.0.1:443\"]")
    #expect(lines == [])
    #expect(
      upstream?.tls
        == NodeTLSSettings(authorityFile: nil, authorityBytes: [], name: nil, verifies: true))
  }

  @Test func `a file of authorities is part of the settings, so that a new one is noticed`() {
    let settings = """
      protocol: https
      nodes: ["unix:/run/a.sock"]
      tls: { ca: /ca.pem, name: App.Internal }
      """
    let old = read(settings, files: ["/ca.pem": [1]])
    let new = read(settings, files: ["/ca.pem": [2]])
    #expect(old.lines == [] && old.upstream?.tls?.name == "app.internal")
    #expect(old.upstream?.tls?.authorityFile == "/ca.pem" && old.upstream != new.upstream)
    let missing = read(settings)
    #expect(
      missing.lines == ["edge.yaml:6:16: '/ca.pem' cannot be read: No such file or directory"])
  }

  @Test func `a unix socket has no address that a certificate could bear`() {
    let nodes = "protocol: https\nnodes: [\"unix:/run/a.sock\"]"
    #expect(
      read(nodes).lines == [
        "edge.yaml:4:5: upstreams.a has a unix socket, so 'tls.name' must say what its certificate "
          + "bears"
      ])
    #expect(read(nodes + "\ntls: { verify: false }").lines == [])
  }

  @Test func `a name that no certificate can bear is refused`() {
    let nodes = "protocol: https\nnodes: [\"10.0.0.1:443\"]\n"
    #expect(read(nodes + "tls: { name: 10.0.0.9 }").lines == [])
    let wrong = read(nodes + "tls: { name: \"*.internal\" }")
    #expect(wrong.lines.count == 1 && wrong.lines[0].hasPrefix("edge.yaml:6:18: 'name' must be"))
  }

  @Test func `settings of another protocol are pointed out`() {
    let (upstream, lines) = read(
      "protocol: http\nnodes: [\"10.0.0.1:80\"]\nmodifier1: 5\nbuffer_size: 8KiB")
    #expect(upstream != nil)
    let rest = "in upstreams.a is for uwsgi; this upstream speaks http"
    #expect(
      lines == [
        "edge.yaml:6:16: warning: 'modifier1' \(rest)",
        "edge.yaml:7:18: warning: 'buffer_size' \(rest)",
      ])
  }
}
