import EventLoop
import HTTPCore
import TestSupport

@testable import Configuration
@testable import EdgeProxy

/// What a test of kept answers begins with.
enum StaleFixture {
  static func settings(
    memory: Int = 64 << 10, disk: Int = 256 << 10, objectMax: Int = 16 << 10
  ) -> StaleSettings {
    var settings = StaleSettings()
    settings.memoryBytes = memory
    settings.diskBytes = disk
    settings.objectBytesMax = objectMax
    return settings
  }

  /// A store whose files are written before the call that has them written returns.
  static func store(_ settings: StaleSettings = settings(), in directory: String) -> StaleStore {
    StaleStore(settings, directory: directory) { $0() }
  }

  static func request(_ fields: String = "", target: String = "/") throws -> RequestHead {
    var parser = RequestParser()
    var head = RequestHead()
    let text = octets("GET \(target) HTTP/1.1\r\nHost: a.test\r\n\(fields)\r\n")
    _ = try parser.parse(text.span, into: &head, limits: HeadLimits())
    return head
  }

  static func key(_ text: String) -> StaleKey { StaleKey(bytes: octets(text)) }

  static func answer(
    _ name: String, _ body: [UInt8], varying names: [String] = [], _ fields: String = "",
    at now: Instant = Instant(nanoseconds: 0), limit: Duration = .seconds(3600)
  ) throws -> StaleAnswer {
    StaleAnswer(
      key: key(name),
      selection: StaleSelection(scope: [], names: names.map(octets), of: try request(fields)),
      head: octets("HTTP/1.1 200 OK\r\n\r\n"), body: body,
      terms: StorageTerms(freshness: 0, initialAge: 0, usable: nil, varies: names.map(octets)),
      receivedAt: now, limit: limit)
  }
}

extension StaleAnswer {
  /// The body, wherever it is; `nil` where its file is gone.
  var readBody: [UInt8]? {
    switch body {
    case .memory(let bytes): bytes
    case .file(let file): file.read(count: bodyCount)
    }
  }
}
