/// One or two certificates of different kinds of key for the same names; its identity tells it from others.
package protocol CertificateSet: AnyObject, Sendable {
  var certificates: [Certificate] { get }
}

/// The contexts of the certificate sets that one worker was asked for last.
///
/// Each takes 12 kB and its certificates and key once more, so that only so many are kept. One that was not
/// asked for since the last round makes room for another.
struct SetContexts {
  private struct Kept {
    let set: any CertificateSet
    let context: SetContext
    var isAskedFor: Bool
  }

  private var kept: [Kept] = []
  private var places: [ObjectIdentifier: Int] = [:]
  /// Where the round goes on.
  private var hand = 0
  private let keptMax: Int

  /// At most `keptMax` are kept, and at least one.
  init(keptMax: Int = 1024) { self.keptMax = max(1, keptMax) }

  var count: Int { kept.count }

  /// The context of a set; `nil` where it cannot be made.
  mutating func context(of set: any CertificateSet, _ policy: TLSPolicy) -> SetContext? {
    if let place = places[ObjectIdentifier(set)] {
      kept[place].isAskedFor = true
      return kept[place].context
    }
    guard let context = try? SetContext(set.certificates, policy: policy) else { return nil }
    let new = Kept(set: set, context: context, isAskedFor: false)
    if kept.count < keptMax {
      places[ObjectIdentifier(set)] = kept.count
      kept.append(new)
    } else {
      turn()
      places[ObjectIdentifier(kept[hand].set)] = nil
      places[ObjectIdentifier(set)] = hand
      kept[hand] = new
    }
    return context
  }

  /// Goes on to one that was not asked for since it was passed last.
  private mutating func turn() {
    hand = (hand + 1) % kept.count
    while kept[hand].isAskedFor {
      kept[hand].isAskedFor = false
      hand = (hand + 1) % kept.count
    }
  }

  /// Lets go of the others.
  mutating func keep(where isServed: (any CertificateSet) -> Bool) {
    kept.removeAll { !isServed($0.set) }
    places = [:]
    for (place, one) in kept.enumerated() { places[ObjectIdentifier(one.set)] = place }
    hand = 0
  }
}
