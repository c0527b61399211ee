import HTTPCore
import TestSupport
import Testing

@Suite("Compressing")
struct GzipCompressorTests {
  /// Text that repeats itself now and then, of any length.
  static func sample(_ count: Int) -> [UInt8] {
    var state: UInt32 = 1
    return (0..<count).map { place in
      state = state &* 1_664_525 &+ 1_013_904_223
      return place % 7 < 4 ? UInt8(97 + place % 13) : UInt8(truncatingIfNeeded: state >> 24)
    }
  }

  /// Feeds a piece through outputs of `space` bytes.
  static func feed(
    _ compressor: GzipCompressor, _ piece: [UInt8], _ flush: GzipCompressor.Flush,
    space: Int = 4096
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

  @Test func `what is split anywhere comes out whole`() throws {
    let compressor = try #require(GzipCompressor(level: 5))
    let input = Self.sample(700)
    for cut in 0...input.count {
      compressor.reset()
      let bytes =
        try Self.feed(compressor, Array(input[..<cut]), .nothing)
        + Self.feed(compressor, Array(input[cut...]), .nothing)
        + Self.feed(compressor, [], .end)
      #expect(Gunzip.read(bytes) == Gunzip.Result(bytes: input, isComplete: true))
    }
  }

  @Test(arguments: [7, 8, 16, 100, 65536])
  func `the space for the output does not matter`(space: Int) throws {
    let compressor = try #require(GzipCompressor(level: 1))
    let input = Self.sample(100_000)
    let bytes =
      try Self.feed(compressor, input, .nothing, space: space)
      + Self.feed(compressor, [], .end, space: space)
    #expect(Gunzip.read(bytes) == Gunzip.Result(bytes: input, isComplete: true))
  }

  @Test(arguments: 1...9)
  func `every level makes text smaller`(level: Int) throws {
    let compressor = try #require(GzipCompressor(level: level))
    let input = Array(repeating: octets("<li>One of many</li>\n"), count: 2000).flatMap(\.self)
    let bytes = try Self.feed(compressor, input, .end)
    #expect(bytes.count < input.count / 20)
    #expect(Gunzip.read(bytes)?.bytes == input)
  }

  @Test func `after a pause the reader has everything`() throws {
    let compressor = try #require(GzipCompressor(level: 5))
    var (sent, received): ([UInt8], [UInt8]) = ([], [])
    for number in 0..<50 {
      let event = octets("data: event \(number)\n\n")
      sent += event
      received += try Self.feed(compressor, event, .nothing)
      #expect(compressor.isHoldingBack)
      received += try Self.feed(compressor, [], .pause)
      #expect(!compressor.isHoldingBack)
      #expect(Gunzip.read(received) == Gunzip.Result(bytes: sent, isComplete: false))
    }
    received += try Self.feed(compressor, [], .end)
    #expect(Gunzip.read(received) == Gunzip.Result(bytes: sent, isComplete: true))
  }

  @Test func `an empty body is a stream too`() throws {
    let compressor = try #require(GzipCompressor(level: 5))
    #expect(
      Gunzip.read(try Self.feed(compressor, [], .end))
        == Gunzip.Result(bytes: [], isComplete: true))
  }

  @Test func `a stream that was given up leaves nothing to the next one`() throws {
    let compressor = try #require(GzipCompressor(level: 5))
    _ = try Self.feed(compressor, octets("secret of somebody else"), .nothing)
    compressor.reset()
    #expect(!compressor.isHoldingBack)
    let bytes = try Self.feed(compressor, octets("mine"), .end)
    #expect(Gunzip.read(bytes)?.bytes == octets("mine"))
  }
}
