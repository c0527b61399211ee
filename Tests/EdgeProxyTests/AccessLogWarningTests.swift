import Glibc
import Logging
import TestSupport
import Testing

@testable import Configuration
@testable import EdgeProxy

@Suite("An access log that cannot be written")
struct AccessLogWarningTests {
  private let warnings = Warnings()
  private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  private func settings(_ path: String) -> LogSettings {
    LogSettings(access: .file(path), format: .json, level: .info)
  }

  @Test func `is a warning with the path and what to do, until it can be`() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/nowhere/access.log"
    var log = AccessLog(settings(path), logger: logger, warnings: warnings)
    let warning = try #require(warnings.all.first)
    #expect(warning.key == AccessLog.fault)
    #expect(warning.text.contains(path) && warning.text.contains("No such file or directory"))
    #expect(warning.advice.contains("directory has to be made"))
    #expect(unsafe mkdir(directory.path + "/nowhere", 0o700) == 0)
    log.install(settings(path))
    #expect(warnings.all.isEmpty)
  }

  @Test func `is told before a worker has tried, and the old log goes on`() throws {
    let directory = try TemporaryDirectory()
    let good = settings(directory.path + "/access.log")
    let bad = settings(directory.path)
    var log = AccessLog(good, logger: logger, warnings: warnings)
    AccessLog.check(bad, logger: logger, warnings: warnings)
    #expect(warnings.all.map(\.text).allSatisfy { $0.contains("Is a directory") })
    #expect(warnings.all.count == 1)
    log.install(bad)
    #expect(warnings.all.count == 1)
    log.install(good)
    #expect(warnings.all.isEmpty)
  }

  @Test func `is a warning on a full disk as well, and over when it is off`() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/full"
    #expect(unsafe symlink("/dev/full", path) == 0)
    var log = AccessLog(settings(path), logger: logger, warnings: warnings)
    #expect(warnings.all.isEmpty)
    log.append(AccessRecord())
    log.flush()
    #expect(warnings.all.first?.text.contains("No space left on device") ?? false)
    log.install(LogSettings(access: .off, format: .json, level: .info))
    #expect(warnings.all.isEmpty)
  }
}
