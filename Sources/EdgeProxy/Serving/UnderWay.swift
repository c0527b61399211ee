internal import CCrash
internal import EventLoop
internal import HTTPCore

/// What a worker has under way, kept where the signal handler finds it when the process ends.
///
/// Texts are copied, since the handler cannot trust any pointer of ours. The query of a target is
/// left out, and fields and bodies are: they hold what nobody else may see.
// SAFETY: this value owns what C keeps for one thread and gives it back once, in `deinit`. It stays
// mapped for the handler.
@safe
struct UnderWay: ~Copyable {
  /// Where a request is noted; it is given back with `end`.
  struct Place: Equatable {
    fileprivate var number: UInt32
    static let none = Place(number: UInt32.max)
  }

  /// `nil` where there was no memory: then nothing is noted.
  ///
  /// The handler reads it as long as it lives.
  let worker: OpaquePointer?

  /// Belongs to the calling thread.
  init() { unsafe worker = crash_worker_new() }

  deinit { if let worker = unsafe worker { unsafe crash_worker_free(worker) } }

  /// A request begins: its head is there.
  func begin(
    _ head: borrowing RequestHead, id: [UInt8], client: [UInt8], at now: Instant
  ) -> Place {
    guard let worker = unsafe worker else { return .none }
    let place = unsafe Place(number: crash_begin(worker, now.nanoseconds))
    note(CRASH_CLIENT, client.span, at: place)
    note(CRASH_ID, id.span, at: place)
    note(CRASH_METHOD, head.span(head.methodBytes), at: place)
    note(CRASH_HOST, head.host.span, at: place)
    note(CRASH_TARGET, head.span(head.path), at: place)
    return place
  }

  /// The request that was noted there has ended.
  func end(_ place: inout Place) {
    if let worker = unsafe worker { unsafe crash_end(worker, place.number) }
    place = .none
  }

  /// The worker goes on with a request.
  func turn(to place: Place) {
    if let worker = unsafe worker { unsafe crash_turn_to_request(worker, place.number) }
  }

  /// The worker goes on with a connection, whichever of its requests that may be for.
  func turn(toClient address: [UInt8]) {
    // SAFETY: C copies the bytes while the array lends them.
    if let worker = unsafe worker { unsafe crash_turn_to_client(worker, address, address.count) }
  }

  private func note(_ fact: crash_fact, _ bytes: borrowing Span<UInt8>, at place: Place) {
    guard let worker = unsafe worker else { return }
    // SAFETY: C copies the bytes while the span lends them, and cuts them to the room it has.
    unsafe bytes.withUnsafeBufferPointer { bytes in
      unsafe crash_note(worker, place.number, fact, bytes.baseAddress, bytes.count)
    }
  }
}
