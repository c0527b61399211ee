import Etcd
import EventLoop
import TestSupport

/// One member of etcd on loopback, whose data is gone with the object.
final class RealEtcd {
  static let program = "/usr/bin/etcd"

  let endpoint: Endpoint
  private let directory: TemporaryDirectory
  private var process: ChildProcess?
  /// What it said, once it has ended.
  private(set) var output: String?

  init(on loop: EventLoop) throws {
    directory = try TemporaryDirectory()
    let (client, peer) = (try RealNameServer.freePort(), try RealNameServer.freePort())
    guard let endpoint = Endpoint("http://\(client)") else { throw SystemError("bind") }
    self.endpoint = endpoint
    process = try ChildProcess(
      [
        Self.program, "--name", "m", "--data-dir", directory.path + "/data",
        "--listen-client-urls", "http://\(client)", "--advertise-client-urls", "http://\(client)",
        "--listen-peer-urls", "http://\(peer)", "--initial-advertise-peer-urls", "http://\(peer)",
        "--initial-cluster", "m=http://\(peer)", "--log-level", "error",
      ],
      environment: ["PATH=/usr/sbin:/usr/bin:/bin"], within: .seconds(120), on: loop
    ) { [unowned self] in output = "\($0): " + String(decoding: $1, as: UTF8.self) }
  }

  /// Killed, as by a power cut.
  func end() { process?.cancel() }
}
