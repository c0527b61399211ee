/// Objects of one kind that are used again, so that a request in steady state allocates nothing.
///
/// What is given back is lent again in the next turn at the earliest, since callers further up may
/// still be within one of its functions.
struct ObjectPool<Object: AnyObject> {
  private var free: [Object] = []
  private var returned: [Object] = []

  /// Objects kept for later; more than these go back to the allocator.
  private let keptMax = 256

  mutating func take() -> Object? { free.popLast() }

  mutating func give(_ object: Object) { returned.append(object) }

  var isSettled: Bool { returned.isEmpty }

  /// The turn is over: what came back is made ready, also where it is not kept.
  mutating func settle(_ prepare: (Object) -> Void = { _ in }) {
    for object in returned {
      prepare(object)
      if free.count < keptMax { free.append(object) }
    }
    returned.removeAll(keepingCapacity: true)
  }
}
