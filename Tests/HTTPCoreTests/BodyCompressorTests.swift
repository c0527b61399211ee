import Glibc
import HTTPCore
import TestSupport
import Testing

@Suite("Compressing with gzip, Brotli and zstd: RFC 1952, RFC 7932 and RFC 8878")
struct BodyCompressorTests {
  static let codings = [ContentCoding.gzip, .brotli, .zstd]
  /// The levels that may be configured.
  static let levels = codings.flatMap { coding in
    (1...(coding == .brotli ? 7 : 9)).map { (coding, $0) }
  }
  private static let middle = CompressionLevels(gzip: 5, brotli: 5, zstd: 6)

  private static func compressor(_ coding: ContentCoding) throws -> BodyCompressor {
    try #require(BodyCompressor(coding, level: middle[coding]))
  }

  /// Text that repeats itself now and then, of any length.
  private static func sample(_ count: Int) -> [UInt8] {
    var state: UInt32 = 1
    return (0..<count).map { place in
      state = state &* 1_664_525 &+ 1_013_904_223
      return place % 7 < 4 ? UInt8(97 + place % 13) : UInt8(truncatingIfNeeded: state >> 24)
    }
  }

  /// Feeds a piece through outputs of `space` bytes.
  private static func feed(
    _ compressor: BodyCompressor, _ piece: [UInt8], _ flush: CompressionFlush, space: Int = 4096
  ) throws -> [UInt8] {
    var output: [UInt8] = []
    var place = 0
    while true {
      var buffer = [UInt8](repeating: 0, count: space)
      var target = buffer.mutableSpan
      let step = try compressor.compress(
        piece.span.extracting(place..<piece.count), flush, into: &target)
      place += step.consumed
      output += buffer.prefix(step.produced)
      if step.isComplete { break }
    }
    #expect(place == piece.count)
    return output
  }

  private static func whole(_ bytes: [UInt8]) -> Gunzip.Result {
    Gunzip.Result(bytes: bytes, isComplete: true)
  }

  @Test(arguments: codings)
  func `what is split anywhere comes out whole`(coding: ContentCoding) throws {
    let compressor = try Self.compressor(coding)
    let input = Self.sample(700)
    for cut in 0...input.count {
      compressor.reset()
      let bytes =
        try Self.feed(compressor, Array(input[..<cut]), .nothing)
        + Self.feed(compressor, Array(input[cut...]), .nothing)
        + Self.feed(compressor, [], .end)
      #expect(Decompression.read(coding, bytes) == Self.whole(input))
    }
  }

  @Test(arguments: codings, [7, 8, 16, 100, 65536])
  func `the space for the output does not matter`(coding: ContentCoding, space: Int) throws {
    let compressor = try #require(BodyCompressor(coding, level: 1))
    let input = Self.sample(100_000)
    let bytes =
      try Self.feed(compressor, input, .nothing, space: space)
      + Self.feed(compressor, [], .pause, space: space)
      + Self.feed(compressor, [], .end, space: space)
    #expect(Decompression.read(coding, bytes) == Self.whole(input))
  }

  @Test(arguments: levels)
  func `every level makes text smaller`(coding: ContentCoding, level: Int) throws {
    let compressor = try #require(BodyCompressor(coding, level: level))
    #expect(compressor.coding == coding && compressor.level == level)
    let input = Array(repeating: octets("<li>One of many</li>\n"), count: 2000).flatMap(\.self)
    let bytes = try Self.feed(compressor, input, .end)
    #expect(bytes.count < input.count / 20)
    #expect(Decompression.read(coding, bytes)?.bytes == input)
  }

