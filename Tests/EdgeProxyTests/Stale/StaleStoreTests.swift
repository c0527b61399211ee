import CertStore
import EventLoop
import TestSupport
import Testing

@testable import Configuration
@testable import EdgeProxy

@Suite("The store of last good answers")
struct StaleStoreTests {
  private let directory: TemporaryDirectory
  private let start = Instant(nanoseconds: 1_000_000_000)

  init() throws { directory = try TemporaryDirectory() }

  private var place: String { directory.path + "/stale" }
  private var files: [String] {
    ((try? CertificateDirectory.list(place)) ?? []).filter { !$0.hasPrefix(".") }
  }

  private func body(_ seed: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ seed) }
  }

  @Test func `what was put last under an address is found, and only there`() throws {
    let store = StaleFixture.store(in: place)
    #expect(store.find(StaleFixture.key("a")).isEmpty)
    let first = try StaleFixture.answer("a", body(1, 10))
    store.put(first, replacing: [], now: start)
    store.put(try StaleFixture.answer("b", body(2, 10)), replacing: [], now: start)
    store.put(try StaleFixture.answer("a", body(3, 10)), replacing: [first], now: start)
    #expect(store.find(StaleFixture.key("a")).map(\.readBody) == [body(3, 10)])
    #expect(store.find(StaleFixture.key("b")).map(\.readBody) == [body(2, 10)])
    #expect(store.contents.answers == 2)
    store.forget(StaleFixture.key("a"), now: start)
    #expect(store.find(StaleFixture.key("a")).isEmpty)
    #expect(store.contents.answers == 1)
  }

  @Test func `variants of one address are kept beside each other, and only so many`() throws {
    let store = StaleFixture.store(in: place)
    for number in 0..<(StaleShard.variantsMax + 3) {
      let answer = try StaleFixture.answer(
        "a", body(number, 10), varying: ["accept-language"], "Accept-Language: x-\(number)\r\n",
        at: start + .seconds(number))
      store.put(answer, replacing: [], now: start)
    }
    let kept = store.find(StaleFixture.key("a"))
    #expect(kept.count == StaleShard.variantsMax)
    #expect(!kept.contains { $0.readBody == body(2, 10) })
    #expect(kept.contains { $0.readBody == body(3, 10) })
    let fitting = try kept.filter { answer in
      answer.selection.fits(try StaleFixture.request("Accept-Language: x-7\r\n"), scope: [])
    }
    #expect(fitting.map(\.readBody) == [body(7, 10)])
    for fields in ["", "Accept-Language: x-7, x-8\r\n", "Accept-Language: X-7\r\n"] {
      let request = try StaleFixture.request(fields)
      #expect(!kept.contains { $0.selection.fits(request, scope: []) })
      #expect(!kept.contains { $0.selection.fits(request, scope: [1]) })
    }
  }

  @Test func `what was not used the longest goes to the disk, and from there away`() throws {
    let store = StaleFixture.store(in: place)
    for number in 0..<60 {
      store.put(try StaleFixture.answer("\(number)", body(number, 8000)), replacing: [], now: start)
    }
    let contents = store.contents
    #expect(contents.memoryBytes <= 64 << 10 && contents.diskBytes <= 256 << 10)
    #expect(contents.diskBytes > 200_000 && contents.memoryBytes > 40_000)
    #expect(files.count == contents.diskBytes / 8000)
    for number in 0..<60 {
      for found in store.find(StaleFixture.key("\(number)")) {
        #expect(found.readBody == body(number, 8000))
      }
    }
    #expect(store.find(StaleFixture.key("0")).isEmpty)
    #expect(store.find(StaleFixture.key("59")).count == 1)
  }

  @Test func `without a disk what gives way is gone`() throws {
    let store = StaleFixture.store(StaleFixture.settings(disk: 0), in: place)
    for number in 0..<20 {
      store.put(try StaleFixture.answer("\(number)", body(number, 8000)), replacing: [], now: start)
    }
    #expect(store.contents.diskBytes == 0 && files == [])
    #expect(store.contents.memoryBytes <= 64 << 10 && store.contents.answers >= 5)
  }

  @Test func `what is asked for again and again stays while others come once`() throws {
    let store = StaleFixture.store(StaleFixture.settings(disk: 0), in: place)
    let front = try StaleFixture.answer("front", body(1, 4000))
    store.put(front, replacing: [], now: start)
    store.touch(front, now: start)
    for number in 0..<200 {
      store.put(try StaleFixture.answer("\(number)", body(number, 4000)), replacing: [], now: start)
    }
    #expect(store.find(StaleFixture.key("front")).count == 1)
    // What became known later takes its place in the end.
    for number in 0..<40 {
      let answer = try StaleFixture.answer("k\(number)", body(number, 4000))
      store.put(answer, replacing: [], now: start)
      store.touch(answer, now: start)
    }
    #expect(store.find(StaleFixture.key("front")).isEmpty)
  }

  @Test func `a disk that takes nothing costs what would have been on it, and is left alone`()
    throws
  {
    try directory.write("stale", "a file where the directory should be")
    let store = StaleFixture.store(in: place)
    for number in 0..<20 {
      store.put(try StaleFixture.answer("\(number)", body(number, 8000)), replacing: [], now: start)
    }
    #expect(store.counters.failures.now == 1)
    #expect(store.contents.diskBytes == 0 && store.contents.memoryBytes <= 64 << 10)
    #expect(store.find(StaleFixture.key("19")).map(\.readBody) == [body(19, 8000)])
    #expect(store.diskFailure?.code == 20)
    let section = StaleSection(store).section
    #expect(
      section.warnings == [
        "last good answers cannot be written below 'state': open: Not a directory"
      ])
    // Ten seconds later it is tried again.
    let later = start + .seconds(11)
    store.put(try StaleFixture.answer("later", body(1, 8000)), replacing: [], now: later)
    #expect(store.counters.failures.now == 2)
  }

  @Test func `files go with their answers`() throws {
    do {
      let store = StaleFixture.store(in: place)
      for number in 0..<30 {
        store.put(
          try StaleFixture.answer("\(number)", body(number, 8000)), replacing: [], now: start)
      }
      let before = files.count
      #expect(before > 10)
      let onDisk = (0..<30).filter {
        store.find(StaleFixture.key("\($0)")).contains { $0.bodyBytes == nil }
      }
      store.forget(StaleFixture.key("\(try #require(onDisk.first))"), now: start)
      #expect(files.count == before - 1)
    }
    #expect(files == [])
  }

  @Test func `a file that is shorter, longer or gone is no body`() throws {
    for (text, count) in [("abc", 4), ("abc", 2), ("", 1)] {
      try directory.write("f", text)
      let file = StaleFile(path: directory.path + "/f")
      #expect(file.read(count: count) == nil)
      #expect(file.read(count: text.utf8.count) == octets(text))
    }
    #expect(StaleFile(path: directory.path + "/none").read(count: 0) == nil)
  }

  @Test func `what a process has left is removed, and nothing else`() throws {
    directory.make("stale")
    for name in ["12-1", "12-200", "keep", "1-2-3", "a-1", "12-"] {
      try directory.write("stale/" + name, "x")
    }
    StaleDirectory.clear(in: directory.path)
    #expect(files.sorted() == ["1-2-3", "12-", "a-1", "keep"])
  }

  @Test func `what has become too old is let go`() throws {
    let store = StaleFixture.store(in: place)
    for number in 0..<30 {
      let answer = try StaleFixture.answer(
        "\(number)", body(number, 8000), at: start, limit: .seconds(number < 15 ? 10 : 100))
      store.put(answer, replacing: [], now: start)
    }
    let all = store.contents.answers
    store.sweep(now: start + .seconds(10))
    #expect(store.contents.answers == all)
    store.sweep(now: start + .seconds(11))
    #expect(store.contents.answers == 15)
    store.sweep(now: start + .seconds(101))
    #expect(store.contents == StaleStore.Contents())
    #expect(files == [])
  }

  // MARK: Any order of events

  @Test(arguments: 1...20)
  func `the bounds hold and nothing is mixed up in any order of events`(seed: Int) throws {
    var random = SeededRandom(seed: UInt64(seed))
    let settings = StaleFixture.settings(
      memory: [64, 100, 200].map { $0 << 10 }.randomElement(using: &random) ?? 64 << 10,
      disk: [0, 30_000, 300_000].randomElement(using: &random) ?? 0)
    let store = StaleFixture.store(settings, in: place)
    var last: [String: [UInt8]] = [:]
    for step in 0..<600 {
      let name = "\(Int.random(in: 0..<40, using: &random))"
      let key = StaleFixture.key(name)
      let found = store.find(key)
      #expect(found.count <= 1)
      for answer in found { #expect(answer.readBody == last[name], "step \(step)") }
      switch Int.random(in: 0..<10, using: &random) {
      case 0:
        store.forget(key, now: start)
        last[name] = nil
      case 1, 2: if let answer = found.first { store.touch(answer, now: start) }
      case 3: if let answer = found.first { store.remove(answer, now: start) }
      default:
        let body = body(step, Int.random(in: 0...15_000, using: &random))
        let at = start + .seconds(step)
        store.put(try StaleFixture.answer(name, body, at: at), replacing: found, now: start)
        last[name] = body
      }
      let contents = store.contents
      #expect(
        contents.memoryBytes <= settings.memoryBytes && contents.diskBytes <= settings.diskBytes)
      #expect(contents.memoryBytes >= 0 && contents.diskBytes >= 0)
    }
    store.sweep(now: start + .seconds(10_000))
    #expect(store.contents == StaleStore.Contents())
    #expect(files == [])
  }

  @Test func `several threads find whole answers of their address only`() throws {
    let store = StaleStore(
      StaleFixture.settings(memory: 128 << 10), directory: place)
    let complaints = Guarded(0)
    let threads = try (0..<4).map { thread in
      try WorkerThread(name: "test") { [start] in
        var random = SeededRandom(seed: UInt64(thread))
        for step in 0..<1500 {
          let number = Int.random(in: 0..<30, using: &random)
          let key = StaleFixture.key("\(number)")
          let found = store.find(key)
          for answer in found {
            // Its file may have gone between the two looks.
            guard let body = answer.readBody else { continue }
            let isWhole = body.allSatisfy { $0 == UInt8(number) } && body.count == answer.bodyCount
            if !isWhole { complaints.withLock { $0 += 1 } }
          }
          if step % 7 == 0 { store.forget(key, now: start) }
          let body = [UInt8](
            repeating: UInt8(number), count: Int.random(in: 0...9000, using: &random))
          guard let answer = try? StaleFixture.answer("\(number)", body) else { continue }
          store.put(answer, replacing: found, now: start)
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(complaints.withLock { $0 } == 0)
    #expect(store.contents.memoryBytes <= store.memoryBytesMax)
  }

  @Test func `a body that is on its way to the disk is found, and may be replaced meanwhile`()
    throws
  {
    let jobs = Guarded<[@Sendable () -> Void]>([])
    let store = StaleStore(StaleFixture.settings(), directory: place) { job in
      jobs.withLock { $0.append(job) }
    }
    for number in 0..<12 {
      store.put(try StaleFixture.answer("\(number)", body(number, 8000)), replacing: [], now: start)
    }
    #expect(store.find(StaleFixture.key("0")).map(\.readBody) == [body(0, 8000)])
    #expect(store.contents.memoryBytes <= store.memoryBytesMax)
    let old = store.find(StaleFixture.key("0"))
    store.put(try StaleFixture.answer("0", body(99, 500)), replacing: old, now: start)
    while let job = jobs.withLock({ $0.popLast() }) { job() }
    #expect(store.find(StaleFixture.key("0")).map(\.readBody) == [body(99, 500)])
    #expect(store.contents.memoryBytes <= 64 << 10)
    #expect(files.count == store.contents.diskBytes / 8000)
  }
}

@Suite("Lists in the order of last use")
struct RecencyListsTests {
  @Test(arguments: 1...5)
  func `they do what arrays would`(seed: Int) {
    var random = SeededRandom(seed: UInt64(seed))
    var lists = RecencyLists(count: 3)
    var model: [[Int]] = [[], [], []]
    for _ in 0..<2000 {
      let item = Int.random(in: 0..<20, using: &random)
      if let list = model.firstIndex(where: { $0.contains(item) }) {
        lists.remove(item, from: list)
        model[list].removeAll { $0 == item }
      }
      if Bool.random(using: &random) {
        let list = Int.random(in: 0..<3, using: &random)
        lists.add(item, to: list)
        model[list].append(item)
      }
      for list in 0..<3 { #expect(lists.oldest(of: list) == model[list].first) }
    }
  }
}
