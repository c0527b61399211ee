import EventLoop
import Glibc
import TestSupport
import Testing

@testable import Configuration

@Suite("What the configuration names, as the service sees it")
struct ServiceSightTests {
  private let directory: TemporaryDirectory
  private let now = CertificateFixture.notBefore + 60

  init() throws {
    directory = try TemporaryDirectory()
    directory.make("certificates")
    try directory.write(
      "certificates/app.pem", CertificateFixture.chain + "\n" + CertificateFixture.key + "\n")
  }

  /// The lines about a file as a service sees it whose unit has the given lines.
  private func found(
    _ text: String, unit lines: String, isInstalled: Bool = true
  ) throws -> [String] {
    try directory.write("edge.yaml", text)
    let view = ServiceView(
      unit: ServiceUnit(texts: ["[Service]\n\(lines)\n"]), isInstalled: isInstalled,
      userName: "edgeproxy", groupName: "edgeproxy", isStranger: false)
    let found = ConfigurationLoader.check(
      path: directory.path + "/edge.yaml", environment: [:], now: now, view: view)
    return found.map { String($0.description.replacing(directory.path, with: "DIR")) }
  }

  private func file(socket: String) -> String {
    """
    state: /var/lib/edgeproxy
    certificates: { directory: \(directory.path)/certificates }
    log: { access: off }
    listen: { admin: off }
    upstreams: { app: { nodes: ["unix:\(socket)"] } }
    routes: [{ host: app.example.org, upstream: app }]
    """
  }

  @Test func `a socket in the /tmp of others is named with the line that hides it`() throws {
    let lines = try found(
      file(socket: "/var/tmp/app.sock"),
      unit: "ProtectHome=true\nPrivateTmp=true\nStateDirectory=edgeproxy")
    #expect(
      lines == [
        "DIR/edge.yaml:2:28: the service does not see 'DIR/certificates': the service has a /tmp of"
          + " its own (PrivateTmp=true in its unit); put it elsewhere, such as below /etc/edgeproxy or"
          + " /srv",
        "DIR/edge.yaml:5:29: the service does not see '/var/tmp/app.sock': the service has a /tmp of"
          + " its own (PrivateTmp=true in its unit); put the socket below /run, such as"
          + " /run/uwsgi/app.sock",
      ])
  }

  @Test func `a link into a hidden place is followed`() throws {
    // SAFETY: both paths are C strings for the length of the call.
    try #require(unsafe symlink("/home/anna", directory.path + "/link") == 0)
    let lines = try found(
      file(socket: directory.path + "/link/app.sock"),
      unit: "ProtectHome=true\nStateDirectory=edgeproxy")
    #expect(lines.count == 1)
    #expect(lines.first?.contains("'DIR/link/app.sock': it is hidden (ProtectHome=true") == true)
  }

  @Test func `a unit that is not installed gives warnings, and the look goes on`() throws {
    let lines = try found(
      file(socket: "/var/tmp/app.sock"), unit: "PrivateTmp=true\nStateDirectory=edgeproxy",
      isInstalled: false)
    #expect(lines.allSatisfy { $0.contains(": warning: ") })
    #expect(lines.contains { $0.contains("no socket at '/var/tmp/app.sock' yet") })
    #expect(lines.contains { $0.contains("does not see '/var/tmp/app.sock'") })
  }

  @Test func `a log that the unit makes read-only is an error that says how to open it`() throws {
    let text = file(socket: "@app").replacing(
      "access: off", with: "access: /srv/log/access.log")
    let lines = try found(text, unit: "ProtectSystem=strict\nStateDirectory=edgeproxy")
    #expect(
      lines == [
        "DIR/edge.yaml:3:16: the service cannot write '/srv/log/access.log' (ProtectSystem=strict in"
          + " its unit): systemctl edit edgeproxy, and ReadWritePaths=/srv/log"
      ])
  }

  @Test func `a port below 1024 needs the capability in the unit`() throws {
    let text = file(socket: "@app").replacing(
      "{ admin: off }", with: "{ admin: off, https: [\"0.0.0.0:443\"], http: [] }")
    let lines = try found(text, unit: "User=web\nStateDirectory=edgeproxy")
    #expect(lines.count == 1)
    #expect(lines.first?.contains(":4:31: user 'web' cannot listen on '0.0.0.0:443'") == true)
    let other = try found(
      text, unit: "User=web\nStateDirectory=edgeproxy\nAmbientCapabilities=CAP_NET_BIND_SERVICE")
    #expect(other == [])
  }

  @Test func `a file of etcd that is missing is reported where it is named`() throws {
    let text = """
      etcd:
        endpoints: ["https://10.0.0.1:2379"]
        ca: /nonexistent/ca.pem
        certificate: /nonexistent/node.pem
        key: /nonexistent/node.key
        encryption_keys: /nonexistent/encryption.keys
      \(file(socket: "@app"))
      """
    let gone = "cannot be read: No such file or directory"
    #expect(
      try found(text, unit: "StateDirectory=edgeproxy") == [
        "DIR/edge.yaml:3:7: '/nonexistent/ca.pem' \(gone)",
        "DIR/edge.yaml:4:16: '/nonexistent/node.pem' \(gone)",
        "DIR/edge.yaml:5:8: '/nonexistent/node.key' \(gone)",
        "DIR/edge.yaml:6:20: '/nonexistent/encryption.keys' \(gone)",
      ])
  }

  @Test func `a file of etcd that is no certificate is reported where it is named`() throws {
    try directory.write("ca.pem", CertificateFixture.chain)
    try directory.write("node.pem", "nothing")
    try directory.write("node.key", CertificateFixture.key)
    let text = """
      etcd:
        endpoints: ["https://10.0.0.1:2379"]
        ca: \(directory.path)/ca.pem
        certificate: \(directory.path)/node.pem
        key: \(directory.path)/node.key
      \(file(socket: "@app"))
      """
    let lines = try found(text, unit: "StateDirectory=edgeproxy")
    #expect(lines.count == 1)
    #expect(
      lines.first?.hasPrefix("DIR/edge.yaml:4:16: 'DIR/node.pem' is no usable certificate") == true)
  }
}
