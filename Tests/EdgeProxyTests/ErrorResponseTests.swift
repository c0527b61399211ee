import HTTPCore
import Testing

@testable import Configuration
@testable import EdgeProxy

@Suite("Answers of our own")
struct ErrorResponseTests {
  private let pages = ErrorPages(
    node: "edge<1>",
    pages: [
      503: ErrorPageSettings(
        path: "/503.html", contentType: "text/html; charset=latin1", body: Array("Back soon".utf8))
    ])

  private func write(
    _ response: ErrorResponse, id: String = "r-1", json: Bool = false
  ) -> (type: String, body: String) {
    var body = TextBuffer(capacity: 16)
    body.append("what was here before")
    let type = pages.write(
      response, requestID: Array(id.utf8).span, acceptsJSON: json, into: &body)
    return (String(decoding: type, as: UTF8.self), body.text)
  }

  @Test func `a page names node, status, reason and request, escaped`() {
    let page = write(ErrorResponse(status: 502, reason: "reset"), id: "<script>\u{7}")
    #expect(page.type == "text/html; charset=utf-8")
    #expect(page.body.hasPrefix("<!DOCTYPE html>"))
    #expect(page.body.contains("<title>502 Bad Gateway</title>"))
    #expect(page.body.contains("Node: edge&lt;1&gt;<br>Reason: reset<br>"))
    #expect(page.body.contains("Request: &lt;script&gt;?<"))
    #expect(!page.body.contains("Limit"))
  }

  @Test func `a client that accepts JSON gets an object, before a configured page`() {
    let answer = write(ErrorResponse(status: 503, reason: "connect"), id: "a\"b", json: true)
    #expect(answer.type == "application/json")
    #expect(
      answer.body == """
        {"status":503,"error":"Service Unavailable","message":"The application is not available \
        at the moment. Please try again shortly.","reason":"connect","node":"edge<1>",\
        "request_id":"a\\"b"}

        """)
  }

  @Test func `a configured page replaces ours for its status only`() {
    let page = write(ErrorResponse(status: 503, reason: "connect"))
    #expect(page.type == "text/html; charset=latin1")
    #expect(page.body == "Back soon")
    #expect(write(ErrorResponse(status: 504, reason: "timeout")).body.contains("504 Gateway"))
  }

  @Test func `a configured page tells what its placeholders stand for, and nothing else changes`() {
    let style = "body { margin: 0 } {ID} {id {statu}"
    let pages = ErrorPages(
      node: "n",
      pages: [
        502: ErrorPageSettings(
          path: "/502.html", contentType: "text/html; charset=utf-8",
          body: Array("{status}{reason}: <b>{id}</b> \(style) {id}".utf8)),
        504: ErrorPageSettings(
          path: "/504.json", contentType: "application/json",
          body: Array(#"{"status":{status},"id":"{id}"}"#.utf8)),
      ])
    func write(_ status: Int, id: String) -> String {
      var body = TextBuffer(capacity: 0)
      _ = pages.write(
        ErrorResponse(status: status, reason: "reset"), requestID: Array(id.utf8).span,
        acceptsJSON: false, into: &body)
      return body.text
    }
    #expect(write(502, id: "<i>") == "502reset: <b>&lt;i&gt;</b> \(style) &lt;i&gt;")
    #expect(write(504, id: "\"") == #"{"status":504,"id":"\""}"#)
  }

  @Test(
    arguments: [
      (.blockTooLarge(bytes: 5235, limit: 4096), 431, "Sent: 5235 bytes. Limit: 4096 bytes."),
      (.headTooLarge(limit: 32768), 431, "Sent: more than 32768 bytes. Limit: 32768 bytes."),
      (.tooManyFields(limit: 100), 431, "Sent: more than 100 fields. Limit: 100 fields."),
      (.requestLineTooLong(limit: 16384), 414, "Limit: 16384 bytes."),
    ] as [(HTTPError, Int, String)])
  func `a refusal for a limit says what was sent and what the limit is`(
    error: HTTPError, status: Int, expected: String
  ) {
    let response = ErrorResponse(error)
    #expect(response.status == status)
    #expect(write(response).body.contains(expected))
  }

  @Test func `a refusal in JSON has the numbers as numbers`() {
    let body = write(ErrorResponse(.blockTooLarge(bytes: 5235, limit: 4096)), json: true).body
    #expect(
      body.contains(
        #","reason":"request-block-too-large","sent":5235,"limit":4096,"unit":"bytes","node":"#))
  }

  @Test func `only a 503 has a time to come back`() {
    let with = (100..<600).filter {
      ErrorResponse(status: $0, reason: "x").retryAfterSeconds != nil
    }
    #expect(with == [503])
  }

  @Test func `a 500 never leaves this server`() {
    #expect(ErrorResponse(status: 500, reason: "x").status == 502)
  }

  @Test func `every status has a phrase of its own`() {
    let statuses = [
      400, 404, 405, 408, 411, 413, 414, 417, 421, 429, 431, 501, 502, 503, 504, 505,
    ]
    let phrases = statuses.map { "\(ErrorResponse(status: $0, reason: "x").phrase)" }
    #expect(Set(phrases).count == statuses.count)
  }
}
