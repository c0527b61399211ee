import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Answers that are made here name their request")
struct RequestNameTests {
  @Test(arguments: [
    ("files.test", "/page", 200), ("files.test", "/absent", 404), ("moved.test", "/", 308),
    ("fixed.test", "/", 410), ("nobody.test", "/", 404), ("files.test", "/healthz", 200),
  ])
  func `by the id of its line in the access log`(host: String, path: String, status: Int) throws {
    let files = try TemporaryDirectory()
    try files.write("page", "text")
    let server = try InProcessServer(
      """
      routes:
      - { host: files.test, files: "\(files.path)" }
      - { host: moved.test, redirect: { to: "https://a.test{path}", status: 308 } }
      - { host: fixed.test, respond: { status: 410, body: "gone" } }
      """, logging: true)
    let client = try server.connect()
    client.send("GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\r\n")
    try server.settle()
    let answer = try #require(client.answer())
    #expect(answer.status == status)
    let line = try #require(try server.accessLines().first)
    #expect(answer["X-Request-ID"].map(String.init) == line["id"])
  }

  @Test func `and those of applications are passed on as they are`() throws {
    let app = try ScriptedApplication()
    for given in ["", "X-Request-ID: theirs\r\n"] {
      let client = try app.ask()
      try #require(try app.asking()).call.answer("ok", given)
      try app.server.settle()
      #expect(client.answer()?["X-Request-ID"] == (given.isEmpty ? nil : "theirs"))
    }
  }
}
