import EventLoop
import Glibc
import TestSupport
import Testing

@testable import Configuration

@Suite("Files that acme names")
struct AcmeFilesTests {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
    for folder in ["state", "certificates"] { directory.make(folder) }
  }

  /// What is found in a file whose `acme` is on line 5, with `rest` in it: each with its line.
  private func found(
    _ rest: String, names: String = "[app.example.org]",
    certificates: String? = nil, hosts: [String] = ["app.example.org"]
  ) throws -> [String] {
    let path = directory.path + "/edge.yaml"
    let routes = hosts.map { "{ host: \($0), upstream: app }" }.joined(separator: ", ")
    let folder = certificates ?? "certificates: { directory: \(directory.path)/certificates }"
    try directory.write(
      "edge.yaml",
      """
      state: \(directory.path)/state
      \(folder)
      log: { access: off }
      listen: { admin: off }
      acme: { terms_accepted: true, \(rest)certificates: [{ names: \(names) }] }
      upstreams: { app: { nodes: ["10.0.0.1:80"] } }
      routes: [\(routes)]
      """)
    let found = ConfigurationLoader.check(
      path: path, environment: [:], now: CertificateFixture.notBefore + 60)
    return found.map { each in
      let mark = each.severity == .warning ? " warning:" : ""
      return "\(each.position.line):\(mark) \(each.message.replacing(directory.path, with: "DIR"))"
    }
  }

  private func change(_ name: String, to mode: UInt32) throws {
    // SAFETY: the path is a C string for the length of the call.
    try #require(unsafe chmod(directory.path + "/" + name, mode) == 0)
  }

  // MARK: Certificates that are to come

  @Test func `an empty directory of certificates is no error where they are ordered`() throws {
    #expect(try found("") == [])
  }

  @Test func `a host that is neither covered nor ordered for is an error that says what to do`()
    throws
  {
    #expect(
      try found("", hosts: ["app.example.org", "www.example.org"]) == [
        "7: no certificate covers 'www.example.org'; 'acme.certificates' can have it"
      ])
    #expect(try found("hosts: routed, ", hosts: ["app.example.org", "www.example.org"]) == [])
  }

  @Test func `a directory that the file names has to be there`() throws {
    let missing = "certificates: { directory: \(directory.path)/nowhere }"
    #expect(
      try found("", certificates: missing) == [
        "2: directory 'DIR/nowhere' cannot be used: No such file or directory"
      ])
  }

  @Test func `a certificate that is there and one that is ordered cover hosts together`() throws {
    try directory.write(
      "certificates/app.pem", CertificateFixture.chain + "\n" + CertificateFixture.key + "\n")
    #expect(
      try found("", names: "[www.example.org]", hosts: ["app.example.org", "www.example.org"]) == []
    )
  }

  @Test func `the first certificate cannot come to a port that opens with it`() throws {
    let alpn = "[app.example.org], challenge: tls-alpn"
    #expect(
      try found("", names: alpn) == [
        "5: warning: https is closed until there is a certificate, so the first one cannot"
          + " come by challenge tls-alpn"
      ])
    try directory.write(
      "certificates/app.pem", CertificateFixture.chain + "\n" + CertificateFixture.key + "\n")
    #expect(try found("", names: alpn) == [])
  }

  // MARK: Secrets

  private var zerossl: String {
    "contact: a@example.org, issuers: [{ directory: zerossl, external_account: { id: k, key_file:"
      + " \(directory.path)/eab.key } }], "
  }

  @Test func `the key of an external account has to be there, be a key, and be secret`() throws {
    #expect(
      try found(zerossl) == [
        "5: 'DIR/eab.key' cannot be read: No such file or directory"
      ])
    try directory.write(
      "eab.key", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W\n")
    try change("eab.key", to: 0o600)
    #expect(try found(zerossl) == [])
    try directory.write("eab.key", "id: kid-1, key: zWNDZM6eQGHWpSRT\n")
    try change("eab.key", to: 0o600)
    #expect(
      try found(zerossl) == [
        "5: 'DIR/eab.key' holds no key in base64url, as the issuer's website shows it"
      ])
    try directory.write("eab.key", "\n")
    try change("eab.key", to: 0o600)
    #expect(try found(zerossl) == ["5: 'DIR/eab.key' is empty"])
    try directory.write("eab.key", String(repeating: "a", count: 5000))
    try change("eab.key", to: 0o600)
    #expect(try found(zerossl) == ["5: 'DIR/eab.key' is larger than 4KiB"])
  }

  @Test func `a secret that every user can open is a warning that says what to do`() throws {
    try directory.write("eab.key", "zWNDZM6eQGHWpSRTPal5eIUYFTu7Eajg\n")
    try change(".", to: 0o755)
    try change("eab.key", to: 0o644)
    #expect(
      try found(zerossl) == [
        "5: warning: 'DIR/eab.key' holds a secret, and its mode 0644 lets every user of"
          + " this machine at it: chmod 0600, or 0640 with chown root:edgeproxy"
      ])
  }

  @Test func `the key for updates of DNS has to be the one that is named, and secret`() throws {
    let update =
      "dns: { update: { server: \"192.0.2.1:53\", zone: example.org, key_name: edge, key_file:"
      + " \(directory.path)/tsig.key } }, "
    let names = "[\"*.example.org\"]"
    func lines(_ text: String, mode: UInt32 = 0o640) throws -> [String] {
      try directory.write("tsig.key", text)
      try change("tsig.key", to: mode)
      return try found(update, names: names, hosts: ["\"*.example.org\""])
    }
    #expect(
      try found(update, names: names, hosts: ["\"*.example.org\""]) == [
        "5: 'DIR/tsig.key' cannot be read: No such file or directory"
      ])
    let secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
    func statement(_ name: String) -> String {
      "key \"\(name)\" {\n\talgorithm hmac-sha256;\n\tsecret \"\(secret)\";\n};\n"
    }
    #expect(try lines(secret + "\n") == [])
    #expect(try lines(statement("edge")) == [])
    #expect(
      try lines(statement("other")) == [
        "5: 'DIR/tsig.key' cannot be used for key 'edge': it has other keys: other"
      ])
    #expect(
      try lines(secret, mode: 0o644) == [
        "5: 'DIR/tsig.key' cannot be used for key 'edge': its mode is 0644, which lets others at the keys;"
          + " expected 0600, or 0640 with the group of the service"
      ])
  }

  // MARK: Files of records

  private func records(_ rest: String) -> String {
    "certificates: { directory: \(directory.path)/certificates }\npublic: [203.0.113.1]\n"
      + "etcd: { endpoints: [\"http://127.0.0.1:1\"] }\n"
      + "records: { zone: example.org, names: [www], \(rest) }"
  }

  @Test func `the password of a provider has to be there, alone in its file, and secret`() throws {
    try directory.write(
      "certificates/app.pem", CertificateFixture.chain + "\n" + CertificateFixture.key + "\n")
    let cloudns = records(
      "provider: cloudns, auth_id: 1, password_file: \(directory.path)/password")
    func lines(_ text: String, mode: UInt32 = 0o640) throws -> [String] {
      try directory.write("password", text)
      try change("password", to: mode)
      return try read(cloudns)
    }
    #expect(try read(cloudns) == ["5: 'DIR/password' cannot be read: No such file or directory"])
    #expect(try lines("correct horse\n") == [])
    #expect(try lines("\n") == ["5: 'DIR/password' is empty"])
    #expect(
      try lines("a\nb\n") == ["5: 'DIR/password' must hold the password alone, found 2 lines"])
    #expect(try lines("a\u{7}\n") == ["5: 'DIR/password' has a control character in it"])
    try change(".", to: 0o755)
    #expect(
      try lines("correct\n", mode: 0o644) == [
        "5: warning: 'DIR/password' holds a secret, and its mode 0644 lets every user of this machine at"
          + " it: chmod 0600, or 0640 with chown root:edgeproxy"
      ])
  }

  @Test func `the program and the variables of a provider have to be there`() throws {
    try directory.write(
      "certificates/app.pem", CertificateFixture.chain + "\n" + CertificateFixture.key + "\n")
    let exec = records(
      "provider: exec, command: \(directory.path)/hook, environment_file: \(directory.path)/hook.env"
    )
    #expect(
      try read(exec) == [
        "5: 'DIR/hook' cannot be run: No such file or directory",
        "5: 'DIR/hook.env' cannot be read: No such file or directory",
      ])
    try directory.write("hook", "#!/bin/sh\n")
    try change("hook", to: 0o755)
    try directory.write("hook.env", "TOKEN=secret\n")
    try change("hook.env", to: 0o600)
    #expect(try read(exec) == [])
  }

  /// What is found in a file with these lines from its second on.
  private func read(_ lines: String) throws -> [String] {
    try directory.write(
      "edge.yaml",
      "state: \(directory.path)/state\n" + lines
        + """

        log: { access: off }
        listen: { admin: off }
        upstreams: { app: { nodes: ["10.0.0.1:80"] } }
        routes: [{ host: app.example.org, upstream: app }]
        """)
    return ConfigurationLoader.check(
      path: directory.path + "/edge.yaml", environment: [:],
      now: CertificateFixture.notBefore + 60
    ).map { each in
      let mark = each.severity == .warning ? " warning:" : ""
      return "\(each.position.line):\(mark) \(each.message.replacing(directory.path, with: "DIR"))"
    }
  }

  // MARK: The hook

  private var hook: String { "dns: { hook: { command: \(directory.path)/hook } }, " }

  @Test func `a hook has to be a program that can be run`() throws {
    let names = "[\"*.example.org\"]"
    #expect(
      try found(hook, names: names) == [
        "5: 'DIR/hook' cannot be run: No such file or directory"
      ])
    try directory.write("hook", "#!/bin/sh\n")
    try change("hook", to: 0o600)
    let lines = try found(hook, names: names)
    #expect(lines.count == 1)
    #expect(
      lines.first?.hasPrefix("5: 'DIR/hook' cannot be run: Permission denied (EACCES)")
        == true)
    #expect(lines.first?.hasSuffix("; chgrp edgeproxy DIR/hook && chmod g+rx DIR/hook") == true)
    try change("hook", to: 0o700)
    #expect(try found(hook, names: names) == [])
    unlink("hook")
  }

  @Test func `a directory is no hook`() throws {
    directory.make("hook")
    #expect(
      try found(hook, names: "[\"*.example.org\"]") == [
        "5: 'DIR/hook' is a directory, and no program"
      ])
  }

  private func unlink(_ name: String) {
    // SAFETY: the path is a C string for the length of the call.
    _ = unsafe Glibc.unlink(directory.path + "/" + name)
  }
}
