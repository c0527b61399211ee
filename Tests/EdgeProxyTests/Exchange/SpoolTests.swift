import EventLoop
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("What a slow client has not taken")
struct SpoolTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  /// Bytes that tell where they stand.
  private func bytes(_ range: Range<Int>) -> [UInt8] {
    range.map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
  }

  private func add(
    _ range: Range<Int>, toFile: Bool, _ spool: inout Spool,
    _ location: SourceLocation = #_sourceLocation
  ) {
    let isKept = spool.append(bytes(range).span, toFile: toFile, directory: directory.path)
    #expect(isKept, sourceLocation: location)
  }

  /// Takes everything out, `most` bytes at a time.
  private func drain(_ spool: inout Spool, most: Int) throws -> [UInt8] {
    var all: [UInt8] = []
    while !spool.isEmpty {
      let count = min(most, spool.front.count)
      all.append(copying: spool.front.extracting(0..<count))
      try spool.consume(count)
    }
    return all
  }

  @Test(arguments: [1000, 4096, 100_000])
  func `bytes come out as they went in, from memory and from the file`(most: Int) throws {
    var spool = Spool()
    add(0..<200_000, toFile: false, &spool)
    add(200_000..<300_000, toFile: true, &spool)
    add(300_000..<300_001, toFile: false, &spool)
    let fileCount = spool.fileCount
    #expect(fileCount == 100_001)
    let drained = try drain(&spool, most: most)
    #expect(drained == bytes(0..<300_001))
  }

  @Test func `what is sent to the file leaves one piece in memory`() throws {
    var spool = Spool()
    add(0..<100_000, toFile: true, &spool)
    let inMemory = spool.memoryCount
    #expect(inMemory == Spool.pieceBytes)
    let drained = try drain(&spool, most: 10_000)
    #expect(drained == bytes(0..<100_000))
  }

  @Test(arguments: [false, true])
  func `memory that has to go is written in front of the file`(hasFile: Bool) throws {
    var spool = Spool()
    add(0..<200_000, toFile: false, &spool)
    if hasFile { add(200_000..<260_000, toFile: true, &spool) }
    try spool.consume(1000)
    let moved = (spool.spill(in: directory.path), spool.spill(in: directory.path))
    #expect(moved == (199_000 - Spool.pieceBytes, 0))
    let memory = spool.memoryBytes
    #expect(memory <= 2 * Spool.pieceBytes)
    let end = hasFile ? 260_000 : 200_000
    let onDisk = spool.fileBytes
    #expect(onDisk == Int64(end - 1000 - Spool.pieceBytes))
    add(end..<(end + 50), toFile: false, &spool)
    let drained = try drain(&spool, most: 7000)
    #expect(drained == bytes(1000..<(end + 50)))
  }

  @Test func `a disk that takes nothing leaves all of it in memory`() throws {
    var spool = Spool()
    add(0..<100_000, toFile: false, &spool)
    let moved = spool.spill(in: directory.path + "/absent")
    #expect(moved == 0)
    let rest = bytes(100_000..<100_100)
    let isOnDisk = spool.append(rest.span, toFile: true, directory: directory.path + "/absent")
    #expect(!isOnDisk)
    let drained = try drain(&spool, most: 64_000)
    #expect(drained == bytes(0..<100_100))
  }

  @Test func `a file that has gone out takes no more of the disk`() throws {
    var spool = Spool()
    add(0..<100_000, toFile: true, &spool)
    let before = spool.fileBytes
    #expect(before > 0)
    _ = try drain(&spool, most: 100_000)
    let after = spool.fileBytes
    #expect(after == 0)
  }
}