  @Test(arguments: codings)
  func `after a pause the reader has everything`(coding: ContentCoding) throws {
    let compressor = try Self.compressor(coding)
    var (sent, received): ([UInt8], [UInt8]) = ([], [])
    for number in 0..<50 {
      let event = octets("data: event \(number)\n\n")
      sent += event
      received += try Self.feed(compressor, event, .nothing)
      #expect(compressor.isHoldingBack)
      received += try Self.feed(compressor, [], .pause)
      #expect(!compressor.isHoldingBack)
      #expect(
        Decompression.read(coding, received) == Gunzip.Result(bytes: sent, isComplete: false))
    }
    received += try Self.feed(compressor, [], .end)
    #expect(Decompression.read(coding, received) == Self.whole(sent))
  }

  @Test(arguments: codings)
  func `an empty body is a stream too`(coding: ContentCoding) throws {
    let compressor = try Self.compressor(coding)
    #expect(
      Decompression.read(coding, try Self.feed(compressor, [], .end)) == Self.whole([]))
  }

  @Test(arguments: codings)
  func `a stream that was given up leaves nothing to the next one`(coding: ContentCoding) throws {
    let compressor = try Self.compressor(coding)
    let secret = octets("secret of somebody else, which is long enough to be referred to")
    _ = try Self.feed(compressor, secret, .nothing)
    compressor.reset()
    #expect(!compressor.isHoldingBack)
    let bytes = try Self.feed(compressor, secret, .end)
    #expect(Decompression.read(coding, bytes) == Self.whole(secret))
    #expect(try Self.feed(Self.compressor(coding), secret, .end).count == bytes.count)
  }

  /// Whatever is fed in whichever pieces, with pauses and small spaces between, comes out again.
  @Test(arguments: codings, 0..<40)
  func `any sequence of pieces and pauses comes out as it went in`(
    coding: ContentCoding, seed: UInt64
  ) throws {
    var random = SeededRandom(seed: seed)
    let levels = Self.levels.filter { $0.0 == coding }
    let level = try #require(levels.randomElement(using: &random)).1
    let compressor = try #require(BodyCompressor(coding, level: level))
    for _ in 0..<2 {
      compressor.reset()
      var (sent, received): ([UInt8], [UInt8]) = ([], [])
      for _ in 0..<Int.random(in: 0...12, using: &random) {
        let count = Int.random(
          in: 0...(1 << Int.random(in: 0...15, using: &random)), using: &random)
        let alphabet = UInt8.random(in: 1...255, using: &random)
        let piece = (0..<count).map { _ in UInt8.random(in: 0...alphabet, using: &random) }
        let pauses = Bool.random(using: &random)
        let space = Int.random(in: 7...5000, using: &random)
        sent += piece
        received += try Self.feed(compressor, piece, pauses ? .pause : .nothing, space: space)
        guard pauses else { continue }
        // As one bit: the bytes would be written out where they differ.
        let isSame = Decompression.read(coding, received)?.bytes == sent
        #expect(isSame)
      }
      received += try Self.feed(compressor, [], .end, space: 7)
      let isWhole = Decompression.read(coding, received) == Self.whole(sent)
      #expect(isWhole)
    }
  }

  /// The memory that is counted for it is what it takes, and not much less.
  @Test(arguments: levels)
  func `no compressor takes more than is counted for it`(coding: ContentCoding, level: Int) throws {
    let compressor = try #require(BodyCompressor(coding, level: level))
    let bytesInUse =
      switch compressor {
      case .gzip: 0
      case .brotli(let compressor): compressor.bytesInUse
      case .zstd(let compressor): compressor.bytesInUse
      }
    #expect(bytesInUse <= compressor.memoryBytes)
    var random = SeededRandom(seed: 1)
    var most = 0
    for turn in 0..<64 {
      // Noise and text, and pauses in between.
      let piece =
        turn % 2 == 0
        ? (0..<60_000).map { _ in UInt8.random(in: 0...255, using: &random) } : Self.sample(60_000)
      _ = try Self.feed(compressor, piece, turn % 5 == 0 ? .pause : .nothing)
      switch compressor {
      case .gzip: return
      case .brotli(let compressor): most = max(most, compressor.bytesInUse)
      case .zstd(let compressor): most = max(most, compressor.bytesInUse)
      }
    }
    #expect(most <= compressor.memoryBytes, "\(most >> 10) KiB")
    _ = try Self.feed(compressor, [], .end)
  }

  /// What docs/compression.md says of sizes and of CPU; the libraries are optimized in any build.
  @Test func `by default zstd and Brotli make a page smaller than gzip does`() throws {
    let pages = [
      "acme", "certificates", "dns", "failures", "from-nginx", "moving", "troubleshooting",
    ]
    let input = try pages.flatMap { try #require(RepositoryFiles.read("docs/\($0).md")) }
    var sizes: [ContentCoding: Int] = [:]
    for coding in Self.codings {
      let compressor = try Self.compressor(coding)
      let begun = Self.processorMicroseconds()
      let rounds = 20
      for _ in 0..<rounds {
        compressor.reset()
        sizes[coding] = try Self.feed(compressor, input, .end, space: 65_536).count
      }
      let spent = (Self.processorMicroseconds() - begun) / rounds
      let perMiB = Double(spent) / 1000 / (Double(input.count) / 1_048_576)
      let percent = 100 * (sizes[coding] ?? 0) / input.count
      print(
        "\(coding.name): \(input.count) bytes to \(sizes[coding] ?? 0), \(percent) %,"
          + " \(perMiB.rounded()) ms/MiB")
    }
    let gzip = try #require(sizes[.gzip])
    #expect(try #require(sizes[.zstd]) < gzip && #require(sizes[.brotli]) < gzip)
  }

  private static func processorMicroseconds() -> Int {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
  }

  @Test func `nothing is sent in codings that browsers do not tell apart`() {
    #expect(BodyCompressor(.deflate, level: 5) == nil)
    #expect(BodyCompressor(.identity, level: 5) == nil)
  }
}
