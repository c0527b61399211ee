import EventLoop
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("What is told of last good answers")
struct StaleSectionTests {
  @Test func `how many are kept, what they take, and how often they were given`() throws {
    let directory = try TemporaryDirectory()
    let store = StaleFixture.store(in: directory.path + "/stale")
    let now = Instant(nanoseconds: 0)
    let answer = try StaleFixture.answer("a", [UInt8](repeating: 0, count: 3000))
    store.put(answer, replacing: [], now: now)
    store.touch(answer, now: now)
    store.touch(answer, now: now)
    let section = StaleSection(store).section
    let bytes = store.contents.memoryBytes
    var json = TextBuffer(capacity: 0)
    section.value.write(to: &json)
    #expect(
      json.text == #"{"answers":1,"memory_bytes":\#(bytes),"disk_bytes":0,"stored":1,"served":2,"#
        + #""disk_failures":0}"#)
    let text = String(decoding: StatusText.render(section.text), as: UTF8.self)
    #expect(text.contains("1 kept, \(bytes >> 10)KiB in memory, 0KiB on disk; given 2 times"))
    #expect(
      section.metrics.map(\.name) == [
        "stale_answers", "stale_memory_bytes", "stale_disk_bytes", "stale_stored_total",
        "stale_served_total", "stale_disk_failures_total",
      ])
    #expect(section.metrics.map { $0.samples.map(\.value) } == [[1], [bytes], [0], [1], [2], [0]])
  }
}
