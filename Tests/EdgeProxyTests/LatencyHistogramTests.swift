import Testing

@testable import EdgeProxy

@Suite("How long an upstream usually takes")
struct LatencyHistogramTests {
  private func record(_ histogram: LatencyHistogram, _ milliseconds: Double, times: Int) {
    for _ in 0..<times { histogram.record(seconds(milliseconds / 1000)) }
  }

  @Test func `the last answers are told by what half, 95 and 99 in a hundred took at most`() {
    let histogram = LatencyHistogram()
    #expect(histogram.summary == LatencyHistogram.Summary())
    record(histogram, 10, times: 90)
    record(histogram, 100, times: 9)
    record(histogram, 1000, times: 1)
    let first = histogram.summary
    #expect(first.count == 100 && (10...12).contains(first.p50))
    #expect((100...125).contains(first.p95) && (100...125).contains(first.p99))
    // What was long ago does not count for ever.
    record(histogram, 1000, times: 3000)
    let later = histogram.summary
    #expect(later.count <= 1024 && (1000...1250).contains(later.p50))
  }

  @Test func `until something is known a second is waited`() {
    let histogram = LatencyHistogram()
    #expect(histogram.delay == seconds(1))
    record(histogram, 1, times: 31)
    #expect(histogram.delay == seconds(1))
    record(histogram, 1, times: 1)
    #expect(histogram.delay == seconds(0.25))
  }

  @Test(arguments: [0.0, 1, 5, 50, 60])
  func `fast answers give a quarter of a second`(milliseconds: Double) {
    let histogram = LatencyHistogram()
    record(histogram, milliseconds, times: 64)
    #expect((250...280).contains(histogram.delay / 1_000_000))
  }

  @Test(arguments: [100.0, 300, 1000, 7777, 60_000])
  func `the delay is four times what nearly all take, and a quarter more at most`(
    milliseconds: Double
  ) {
    let histogram = LatencyHistogram()
    record(histogram, milliseconds, times: 64)
    let factor = Double(histogram.delay) / seconds(1).double / (milliseconds / 1000)
    #expect(factor >= 4 && factor <= 5)
  }

  @Test func `one slow answer in a hundred does not count, two do`() {
    let few = LatencyHistogram()
    record(few, 2000, times: 3)
    record(few, 5, times: 317)
    #expect(few.delay == seconds(0.25))
    let many = LatencyHistogram()
    record(many, 2000, times: 7)
    record(many, 5, times: 313)
    #expect(many.delay >= seconds(8))
  }

  @Test func `what was is forgotten`() {
    let histogram = LatencyHistogram()
    record(histogram, 3000, times: 5000)
    #expect(histogram.delay >= seconds(12))
    record(histogram, 5, times: 8000)
    #expect(histogram.delay == seconds(0.25))
    record(histogram, 3000, times: 64)
    #expect(histogram.delay >= seconds(12))
  }

  @Test func `no time breaks it`() {
    let histogram = LatencyHistogram()
    for time in [Int64.min, -1, 0, 1, Int64.max] {
      for _ in 0..<40 { histogram.record(time) }
    }
    #expect(histogram.delay >= seconds(0.25))
  }

  @Test func `workers may record at the same time`() async {
    let histogram = LatencyHistogram()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask { for _ in 0..<50_000 { histogram.record(seconds(0.005)) } }
      }
    }
    #expect(histogram.delay == seconds(0.25))
  }
}

extension Int64 {
  fileprivate var double: Double { Double(self) }
}
