import EventLoop
import TestSupport

/// ClouDNS on loopback, over HTTP without TLS: it has one zone, and the test says how it differs from the
/// real one.
final class ScriptedCloudns: EventSource {
  struct Record {
    var type: String
    var host: String
    var value: String
    var isActive = true
    var check: [String: String]?
  }

  let origin: String
  let zone: String
  var password = "pass&word"
  var records: [Int: Record] = [:]
  /// Answers before the API itself does, by method, such as `add-record`.
  var special: [String: String] = [:]
  var status = 200
  /// How often it is still said that servers do not have the zone.
  var late = 0

  /// Methods, in order.
  private(set) var asked: [String] = []
  /// Parameters of each, without the password.
  private(set) var forms: [[String: String]] = []
  /// When each came, by the clock of the loop.
  private(set) var times: [Instant] = []
  private var made = 100

  private let loop: EventLoop
  private let listener: FileDescriptor
  private var token = SourceToken.none
  private var lines: [Line] = []

  init(_ zone: String, on loop: EventLoop) throws {
    self.zone = zone
    self.loop = loop
    guard let any = SocketAddress(ip: "127.0.0.1", port: 0) else { throw SystemError("socket") }
    listener = try Socket.listen(any, reusePort: false)
    guard let port = Socket.localAddress(listener.raw)?.port else {
      throw SystemError("getsockname")
    }
    origin = "http://127.0.0.1:\(port)"
    token = try loop.register(listener.raw, self, [.readable])
  }

  func end() {
    loop.forget(token)
    for line in lines { line.end() }
  }

  func ready(_ events: Readiness) {
    guard let accepted = try? Socket.accept(listener.raw) else { return }
    let raw = accepted.raw
    let line = Line(accepted, of: self, on: loop)
    lines.append(line)
    guard let token = try? loop.register(raw, line, [.readable]) else { return }
    line.token = token
  }

  @discardableResult func put(
    _ type: String, _ host: String, _ value: String, isActive: Bool = true,
    check: [String: String]? = nil
  ) -> Int {
    made += 1
    records[made] = Record(
      type: type, host: host, value: value, isActive: isActive, check: check)
    return made
  }

  /// `TYPE HOST VALUE` of what is answered.
  var answered: Set<String> {
    Set(records.values.filter(\.isActive).map { "\($0.type) \($0.host) \($0.value)" })
  }

  // MARK: Answers

  fileprivate func answer(_ path: String, _ body: [UInt8]) -> [UInt8] {
    var form = Self.form(body)
    let method = String(path.dropFirst("/dns/".count).dropLast(".json".count))
    asked.append(method)
    times.append(loop.now)
    let isKnown = form.removeValue(forKey: "auth-password") == password
    forms.append(form)
    let text = isKnown ? special[method] ?? own(method, form) : Self.unknown
    let bytes = Array(text.utf8)
    let head = "HTTP/1.1 \(status) x\r\nContent-Length: \(bytes.count)\r\n\r\n"
    return Array(head.utf8) + bytes
  }

  static let unknown = failed("Invalid authentication, incorrect auth-id or auth-password.")

  static func failed(_ text: String) -> String {
    #"{"status":"Failed","statusDescription":"\#(text)"}"#
  }

  private static let done = #"{"status":"Success","statusDescription":"Done."}"#

  private func own(_ method: String, _ form: [String: String]) -> String {
    guard form["domain-name"] == zone else { return Self.failed("Missing domain-name") }
    switch method {
    case "records": return list(form)
    case "update-status":
      defer { late = max(0, late - 1) }
      return #"[{"server":"ns1","updated":true},{"server":"ns2","updated":\#(late == 0)}]"#
    case "add-record":
      put(form["record-type"] ?? "", form["host"] ?? "", form["record"] ?? "")
      return Self.done
    default: break
    }
    guard let id = form["record-id"].flatMap(Int.init), records[id] != nil else {
      return Self.failed("Invalid record-id param.")
    }
    switch method {
    case "delete-record": records[id] = nil
    case "change-record-status": records[id]?.isActive = form["status"] == "1"
    case "failover-activate": records[id]?.check = form
    default: return Self.failed("unknown method")
    }
    return Self.done
  }

  private func list(_ form: [String: String]) -> String {
    let chosen = records.filter { _, record in
      record.type == form["type"] && (form["host"] ?? record.host) == record.host
    }
    guard !chosen.isEmpty else { return "[]" }
    let lines = chosen.map { id, record in
      let value = record.type == "TXT" ? #"\"\#(record.value)\""# : record.value
      return """
        "\(id)":{"id":"\(id)","type":"\(record.type)","host":"\(record.host)","record":"\(value)",
        "failover":"\(record.check == nil ? 0 : 1)","ttl":"60","status":\(record.isActive ? 1 : 0)}
        """
    }
    return "{\(lines.joined(separator: ","))}"
  }

  private static func form(_ body: [UInt8]) -> [String: String] {
    var form: [String: String] = [:]
    for pair in body.split(separator: UInt8(ascii: "&")) {
      let parts = pair.split(separator: UInt8(ascii: "="), omittingEmptySubsequences: false)
      form[decoded(parts[0])] = parts.count == 2 ? decoded(parts[1]) : ""
    }
    return form
  }

  private static func decoded(_ text: ArraySlice<UInt8>) -> String {
    var bytes: [UInt8] = []
    var rest = text
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      bytes.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) ?? 0)
      rest = rest.dropFirst(2)
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// One connection to it.
fileprivate final class Line: EventSource {
  var token = SourceToken.none
  private var descriptor: FileDescriptor?
  private unowned let server: ScriptedCloudns
  private let loop: EventLoop
  private var input: [UInt8] = []

  init(_ descriptor: consuming FileDescriptor, of server: ScriptedCloudns, on loop: EventLoop) {
    self.descriptor = consume descriptor
    self.server = server
    self.loop = loop
  }

  func ready(_ events: Readiness) {
    guard let raw = descriptor?.raw else { return }
    var block = [UInt8](repeating: 0, count: 65_536)
    var space = block.mutableSpan
    guard case .bytes(let count) = Descriptor.read(raw, into: &space) else { return end() }
    input += block[..<count]
    guard let border = input.firstRange(of: octets("\r\n\r\n")) else { return }
    let lines = text(input.span).split(separator: "\r\n").map(String.init)
    let length = lines.first { $0.lowercased().hasPrefix("content-length:") }
      .flatMap { Int($0.dropFirst(15).drop { $0 == " " }) }
    let body = Array(input[border.upperBound...])
    guard body.count >= length ?? 0 else { return }
    let path = String(lines[0].split(separator: " ")[1])
    let answer = server.answer(path, body)
    _ = Descriptor.send(raw, answer.span)
    end()
  }

  func end() {
    loop.forget(token)
    token = .none
    descriptor = nil
  }
}
