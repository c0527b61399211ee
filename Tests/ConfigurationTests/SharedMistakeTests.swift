import Etcd
import Testing

@testable import Configuration

@Suite("What servers share, in the configuration")
struct SharedMistakeTests {
  @Test(arguments: [
    Mistake("etcd: {}", "3:7: missing required key 'endpoints' in etcd"),
    Mistake("etcd: { endpoints: [] }", "3:20: 'endpoints' must be from 1 to 16 members"),
    Mistake(
      "etcd: { endpoints: 10.0.0.1 }",
      "3:20: 'endpoints' must be a list of URLs such as https://10.0.0.1:2379, found "
        + "'10.0.0.1'; did you mean [\"https://10.0.0.1\"]?"),
    Mistake(
      "etcd: { endpoints: [10.0.0.1] }",
      "3:21: 'endpoints' must be URLs such as https://10.0.0.1:2379, found '10.0.0.1'; "
        + "did you mean 'https://10.0.0.1'?"),
    Mistake(
      #"etcd: { endpoints: ["https://user:secret@a"] }"#,
      "3:21: 'endpoints' must be URLs such as https://10.0.0.1:2379, found 'https://user:secret@a'"
    ),
    Mistake(
      #"etcd: { endpoints: ["https://a"], prefix: "/x" }"#,
      "3:43: 'prefix' must end in '/', such as /edgeproxy/, found '/x'"),
    Mistake(
      #"etcd: { endpoints: ["https://a"], key: /k }"#,
      "3:40: 'key' needs 'certificate' beside it"),
    Mistake(
      #"etcd: { endpoints: ["https://a"], user: edge }"#,
      "3:41: 'user' needs 'password' beside it"),
    Mistake(
      "certificates: { etcd: {} }", "3:23: 'certificates.etcd' needs 'etcd' with its endpoints"),
    Mistake("tls: { tickets: etcd }", "3:17: 'tickets: etcd' needs 'etcd' with its endpoints"),
  ])
  func `a mistake is reported where it stands`(mistake: Mistake) {
    mistake.check(ConfigurationFixture.valid + mistake.text)
  }

  @Test func `with certificates from etcd alone no directory is read`() throws {
    let configuration = try ConfigurationFixture.configuration(
      ConfigurationFixture.valid + """
        certificates: { etcd: {} }
        etcd: { endpoints: ["https://a.test", "https://[::1]:2000/"] }
        """)
    #expect(configuration.certificates.directory == nil)
    #expect(
      configuration.certificates.etcd
        == CertificateSettings.EtcdSource(prefix: "/edgeproxy/certificates/", legacy: false))
    let endpoints = configuration.etcd?.etcd.endpoints.map(\.description)
    #expect(endpoints == ["https://a.test:2379", "https://[::1]:2000"])
  }

  @Test func `a directory that is named is read beside etcd`() throws {
    let configuration = try ConfigurationFixture.configuration(
      ConfigurationFixture.valid + """
        certificates: { directory: /c, etcd: { prefix: /mine/, legacy: true } }
        etcd: { endpoints: ["http://127.0.0.1:1"], user: edge, password: "${WORD}" }
        """, environment: ["WORD": "secret"])
    #expect(configuration.certificates.directory == "/c")
    #expect(configuration.certificates.etcd?.legacy == true)
    #expect(
      configuration.etcd?.etcd.credentials
        == EtcdSettings.Credentials(user: "edge", password: "secret"))
    #expect(!"\(configuration.etcd as Any)".contains("secret"))
  }

  @Test func `an endpoint in clear is a warning where it is another machine's`() {
    let text = ConfigurationFixture.valid + #"etcd: { endpoints: ["http://10.0.0.1"] }"#
    let read = ConfigurationFixture.read(Array(text.utf8))
    #expect(read.configuration != nil)
    #expect(
      read.lines == [
        "edge.yaml:3:21: warning: 'http://10.0.0.1:2379' is not encrypted: "
          + "private keys cross the network in clear"
      ])
  }
}
