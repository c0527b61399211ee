import CFuzzer
import EventLoop

@testable import Configuration

/// One input of libFuzzer's.
@c(LLVMFuzzerTestOneInput)
public func fuzzOne(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  // SAFETY: libFuzzer keeps the input until this function returns; it is copied here.
  FuzzConfiguration.run(unsafe Array(UnsafeBufferPointer(start: start, count: count)))
  return 0
}

/// Feeds libFuzzer's inputs to the whole way from bytes to a configuration.
@main
enum FuzzConfiguration {
  static func main() {
    var count = CommandLine.argc
    var arguments =
      unsafe CommandLine.unsafeArgv as UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
    // SAFETY: the arguments live as long as the process.
    _ = unsafe LLVMFuzzerRunDriver(&count, &arguments, fuzzOne)
  }

  /// What must hold of any bytes: a configuration, or at least one error; each on one line.
  static func run(_ bytes: [UInt8]) {
    let findings = Findings(path: "fuzz.yaml")
    let source = ConfigurationSource(environment: ["NAME": "value", "NUMBER": "7"]) {
      (path, _) throws(SystemError) in
      guard path.hasSuffix("l") else { throw SystemError("open", code: 2) }
      return []
    }
    let configuration = ConfigurationLoader.read(bytes, source: source, findings: findings)
    precondition((configuration == nil) == (findings.errorCount > 0))
    for diagnostic in findings.diagnostics {
      precondition(!diagnostic.description.unicodeScalars.contains { $0.isControl })
    }
    if let configuration { check(configuration) }
  }

  /// What the rest of the program takes for granted.
  private static func check(_ configuration: Configuration) {
    precondition(!configuration.upstreams.isEmpty && !configuration.routes.isEmpty)
    for route in configuration.routes {
      precondition(
        route.local != nil || configuration.upstreams.indices.contains(route.upstream))
      precondition(!route.hosts.isEmpty && route.hosts.allSatisfy { !$0.isEmpty })
      precondition(route.path.hasPrefix("/"))
    }
    for upstream in configuration.upstreams {
      precondition((1...Directives.nodesMax).contains(upstream.nodes.count))
    }
    checkNames(configuration)
  }

  private static func checkNames(_ configuration: Configuration) {
    precondition(configuration.publicAddresses.count <= Directives.publicAddressesMax)
    if let service = configuration.nameService {
      precondition(!configuration.publicAddresses.isEmpty && !service.listen.isEmpty)
      precondition((1...300).contains(service.seconds) && service.zone.labels.count > 1)
      precondition(service.servers.allSatisfy { !$0.isEmpty })
    }
    if let records = configuration.records {
      precondition(!configuration.publicAddresses.isEmpty && !records.names.isEmpty)
      precondition(records.names.allSatisfy { $0.isWithin(records.zone) })
    }
    switch configuration.acme?.dns {
    case .fleet: precondition(configuration.nameService != nil)
    case .records: precondition(configuration.records != nil)
    case .update, .hook, nil: break
    }
  }
}
