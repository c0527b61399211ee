internal import DNSCore
internal import HTTPCore

/// Decides which address record at the provider is to be changed next.
///
/// - A record whose address is a server's belongs to the fleet, and so does one that was there when its
///   address was. Others are foreign: they are left alone, and told.
/// - A record goes while its server does not answer, or once its server has been unknown for five minutes;
///   but only while two records of living servers stay at the name, and one of its family.
/// - An address that goes again and again comes back later, `Unrest`.
///
/// Every change that is allowed stays allowed when others of them are made before it.
struct RecordPlan {
  /// The addresses of the servers at one moment.
  struct Fleet: Equatable, Sendable {
    /// Of all that are known, whether they live or not.
    var known: Set<IPAddress>
    /// Those that clients are to be led to.
    var wanted: Set<IPAddress>
  }

  struct Change: Hashable {
    enum Action: String, CaseIterable { case add, remove }
    let action: Action
    let record: AddressRecord
  }

  /// A change that is not made now.
  struct Held: Equatable {
    enum Reason: Equatable {
      /// Too few living servers would stay at the name.
      case last
      /// The address has gone too often; until then, in seconds since 1970.
      case unrest(until: Int64)
      /// Its server was known a moment ago, and may tell of itself again.
      case unknown(until: Int64)
    }

    let change: Change
    let reason: Reason
    /// Its server is not known any more.
    let isForgotten: Bool
  }

  struct Judgement: Equatable {
    /// The most urgent first.
    var changes: [Change] = []
    var held: [Held] = []
    var foreign: [AddressRecord] = []
  }

  /// Wildcards first: a name that has no record of its own is answered from them, and looks as if it had.
  let names: [DNSName]
  private(set) var state: RecordState
  /// What the provider said last that it has; `nil` where it cannot tell.
  private var listing: Set<AddressRecord>?

  /// Since when addresses of ours have been no server's, in seconds since 1970.
  private var unknownSince: [IPAddress: Int64] = [:]

  /// Records of living servers that stay at a name when another goes.
  static let staysMin = 2
  /// An etcd that was emptied knows all servers again after seconds.
  static let unknownMin: Int64 = 300

  init(_ names: [DNSName], _ state: RecordState) {
    let wildcards = names.filter { $0.labels.first == [UInt8(ascii: "*")] }
    self.names = wildcards + names.filter { !wildcards.contains($0) }
    self.state = state
    self.state.marks = state.marks.filter { names.contains($0.key.name) }
  }

  // MARK: What is there

  /// Takes what the provider has; `nil` where it cannot tell.
  mutating func take(_ listing: Set<AddressRecord>?, _ fleet: Fleet, now: Int64) {
    self.listing = listing?.filter { names.contains($0.name) }
    if let listing = self.listing {
      for (record, mark) in state.marks where mark != .gone && !listing.contains(record) {
        state.marks[record] = .gone
      }
      for record in listing where isOurs(record, fleet) { state.marks[record] = .there }
    }
    state.marks = state.marks.filter { $1 != .gone || fleet.known.contains($0.address) }
    let marked = Set(state.marks.keys.map(\.address))
    unknownSince = Dictionary(
      uniqueKeysWithValues: marked.subtracting(fleet.known).map { ($0, unknownSince[$0] ?? now) })
    state.unrest = state.unrest.filter {
      !$1.isForgotten(at: now) && (fleet.known.contains($0) || marked.contains($0))
    }
  }

  private func isOurs(_ record: AddressRecord, _ fleet: Fleet) -> Bool {
    let mark = state.marks[record]
    return fleet.known.contains(record.address) || mark == .there || mark == .unsure
  }

  func isThere(_ record: AddressRecord) -> Bool {
    listing?.contains(record) ?? (state.marks[record] == .there)
  }

  // MARK: What is to be done

  func judge(_ fleet: Fleet, now: Int64) -> Judgement {
    var judgement = Judgement()
    var (dead, new, forgotten): ([Change], [Change], [Change]) = ([], [], [])
    for name in names {
      let stays = fleet.wanted.filter { isThere(AddressRecord(name: name, address: $0)) }
      for address in Self.sorted(fleet.wanted.subtracting(stays)) {
        let change = Change(action: .add, record: AddressRecord(name: name, address: address))
        // With too few at the name, any that answers now and then is better than none.
        if let until = state.unrest[address]?.staysOut(at: now), Self.mayGo(address, stays) {
          judgement.held.append(
            Held(change: change, reason: .unrest(until: until), isForgotten: false))
        } else {
          new.append(change)
        }
      }
      for address in Self.sorted(unwanted(at: name, fleet)) {
        let change = Change(action: .remove, record: AddressRecord(name: name, address: address))
        guard isOurs(change.record, fleet) else {
          judgement.foreign.append(change.record)
          continue
        }
        let isForgotten = !fleet.known.contains(address)
        let reason = isForgotten ? waits(address, now).map { Held.Reason.unknown(until: $0) } : nil
        if let reason = reason ?? (Self.mayGo(address, stays) ? nil : .last) {
          judgement.held.append(Held(change: change, reason: reason, isForgotten: isForgotten))
        } else if isForgotten {
          forgotten.append(change)
        } else {
          dead.append(change)
        }
      }
    }
    judgement.changes = dead + new + forgotten
    return judgement
  }

  /// The addresses that a name has, or may have, and is not to have.
  private func unwanted(at name: DNSName, _ fleet: Fleet) -> Set<IPAddress> {
    var addresses: Set<IPAddress>
    if let listing {
      addresses = Set(listing.lazy.filter { $0.name == name }.map(\.address))
    } else {
      // What nobody has put there or taken away may have been there before.
      let marks = state.marks.filter { $0.key.name == name }
      addresses = fleet.known.union(marks.keys.map(\.address))
      addresses.subtract(marks.lazy.filter { $1 == .gone }.map(\.key.address))
    }
    return addresses.subtracting(fleet.wanted)
  }

  /// Until when the record of an unknown server stays; `nil` where it need not, also when the clock was set
  /// back.
  private func waits(_ address: IPAddress, _ now: Int64) -> Int64? {
    let since = unknownSince[address] ?? now
    let (age, overflow) = now.subtractingReportingOverflow(since)
    guard !overflow, (0..<Self.unknownMin).contains(age) else { return nil }
    return since.addingReportingOverflow(Self.unknownMin).partialValue
  }

  private static func mayGo(_ address: IPAddress, _ stays: Set<IPAddress>) -> Bool {
    stays.count >= staysMin && stays.contains { $0.isIPv4 == address.isIPv4 }
  }

  static func sorted(_ addresses: Set<IPAddress>) -> [IPAddress] {
    addresses.sorted { ($0.high, $0.low) < ($1.high, $1.low) }
  }

  // MARK: What becomes of it

  mutating func begin(_ change: Change) { state.marks[change.record] = .unsure }

  /// The provider has made a change; what it has is to be asked again.
  mutating func made(_ change: Change, now: Int64) {
    let address = change.record.address
    switch change.action {
    case .add:
      state.marks[change.record] = .there
      listing?.insert(change.record)
      state.unrest[address]?.came(at: now)
    case .remove:
      state.marks[change.record] = .gone
      listing?.remove(change.record)
      state.unrest[address, default: Unrest()].went(at: now)
    }
  }
}
