/// A part of the store, for the addresses whose hash leads to it; one thread at a time has it.
///
///     put ──▶ new ──▶ known ──▶ new …        put again or given: it is known
///              │        │
///              └────┬───┘  memory is full, the one that was used the longest ago
///                   ▼
///                writing ──▶ disk ──▶ gone   the disk is full
///                   └──▶ gone                the disk does not take it
///
/// What was seen once gives way first, so that many addresses that are asked for once do not push
/// out what is asked for all the time. At most three quarters of the memory are for what is known.
struct StaleShard: Sendable {
  enum Place: Int, CaseIterable, Sendable { case new, known, writing, disk }

  /// What has to be done once the shard is free again.
  struct Displaced: Sendable {
    /// These go to the disk.
    var leaving: [StaleAnswer] = []
    /// These are gone; their files go with them.
    var gone: [StaleAnswer] = []
  }

  private struct Slot: Sendable {
    var answer: StaleAnswer
    var place: Place
  }

  /// Answers for one address that differ by Vary or by their route.
  static let variantsMax = 16
  /// A smaller body is not worth a file.
  static let fileBytesMin = 1 << 10

  let memoryMax: Int
  let diskMax: Int
  /// Bytes on their way to the disk, besides `memoryMax`.
  let writingMax: Int

  private var slots: [Slot?] = []
  private var free: [Int] = []
  private var lists = RecencyLists(count: Place.allCases.count)
  private var byKey: [StaleKey: [Int]] = [:]

  private(set) var count = 0
  /// All of it: bodies in memory, and what is known of those that are on the disk.
  private(set) var memoryBytes = 0
  private(set) var diskBytes = 0
  private(set) var writingBytes = 0
  private var knownBytes = 0

  init(memoryMax: Int, diskMax: Int, writingMax: Int) {
    self.memoryMax = memoryMax
    self.diskMax = diskMax
    self.writingMax = writingMax
  }

  func find(_ key: StaleKey) -> [StaleAnswer] {
    (byKey[key] ?? []).compactMap { slots[$0]?.answer }
  }

  /// Keeps an answer in the place of others for the same request.
  ///
  /// Without `mayWrite` nothing goes to the disk.
  mutating func put(
    _ answer: StaleAnswer, replacing old: [StaleAnswer], mayWrite: Bool
  ) -> Displaced {
    var displaced = Displaced()
    var place = Place.new
    for index in byKey[answer.key] ?? [] {
      guard let known = slots[index]?.answer, old.contains(where: { $0 === known }) else {
        continue
      }
      place = .known
      remove(index, &displaced)
    }
    if let all = byKey[answer.key], all.count >= Self.variantsMax,
      let oldest = all.min(by: { received($0) < received($1) })
    {
      remove(oldest, &displaced)
    }
    let index = free.popLast() ?? slots.count
    if index == slots.count { slots.append(nil) }
    byKey[answer.key, default: []].append(index)
    count += 1
    fill(index, answer, place)
    settle(mayWrite, &displaced)
    return displaced
  }

  /// Somebody was given it.
  mutating func touch(_ answer: StaleAnswer, mayWrite: Bool) -> Displaced {
    var displaced = Displaced()
    guard let index = index(of: answer), let slot = slots[index] else { return displaced }
    switch slot.place {
    case .new, .known:
      empty(index)
      fill(index, answer, .known)
      settle(mayWrite, &displaced)
    case .disk:
      empty(index)
      fill(index, answer, .disk)
    case .writing: break
    }
    return displaced
  }

  /// The disk has taken an answer, or not (`nil`); what happened to it meanwhile counts.
  mutating func written(
    _ answer: StaleAnswer, as onDisk: StaleAnswer?, mayWrite: Bool
  ) -> Displaced {
    var displaced = Displaced()
    guard let index = index(of: answer), slots[index]?.place == .writing else {
      if let onDisk { displaced.gone.append(onDisk) }
      return displaced
    }
    guard let onDisk else {
      remove(index, &displaced)
      return displaced
    }
    empty(index)
    fill(index, onDisk, .disk)
    settle(mayWrite, &displaced)
    return displaced
  }

