internal import HTTPCore
internal import Logging

/// What the log and the warnings say of the addresses of the fleet.
final class AddressNotices {
  private let node: String
  private let logger: Logger
  private let warnings: Warnings
  /// Why the copy on disk is not what is known, as it was last told.
  private var copyFailure: String?

  private static let few = "fleet addresses"
  private static let double = "public address"
  private static let namesMax = 10

  init(node: String, logger: Logger, warnings: Warnings) {
    self.node = node
    self.logger = logger
    self.warnings = warnings
  }

  /// Addresses are answered no longer, or again, with the servers that see them.
  func tell(_ changes: [LivingAddresses.Change], _ electorate: Electorate) {
    for change in changes {
      let witnesses = electorate.witnesses(change.address)
      let metadata: Logger.Metadata = [
        "address": "\(Self.text(change.address))",
        "connects": "\(Self.names(witnesses.connects))", "fails": "\(Self.names(witnesses.fails))",
      ]
      if change.isAnswered {
        logger.notice(
          change.isNew ? "address is answered" : "address is answered again", metadata: metadata)
      } else if change.isReturning {
        logger.notice(
          "address is answered again later: enough others live, and it has not been well for long",
          metadata: metadata)
      } else if electorate.isKnown(change.address) {
        let reason =
          electorate.isClosed(change.address)
          ? "its server has closed the port" : "it cannot be connected to"
        logger.warning(
          "address left out of answers",
          metadata: metadata.merging(["reason": "\(reason)"]) { first, _ in first })
      } else {
        logger.notice(
          "address left out of answers",
          metadata: [
            "address": "\(Self.text(change.address))",
            "reason": "no server of the fleet has it any more",
          ])
      }
    }
  }

  /// Whether addresses that are away are answered for want of others.
  func tellFew(_ hasTooFew: Bool) {
    guard hasTooFew else {
      if warnings.clear(Self.few) { logger.notice("enough addresses of the fleet are there again") }
      return
    }
    let text =
      "fewer than two, or fewer than half, of the fleet's addresses can be connected to; DNS answers with all of them"
    let advice = "'edgeproxy dns status' shows which are away and which servers say so"
    guard warnings.raise(Self.few, text, advice: advice) else { return }
    logger.warning("\(text)", metadata: ["advice": "\(advice)"])
  }

  /// Another server says that it has an address of this one.
  func tellDoubles(_ servers: [KnownServer]) {
    let own = Set(servers.filter { $0.node == node }.flatMap(\.addresses))
    let others = servers.filter { $0.node != node && !own.isDisjoint(with: $0.addresses) }
    guard let other = others.first else {
      warnings.clear(Self.double)
      return
    }
    let text = "the server '\(other.node)' says that it has a public address of this one"
    let advice =
      "if it will not come back: edgeproxy dns forget \(other.node); else correct 'public'"
    guard warnings.raise(Self.double, text, advice: advice) else { return }
    logger.warning("\(text)", metadata: ["advice": "\(advice)"])
  }

  func tellCopy(_ failure: String?) {
    if let failure, failure != copyFailure {
      logger.warning("the fleet's public addresses are not kept on disk: \(failure)")
    }
    copyFailure = failure
  }

  func tellForgotten(_ node: String) {
    logger.notice("a server of the fleet was forgotten", metadata: ["server": "\(node)"])
  }

  /// Another owner tells from now on.
  func clear() { for key in [Self.few, Self.double] { warnings.clear(key) } }

  private static func text(_ address: IPAddress) -> String {
    String(decoding: address.text, as: UTF8.self)
  }

  private static func names(_ names: [String]) -> String {
    let more = names.count - namesMax
    return names.prefix(namesMax).joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
  }
}

@available(*, unavailable) extension AddressNotices: Sendable {}
