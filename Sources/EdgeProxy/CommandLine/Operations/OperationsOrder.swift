internal import ArgumentParser
internal import Configuration
internal import EventLoop

/// What every order of an operator takes beside what it is about.
struct OrderScope: ParsableArguments {
  @OptionGroup var file: ConfigurationFile

  @Flag(
    name: .long,
    help: "On this server alone, also while etcd is away; '--here' takes it back as well.")
  var here = false

  /// The word of the query.
  var query: String { here ? "&here=1" : "" }
}

/// Why an order is given.
struct OrderReason: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp("Shown by 'edgeproxy status' on every server.", valueName: "text"),
    transform: OrderReason.read)
  var reason: String?

  static func read(_ text: String) throws -> String {
    guard Order.isReason(text) else {
      throw ValidationError("'--reason' must be one line of at most \(Order.reasonMax) characters.")
    }
    return text
  }

  /// The word of the query.
  var query: String { reason.map { "&reason=\(NodeArgument.encoded($0))" } ?? "" }
}

/// When an order ends by itself.
struct OrderSpan: ParsableArguments {
  @Option(
    name: .customLong("for"),
    help: ArgumentHelp("Ends by itself after so long, such as 10m or 2h.", valueName: "time"),
    transform: OrderSpan.read)
  var span: Int64?

  static func read(_ text: String) throws -> Int64 {
    let most = Duration.seconds(Order.spanMax)
    guard let span = TimeSpan.parse(text), span >= .seconds(1), span <= most else {
      throw ValidationError("'--for' must be from 1s to \(TimeSpan.text(most)), such as 10m or 2h.")
    }
    return span.components.seconds
  }

  /// The word of the query.
  var query: String { span.map { "&for=\($0)" } ?? "" }
}

/// An order that the running server takes over its unix socket.
enum OperationsOrder {
  static func send(_ target: String, _ scope: OrderScope) throws {
    try CommandBody.run {
      let reply = try AdminRequest(scope.file.config).send(
        "POST", target + scope.query, silence: AdminClient.workSeconds)
      // 202: etcd has it, and this server has not heard it back.
      guard reply.status == 200 || reply.status == 202 else {
        throw CommandFailure(AcmeText.oneLine(reply.body))
      }
      print(reply.body, terminator: "")
    }
  }
}
