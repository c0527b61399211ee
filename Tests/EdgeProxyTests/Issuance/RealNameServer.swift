import DNS
import DNSCore
import EventLoop
import TestSupport

@testable import EdgeProxy

/// BIND on a port of loopback, with zones that take updates signed by one key.
final class RealNameServer {
  static let program = "/usr/sbin/named"
  static let secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

  let address: SocketAddress
  let directory: TemporaryDirectory
  private var process: ChildProcess?
  /// What it said, once it has ended.
  private(set) var output: String?

  /// Has `zones`, of lines of a zone file, or as copies of those of a `primary`.
  ///
  /// The key may change records of `types`.
  init(
    _ zones: [String: String], of primary: SocketAddress? = nil, notifying: [SocketAddress] = [],
    at place: SocketAddress? = nil, types: String = "TXT", _ algorithm: TSIGAlgorithm = .sha256,
    on loop: EventLoop
  ) throws {
    directory = try TemporaryDirectory()
    address = try place ?? FreePort.take()
    var text = """
      options {
        directory "\(directory.path)"; listen-on port \(address.port ?? 0) { 127.0.0.1; };
        listen-on-v6 { none; }; pid-file none; recursion no; dnssec-validation no;
        notify explicit; notify-delay 0; allow-transfer { 127.0.0.1; };
      };
      controls { };
      key "edge" { algorithm \(algorithm.rawValue); secret "\(Self.secret)"; };

      """
    let told = notifying.map { "127.0.0.1 port \($0.port ?? 0); " }.joined()
    for (zone, records) in zones {
      if let primary {
        text += """
          zone "\(zone)" { type secondary; file "\(zone).copy";
            primaries port \(primary.port ?? 0) { 127.0.0.1; }; };

          """
        continue
      }
      text += """
        zone "\(zone)" { type primary; file "\(zone).zone"; also-notify { \(told)};
          update-policy { grant edge zonesub \(types); }; };

        """
      try directory.write(
        "\(zone).zone",
        """
        $TTL 60
        @ IN SOA ns.\(zone). host.\(zone). 1 3600 600 86400 1
        @ IN NS ns.\(zone).
        ns IN A 127.0.0.1
        \(records)

        """)
    }
    try directory.write("named.conf", text)
    process = try ChildProcess(
      [Self.program, "-g", "-n", "1", "-c", directory.path + "/named.conf"],
      environment: ["PATH=/usr/sbin:/usr/bin:/bin"], within: .seconds(120), on: loop
    ) { [unowned self] in output = "\($0): " + String(decoding: $1, as: UTF8.self) }
  }

  /// Killed, as by a power cut.
  func end() { process?.cancel() }
}