  mutating func remove(_ answer: StaleAnswer) -> Displaced {
    var displaced = Displaced()
    if let index = index(of: answer) { remove(index, &displaced) }
    return displaced
  }

  mutating func forget(_ key: StaleKey) -> Displaced {
    var displaced = Displaced()
    for index in byKey[key] ?? [] { remove(index, &displaced) }
    return displaced
  }

  /// Lets go of what may not be given any more, as far as it is the next to give way: so many at a
  /// time at most.
  mutating func sweep(most: Int, _ isOver: (StaleAnswer) -> Bool) -> Displaced {
    var displaced = Displaced()
    for place in [Place.new, .known, .disk] {
      while displaced.gone.count < most, let index = lists.oldest(of: place.rawValue),
        let slot = slots[index],
        isOver(slot.answer)
      {
        remove(index, &displaced)
      }
    }
    return displaced
  }

  // MARK: Room

  private mutating func settle(_ mayWrite: Bool, _ displaced: inout Displaced) {
    while knownBytes > memoryMax / 4 * 3, let index = lists.oldest(of: Place.known.rawValue) {
      move(index, to: .new)
    }
    while memoryBytes - writingBytes > memoryMax {
      let oldest = lists.oldest(of: Place.new.rawValue) ?? lists.oldest(of: Place.known.rawValue)
      if let index = oldest, let answer = slots[index]?.answer {
        guard mayWrite, isWorthAFile(answer) else {
          remove(index, &displaced)
          continue
        }
        move(index, to: .writing)
        displaced.leaving.append(answer)
      } else if let index = lists.oldest(of: Place.disk.rawValue) {
        remove(index, &displaced)
      } else {
        break
      }
    }
    while diskBytes > diskMax, let index = lists.oldest(of: Place.disk.rawValue) {
      remove(index, &displaced)
    }
  }

  private func isWorthAFile(_ answer: StaleAnswer) -> Bool {
    answer.bodyCount >= Self.fileBytesMin && answer.bodyCount <= diskMax
      && writingBytes + answer.memoryBytes <= writingMax
  }

  // MARK: Slots

  private func received(_ index: Int) -> Int64 { slots[index]?.answer.receivedAt.nanoseconds ?? 0 }

  private func index(of answer: StaleAnswer) -> Int? {
    byKey[answer.key]?.first { slots[$0]?.answer === answer }
  }

  private mutating func move(_ index: Int, to place: Place) {
    guard let answer = slots[index]?.answer else { return }
    empty(index)
    fill(index, answer, place)
  }

  private mutating func fill(_ index: Int, _ answer: StaleAnswer, _ place: Place) {
    slots[index] = Slot(answer: answer, place: place)
    lists.add(index, to: place.rawValue)
    count(answer, place, 1)
  }

  private mutating func empty(_ index: Int) {
    guard let slot = slots[index] else { return }
    lists.remove(index, from: slot.place.rawValue)
    count(slot.answer, slot.place, -1)
  }

  private mutating func count(_ answer: StaleAnswer, _ place: Place, _ sign: Int) {
    let bytes = answer.memoryBytes * sign
    memoryBytes += bytes
    switch place {
    case .new: break
    case .known: knownBytes += bytes
    case .writing: writingBytes += bytes
    case .disk: diskBytes += answer.bodyCount * sign
    }
  }

  private mutating func remove(_ index: Int, _ displaced: inout Displaced) {
    guard let slot = slots[index] else { return }
    empty(index)
    slots[index] = nil
    free.append(index)
    count -= 1
    displaced.gone.append(slot.answer)
    let rest = (byKey[slot.answer.key] ?? []).filter { $0 != index }
    byKey[slot.answer.key] = rest.isEmpty ? nil : rest
  }
}
