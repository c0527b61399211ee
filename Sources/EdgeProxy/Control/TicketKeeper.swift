internal import Etcd
internal import EventLoop
internal import Logging
internal import TLS

/// The keys that session tickets are sealed with: this server's own, or its fleet's.
///
/// The fleet's are followed while etcd tells of them. When it does not for so long that they should
/// have been rotated, this server goes on to the next of them, which all servers have had for one
/// period, and after that it is alone until etcd is back.
final class TicketKeeper {
  private let logger: Logger
  /// Seconds since 1970.
  let now: () -> Int64
  private let changed: () -> Void
  private var keyring: TicketKeyring
  private(set) var keys: TicketKeys
  private var shared: SharedTickets?
  private var save: ((TicketKeyring) -> Void)?

  /// A fleet's keyring that is so late was not rotated because etcd is away.
  private static let graceSeconds: Int64 = 600

  /// `changed` is told when `keys` are others than before.
  init(logger: Logger, now: @escaping () -> Int64, changed: @escaping () -> Void) throws {
    self.logger = logger
    self.now = now
    self.changed = changed
    keyring = try TicketKeyring(now: now())
    keys = TicketKeys(keyring)
  }

  /// Follows the fleet's keys from here on; `copy` is what was kept of them.
  func share(
    _ shared: SharedTickets, copy: TicketKeyring?, save: @escaping (TicketKeyring) -> Void
  ) {
    self.shared = shared
    self.save = save
    if let copy { install(copy) }
  }

  /// Goes on with keys of its own, which no other server knows.
  func unshare() {
    guard shared != nil else { return }
    shared = nil
    save = nil
    do throws(TLSError) {
      install(try TicketKeyring(now: now()))
    } catch {
      logger.error("ticket keys were not rotated", metadata: ["error": "\(error)"])
    }
  }

  /// Takes what etcd has.
  func take(_ keyring: TicketKeyring) {
    guard keyring != self.keyring else { return }
    install(keyring)
    save?(keyring)
    logger.info("ticket keys of the fleet", metadata: ["generation": "\(keyring.generation)"])
  }

  /// Counts the rotations of the keys in use.
  var generation: UInt64 { keyring.generation }

  var section: StatusSection {
    TicketsSection(isShared: shared != nil, generation: generation, failure: shared?.failure)
      .section
  }

  func everySecond() {
    shared?.everySecond()
    let patience = shared == nil ? 0 : Self.graceSeconds
    guard keyring.isDue(now: now() - patience) else { return }
    do throws(TLSError) {
      install(try keyring.rotated(now: now()))
    } catch {
      logger.error("ticket keys were not rotated", metadata: ["error": "\(error)"])
    }
  }

  /// Lets another server of the fleet rotate.
  func end() { shared?.end() }

  private func install(_ next: TicketKeyring) {
    keyring = next
    keys = TicketKeys(next)
    changed()
  }
}
