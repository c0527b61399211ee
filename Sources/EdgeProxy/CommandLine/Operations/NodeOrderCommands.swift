internal import ArgumentParser

/// A node of an upstream on the command line.
struct NodeAddressArgument: ParsableArguments {
  @Argument(help: "The node of an upstream, as 'edgeproxy status' shows it.")
  var address: String

  var query: String { "address=\(NodeArgument.encoded(address))" }
}

/// `edgeproxy node disable`: a node that gets nothing new.
struct NodeDisableCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "disable", abstract: "Send nothing new to a node of an upstream.",
    discussion: """
      Requests that are under way there finish. With etcd it is so on every server within a second, and stays so over \
      restarts, until 'edgeproxy node enable'. An address that only its machine can reach is one of this server, \
      unless a server stands before it: edge2/127.0.0.1:3031.
      """)

  @OptionGroup var node: NodeAddressArgument
  @OptionGroup var reason: OrderReason
  @OptionGroup var scope: OrderScope

  func run() throws {
    try OperationsOrder.send("/node/disable?\(node.query)\(reason.query)", scope)
  }
}

/// `edgeproxy node drain`: a node that gets only what a cookie binds to it.
struct NodeDrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drain", abstract: "Send a node only requests that a sticky cookie binds to it.",
    discussion: """
      All others go to other nodes. 'edgeproxy status' shows how many requests are under way there. It ends with \
      'edgeproxy node enable', or with 'disable' for those with a cookie too.
      """)

  @OptionGroup var node: NodeAddressArgument
  @OptionGroup var reason: OrderReason
  @OptionGroup var scope: OrderScope

  func run() throws {
    try OperationsOrder.send("/node/drain?\(node.query)\(reason.query)", scope)
  }
}

/// `edgeproxy node enable`: takes `disable` and `drain` back.
struct NodeEnableCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "enable", abstract: "Take 'node disable' or 'node drain' back.")

  @OptionGroup var node: NodeAddressArgument
  @OptionGroup var scope: OrderScope

  func run() throws { try OperationsOrder.send("/node/enable?\(node.query)", scope) }
}
