internal import DNSCore
internal import EventLoop

/// What became of the check of one record.
struct CloudnsCheck: Equatable {
  enum Outcome: Equatable {
    /// There is a check already, which is left as it is.
    case kept
    case set
    /// Only looked at.
    case wouldSet
    case refused(String)
  }

  let record: AddressRecord
  let outcome: Outcome
}

/// ClouDNS's own checks of addresses, https://www.cloudns.net/wiki/article/274.
///
/// A record is not answered while TCP to its address fails, which ClouDNS sees within a minute or two: for a
/// fleet whose records nobody else keeps.
extension CloudnsProvider {
  /// Has each A record of these names checked at this port, if nothing checks it yet.
  ///
  /// One that is refused does not keep the others. `done` is called once, by the loop, in the order of names and
  /// addresses.
  func setChecks(
    of names: [DNSName], port: UInt16, isDryRun: Bool,
    _ done: @escaping (Result<[CloudnsCheck], RecordFailure>) -> Void
  ) {
    addresses(names) { [weak self] result in
      switch result {
      case .failure(let failure): done(.failure(failure))
      case .success(let found):
        let records = found.filter { $0.address.address.isIPv4 }
          .sorted { Self.order($0.address) < Self.order($1.address) }
        self?.setNext(records[...], port, isDryRun, []) { done(.success($0)) }
      }
    }
  }

  private static func order(_ record: AddressRecord) -> (String, UInt64) {
    ("\(record.name)", record.address.low)
  }

  private func setNext(
    _ records: ArraySlice<(address: AddressRecord, record: CloudnsAPI.Record)>, _ port: UInt16,
    _ isDryRun: Bool, _ before: [CloudnsCheck], _ done: @escaping ([CloudnsCheck]) -> Void
  ) {
    var (records, checks) = (records, before)
    while let (address, record) = records.popFirst() {
      if record.hasCheck || isDryRun {
        checks.append(
          CloudnsCheck(record: address, outcome: record.hasCheck ? .kept : .wouldSet))
        continue
      }
      let call = CloudnsAPI.check(record.id, of: address.addressText, port: port, in: zone)
      return change(call) { [weak self, records, checks] failure in
        let outcome = failure.map { CloudnsCheck.Outcome.refused($0.description) } ?? .set
        let all = checks + [CloudnsCheck(record: address, outcome: outcome)]
        self?.setNext(records, port, isDryRun, all, done)
      }
    }
    done(checks)
  }
}
