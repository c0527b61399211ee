import Testing

@testable import Configuration

@Suite("The unit of the service")
struct ServiceUnitTests {
  @Test func `what is assumed where none is installed is what the shipped unit says`() throws {
    let bytes = try ConfigurationFixture.file("conf/systemd/edgeproxy.service")
    var unit = ServiceUnit(texts: [String(decoding: bytes, as: UTF8.self)])
    var shipped = ServiceUnit.shipped
    unit.managed.sort()
    shipped.managed.sort()
    // The directory of the configuration may be made by the package instead.
    unit.managed.removeAll { $0 == "/etc/edgeproxy" }
    shipped.managed.removeAll { $0 == "/etc/edgeproxy" }
    #expect(unit == shipped)
  }

  @Test func `what is added to a unit counts after it, and nothing takes all back`() {
    let unit = ServiceUnit(texts: [
      "[Unit]\nUser=other\n[Service]\nUser=web\nPrivateTmp=true\nReadWritePaths=/a /b",
      "[Service]\n# no more\nPrivateTmp=no\nReadWritePaths=\nReadWritePaths=-/c\nUser=root",
    ])
    #expect(unit.user == nil)
    #expect(unit.privateTemporary == "no")
    #expect(unit.writable == ["/c"])
  }

  @Test func `variables come from the unit and from its files`() {
    let text = """
      [Service]
      Environment="ONE=1 and a half" TWO=2
      EnvironmentFile=-/etc/default/edgeproxy
      """
    let unit = ServiceUnit(texts: [text]) { path in
      path == "/etc/default/edgeproxy" ? "# a comment\nTHREE='3'\n" : nil
    }
    #expect(unit.environment == ["ONE": "1 and a half", "TWO": "2", "THREE": "3"])
  }

  @Test func `a line that goes on with a backslash is one line`() {
    let unit = ServiceUnit(texts: ["[Service]\nReadWritePaths=/a \\\n  /b\n"])
    #expect(unit.writable == ["/a", "/b"])
  }
}

@Suite("What the service sees")
struct ServiceViewTests {
  private static func view(_ lines: String) -> ServiceView {
    ServiceView(
      unit: ServiceUnit(texts: ["[Service]\n\(lines)\n"]), isInstalled: true, userName: "edgeproxy",
      groupName: "edgeproxy", isStranger: false)
  }

  @Test(arguments: [
    ("PrivateTmp=true", "/tmp/app.sock", "PrivateTmp=true"),
    ("PrivateTmp=disconnected", "/var/tmp/app.sock", "PrivateTmp=disconnected"),
    ("PrivateTmp=no", "/tmp/app.sock", nil),
    ("PrivateTmp=true", "/tmpfiles/app.sock", nil),
    ("PrivateTmp=true\nBindPaths=/tmp/shared", "/tmp/shared/app.sock", nil),
    ("ProtectHome=yes", "/home/anna/app.sock", "ProtectHome=yes"),
    ("ProtectHome=tmpfs", "/root/key.pem", "ProtectHome=tmpfs"),
    ("ProtectHome=true", "/run/user/1000/app.sock", "ProtectHome=true"),
    ("ProtectHome=read-only", "/home/anna/app.sock", nil),
    ("InaccessiblePaths=-/srv/secret", "/srv/secret/a", "InaccessiblePaths="),
    ("", "/tmp/app.sock", nil),
  ])
  func `a line of the unit hides what is below its places`(
    _ lines: String, _ path: String, _ hidden: String?
  ) {
    #expect(Self.view(lines).hiding(path) == hidden)
  }

  @Test(arguments: [
    ("ProtectSystem=strict", "/srv/log", "ProtectSystem=strict"),
    ("ProtectSystem=strict\nReadWritePaths=/srv/log", "/srv/log/access.log", nil),
    ("ProtectSystem=strict\nLogsDirectory=edgeproxy", "/var/log/edgeproxy/access.log", nil),
    (
      "ProtectSystem=strict\nLogsDirectory=edgeproxy", "/var/log/access.log", "ProtectSystem=strict"
    ),
    ("ProtectSystem=full", "/etc/x", "ProtectSystem=full"), ("ProtectSystem=full", "/srv/x", nil),
    ("ProtectSystem=true", "/etc/x", nil), ("ProtectSystem=true", "/usr/x", "ProtectSystem=true"),
    ("ProtectHome=read-only", "/home/x", "ProtectHome=read-only"), ("", "/usr/x", nil),
  ])
  func `a line of the unit makes what is below its places read-only`(
    _ lines: String, _ path: String, _ line: String?
  ) {
    #expect(Self.view(lines).protecting(path) == line)
  }
}
