internal import ArgumentParser

/// `edgeproxy maintenance`: takes a site out, and puts it back.
struct MaintenanceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "maintenance", abstract: "Take a site out, and put it back.",
    discussion: """
      With etcd it is so on every server within a second, and stays so over restarts. The health endpoint and the \
      challenges of CAs are answered as before, and no port is closed for it. 'edgeproxy status' shows \
      what is in force.
      """,
    subcommands: [
      MaintenanceOnCommand.self, MaintenancePauseCommand.self, MaintenanceOffCommand.self,
    ])
}

/// A site on the command line.
struct HostArgument: ParsableArguments {
  @Argument(
    help: "A host that a route serves, *.example.org for one label of anything, or * for all.")
  var host: String

  var query: String { "host=\(NodeArgument.encoded(host))" }
}

/// `edgeproxy maintenance on`: a page at once.
struct MaintenanceOnCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "on", abstract: "Answer every request for a host with a 503 page.",
    discussion: "The page is the one of 'error_pages' for 503, or ours. Requests under way finish.")

  @OptionGroup var site: HostArgument
  @OptionGroup var span: OrderSpan
  @OptionGroup var reason: OrderReason
  @OptionGroup var scope: OrderScope

  func run() throws {
    try OperationsOrder.send("/maintenance/on?\(site.query)\(span.query)\(reason.query)", scope)
  }
}

/// `edgeproxy maintenance pause`: requests wait.
struct MaintenancePauseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause", abstract: "Hold requests for a host back, as in a short migration.",
    discussion: """
      They wait until 'edgeproxy maintenance off', each for at most the 'hold' of its upstream and as \
      many as 'limits.held' for each worker; what exceeds that is answered 503. None of them has been \
      sent, so nothing is lost or done twice. Files and redirects are answered as before.
      """)

  @OptionGroup var site: HostArgument
  @OptionGroup var span: OrderSpan
  @OptionGroup var reason: OrderReason
  @OptionGroup var scope: OrderScope

  func run() throws {
    try OperationsOrder.send("/maintenance/pause?\(site.query)\(span.query)\(reason.query)", scope)
  }
}

/// `edgeproxy maintenance off`: takes `on` and `pause` back.
struct MaintenanceOffCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "off", abstract: "Serve a host again; requests that were held go on.")

  @OptionGroup var site: HostArgument
  @OptionGroup var scope: OrderScope

  func run() throws { try OperationsOrder.send("/maintenance/off?\(site.query)", scope) }
}
