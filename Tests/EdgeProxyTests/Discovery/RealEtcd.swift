import Etcd
import EventLoop
import Glibc
import TLS
import TestSupport
import Testing

/// One member of etcd on loopback, which keeps nothing.
final class RealEtcd {
  /// Where packages put it; the first where there is none.
  static var program: String {
    let places = ["/usr/bin/etcd", "/usr/local/bin/etcd"]
    // SAFETY: the path is a C string for the length of the call.
    return places.first { unsafe access($0, X_OK) == 0 } ?? places[0]
  }

  let endpoint: Endpoint
  private let directory: TemporaryDirectory
  private let loop: EventLoop
  private var process: ChildProcess?
  private(set) var output: String?

  init(on loop: EventLoop) throws {
    self.loop = loop
    directory = try TemporaryDirectory()
    let client = "http://\(try FreePort.take())"
    let peer = "http://\(try FreePort.take())"
    endpoint = try #require(Endpoint(client))
    process = try ChildProcess(
      [
        Self.program, "--name", "m", "--data-dir", directory.path + "/data", "--log-level", "error",
        "--listen-client-urls", client, "--advertise-client-urls", client,
        "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
        "--initial-cluster", "m=\(peer)", "--heartbeat-interval", "50", "--election-timeout", "500",
      ], environment: ["PATH=/usr/bin:/bin"], within: .seconds(120), on: loop
    ) { [unowned self] in output = "\($0): " + String(decoding: $1, as: UTF8.self) }
  }

  func client() -> EtcdClient {
    EtcdClient(EtcdSettings(endpoints: [endpoint], identity: ClientIdentity()), on: loop)
  }

  func end() { process?.cancel() }
}
