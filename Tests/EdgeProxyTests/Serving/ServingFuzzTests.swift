import EventLoop
import Glibc
import TestSupport
import Testing

@testable import EdgeProxy

/// `ServingFuzz` on the inputs of fixed seeds.
///
/// A trap ends a process, so they run in one of their own; the file says with which seed it ended.
@Suite("Clients, instances and time in any order")
struct ServingFuzzTests {
  @Test(arguments: 0..<4)
  func `each client gets its own answer, once, and nothing remains`(part: Int) async throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/seed"
    let seeds = SeededInputs.seeds(part)
    await #expect(processExitsWith: .success) {
      [seeds = seeds as [UInt64], path = path as String] in
      try SeededInputs.run(seeds, noting: path)
    }
    guard let seed = SeededInputs.failed(path) else { return }
    let story = directory.path + "/story"
    await #expect(processExitsWith: .success) {
      [seed = seed as UInt64, story = story as String] in
      try SeededInputs.tell(seed, to: story)
    }
    Issue.record("seed \(seed): \(SeededInputs.text(story))")
  }
}

/// Inputs made of seeds.
enum SeededInputs {
  private static let countOfPart = 50

  static func seeds(_ part: Int) -> [UInt64] {
    (0..<countOfPart).map { UInt64(part * countOfPart + $0) }
  }

  static func input(_ seed: UInt64) -> [UInt8] {
    var random = SeededRandom(seed: seed)
    return (0..<Int.random(in: 20...1500, using: &random)).map { _ in
      UInt8.random(in: 0 ... .max, using: &random)
    }
  }

  /// Runs the inputs; the file has the present one's seed until all went well.
  static func run(_ seeds: [UInt64], noting path: String) throws {
    let file = try open(path)
    let files = try ServingFuzz.makeFiles()
    for seed in seeds {
      try Descriptor.writeAll(file.raw, octets("\(seed)\n").span, at: 0)
      if ServingFuzz.run(input(seed), files: files) != nil { exit(1) }
    }
    unsafe unlink(path)
  }

  static func failed(_ path: String) -> UInt64? { UInt64(text(path).prefix { $0 != "\n" }) }

  /// Runs one input and writes down what happens.
  static func tell(_ seed: UInt64, to path: String) throws {
    let file = try open(path)
    var place: Int64 = 0
    _ = ServingFuzz.run(input(seed), files: try ServingFuzz.makeFiles()) { line in
      let bytes = octets(line + "\n")
      try? Descriptor.writeAll(file.raw, bytes.span, at: place)
      place += Int64(bytes.count)
    }
  }

  static func text(_ path: String) -> String {
    let raw = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard raw >= 0 else { return "" }
    let file = FileDescriptor(owning: raw)
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    var space = bytes.mutableSpan
    guard case .bytes(let count) = Descriptor.read(file.raw, into: &space) else { return "" }
    return String(decoding: bytes.prefix(count), as: UTF8.self)
  }

  private static func open(_ path: String) throws -> FileDescriptor {
    let raw = unsafe Glibc.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard raw >= 0 else { throw SystemError("open") }
    return FileDescriptor(owning: raw)
  }
}
