import EventLoop
import Glibc
import TestSupport
import Testing

@testable import Configuration

@Suite("What the configuration names")
struct NamedThingsTests {
  private let directory: TemporaryDirectory
  private let now = CertificateFixture.notBefore + 60

  init() throws {
    directory = try TemporaryDirectory()
    for folder in ["state", "certificates", "log"] { directory.make(folder) }
    try directory.write(
      "certificates/app.pem", CertificateFixture.chain + "\n" + CertificateFixture.key + "\n")
  }

  /// What is found in a file that names the directories above and has `rest` from line 4 on.
  private func found(_ rest: String, now: Int64? = nil) throws -> [String] {
    try directory.write(
      "edge.yaml",
      """
      state: \(directory.path)/state
      certificates: { directory: \(directory.path)/certificates }
      log: { access: \(directory.path)/log/access.log }
      \(rest)
      """)
    let path = directory.path + "/edge.yaml"
    let found = ConfigurationLoader.check(path: path, environment: [:], now: now ?? self.now)
    // Shorter, and the same each time.
    return found.map { String($0.description.replacing(directory.path, with: "DIR")) }
  }

  private static let upstreams = #"upstreams: { app: { nodes: ["10.0.0.1:80"] } }"#
  private static let good = """
    \(upstreams)
    routes: [{ host: app.example.org, upstream: app }, { host: "*.example.net", upstream: app }]
    """

  @Test func `nothing is said where everything is there`() throws {
    #expect(try found(Self.good) == [])
  }

