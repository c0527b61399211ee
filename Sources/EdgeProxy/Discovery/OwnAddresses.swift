internal import EventLoop
internal import HTTPCore

/// The addresses of this machine: what its instances may announce.
struct OwnAddresses {
  typealias Ask = () throws(SystemError) -> [[UInt8]]

  private let ask: Ask
  /// What the kernel told last; a question that fails takes none of them away.
  private(set) var all: Set<IPAddress> = []
  /// Why they cannot be read, and what to do; `nil` while they can.
  private(set) var failure: String?

  enum News: Equatable {
    case none
    case failed(String)
    case readAgain
  }

  init(_ ask: @escaping Ask = InterfaceAddresses.all) { self.ask = ask }

  /// Asks again; the result is what the log shall tell.
  mutating func look() -> News {
    let failedBefore = failure
    do throws(SystemError) {
      all = Set(try ask().compactMap { IPAddress(octets: $0) })
      failure = nil
      return failedBefore == nil ? .none : .readAgain
    } catch {
      let told =
        "the addresses of this machine cannot be read, so announcements of its network addresses"
        + " may be refused: \(error); under systemd RestrictAddressFamilies must have AF_NETLINK"
      failure = told
      return failedBefore == told ? .none : .failed(told)
    }
  }
}