  @Test func `a routed host that no certificate covers is an error, once`() throws {
    let rest = """
      \(Self.upstreams)
      routes:
        - { host: www.example.org, upstream: app }
        - { host: www.example.org, upstream: app, path: /x/ }
        - { host: "*.example.org", upstream: app }
        - { host: a.b.example.net, upstream: app }
        - { host: a.example.net, upstream: app }
      """
    #expect(
      try found(rest) == [
        "DIR/edge.yaml:6:13: no certificate covers 'www.example.org'",
        "DIR/edge.yaml:8:13: no certificate covers '*.example.org'",
        "DIR/edge.yaml:9:13: no certificate covers 'a.b.example.net'",
      ])
  }

  /// The mode of a file or folder, as `chmod` takes it.
  private func change(_ name: String, to mode: UInt32) throws {
    try #require(unsafe chmod(directory.path + "/" + name, mode) == 0)
  }

  @Test func `a private key that every user can open is a warning that says what to do`() throws {
    directory.make("certificates/two")
    try directory.write("certificates/two/fullchain.pem", CertificateFixture.chain)
    try directory.write("certificates/two/privkey.pem", CertificateFixture.key)
    for folder in [".", "certificates", "certificates/two"] { try change(folder, to: 0o755) }
    #expect(try found(Self.good) == [])
    try change("certificates/two/privkey.pem", to: 0o644)
    try change("certificates/two/fullchain.pem", to: 0o644)
    let warning =
      "DIR/edge.yaml:2:28: warning: 'DIR/certificates/two/privkey.pem' holds a private key, and its"
      + " mode 0644 lets every user of this machine at it: chmod 0600, or 0640 with chown"
      + " root:edgeproxy"
    #expect(try found(Self.good) == [warning])
    // Its group may read it.
    try change("certificates/two/privkey.pem", to: 0o640)
    #expect(try found(Self.good) == [])
    // A bundle has the key, too.
    try change("certificates/app.pem", to: 0o606)
    #expect(try found(Self.good).count == 1)
    // Nobody else gets there.
    try change("certificates", to: 0o700)
    #expect(try found(Self.good) == [])
  }

  @Test func `a key that does not fit is an error that names the file`() throws {
    directory.make("certificates/bad")
    try directory.write("certificates/bad/fullchain.pem", CertificateFixture.chain)
    try directory.write("certificates/bad/privkey.pem", CertificateFixture.otherKey)
    #expect(
      try found(Self.good) == [
        "DIR/edge.yaml:2:28: 'DIR/certificates/bad/fullchain.pem' is refused:"
          + " the private key does not fit the certificate"
      ])
  }

  @Test func `an expired certificate is an error`() throws {
    let lines = try found(Self.good, now: CertificateFixture.notAfter + 1)
    #expect(
      lines.first?.hasPrefix(
        "DIR/edge.yaml:2:28: 'DIR/certificates/app.pem' is refused: the certificate expired at")
        == true)
    #expect(
      lines.dropFirst() == [
        "DIR/edge.yaml:2:28: no usable certificate in 'DIR/certificates': https stays closed"
      ])
  }

  @Test func `a certificate that ends soon is a warning`() throws {
    #expect(
      try found(Self.good, now: CertificateFixture.notAfter - 3 * 86_400) == [
        "DIR/edge.yaml:2:28: warning: 'DIR/certificates/app.pem' expires in 3 days"
      ])
  }

  @Test func `a certificate that some clients refuse is a warning that says why`() throws {
    try directory.write(
      "certificates/app.pem", CertificateFixture.selfSigned + "\n" + CertificateFixture.key + "\n")
    #expect(
      try found(Self.good) == [
        "DIR/edge.yaml:2:28: warning: 'DIR/certificates/app.pem': the certificate is signed by itself;"
          + " only clients that were given it accept it"
      ])
  }

  @Test func `a default that no certificate covers is an error`() throws {
    let path = directory.path + "/default.yaml"
    try directory.write(
      "default.yaml",
      """
      state: \(directory.path)/state
      certificates:
        directory: \(directory.path)/certificates
        default: www.example.org
      log: { access: off }
      \(Self.good)
      """)
    let found = ConfigurationLoader.check(path: path, environment: [:], now: now)
    #expect(
      found.map(\.description) == ["\(path):4:12: no certificate covers 'www.example.org'"])
  }

  @Test func `a socket that is not there is a warning, since the application brings it`() throws {
    try directory.write("file", "")
    let rest = """
      upstreams:
        app: { nodes: ["unix:\(directory.path)/app.sock", "unix:@app", "unix:\(directory.path)/file"] }
      routes: [{ host: app.example.org, upstream: app }]
      """
    let other = 18 + "unix:\(directory.path)/app.sock".utf8.count + 4 + 11 + 2
    #expect(
      try found(rest) == [
        "DIR/edge.yaml:5:18: warning: no socket at 'DIR/app.sock' yet: No such file or directory",
        "DIR/edge.yaml:5:\(other): warning: 'DIR/file' is not a socket",
      ])
  }

  @Test func `missing directories are errors where nothing of ours makes them`() throws {
    let path = directory.path + "/missing.yaml"
    try directory.write(
      "missing.yaml",
      """
      state: /nonexistent/state
      certificates: { directory: /nonexistent/certificates }
      acme_challenges: \(path)
      log: { access: /nonexistent/log/access.log }
      \(Self.good)
      """)
    let found = ConfigurationLoader.check(path: path, environment: [:], now: now)
    let gone = "cannot be used: No such file or directory"
    #expect(
      found.map(\.description) == [
        "\(path):1:8: warning: directory '/nonexistent/state' \(gone)",
        "\(path):2:28: directory '/nonexistent/certificates' \(gone)",
        "\(path):3:18: '\(path)' is not a directory",
        "\(path):4:16: warning: directory '/nonexistent/log/' \(gone)",
      ])
  }

  @Test func `what is named is looked at although the file has mistakes`() throws {
    #expect(
      try found(Self.good + "\nnod: x", now: CertificateFixture.notAfter - 86_400) == [
        "DIR/edge.yaml:2:28: warning: 'DIR/certificates/app.pem' expires in 1 day",
        "DIR/edge.yaml:6:1: unknown key 'nod'; did you mean 'node'?",
      ])
  }

  @Test(arguments: [
    ("/nonexistent/edge.yaml", "cannot be read: No such file or directory"),
    ("/", "cannot be read: Is a directory"),
    ("/dev/zero", "the file is larger than 1MiB"),
    ("/dev/null", "nothing is configured here; 'upstreams' and 'routes' are required"),
  ])
  func `a file that cannot be read is one error`(_ path: String, _ message: String) {
    let found = ConfigurationLoader.check(path: path, environment: [:], now: now)
    #expect(found.map(\.description) == ["\(path):1:1: \(message)"])
    let loaded = ConfigurationLoader.load(path: path, environment: [:])
    #expect(loaded.configuration == nil)
    #expect(loaded.diagnostics == found)
  }
}
