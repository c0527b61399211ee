internal import CertStore
internal import Etcd
internal import EventLoop
internal import HTTPCore
internal import TLS

/// What the server runs on: complete, checked, immutable.
///
/// Every default has been filled in, so that nothing further in has to decide one.
struct Configuration: Sendable, Equatable {
  /// The configuration file as named on the command line.
  var path: String
  /// The unique name of this server in its fleet.
  var node: String
  /// The directory for what survives a restart.
  var state: String
  /// Proxies whose word about a client is believed.
  var trusted: [Network]
  var listen: ListenSettings
  var certificates: CertificateSettings
  var tls: TLSSettings
  /// `nil` for a server that shares nothing.
  var etcd: SharedSettings?
  /// `nil` where no instance announces itself.
  var subscriptions: SubscriptionSettings? = nil
  var upstreams: [UpstreamSettings]
  var routes: [RouteSettings]
  var compress: CompressSettings
  var health: HealthSettings
  /// The directory whose files answer `/.well-known/acme-challenge/`; `nil` answers 404 there.
  var acmeChallenges: String?
  /// A page per status that replaces our own text; the application's answers are never replaced.
  var errorPages: [Int: ErrorPageSettings]
  var log: LogSettings
  var limits: LimitSettings
  var timeouts: TimeoutSettings

  /// No route leads to an instance, so none can be missed.
  var answersAlone: Bool { routes.allSatisfy { $0.local != nil } }

  /// Whether any limit on a client's rate is set.
  var limitsRates: Bool {
    limits.requestsPerAddress != nil || routes.contains { $0.rate != nil }
  }
}

struct ListenSettings: Sendable, Equatable {
  var https: [SocketAddress]
  var http: [SocketAddress]
  /// A unix path or a loopback address for administrators; `nil` for none.
  var admin: SocketAddress?
  /// Sources whose connections begin with a PROXY header.
  var proxyProtocol: [Network] = []
  /// HTTP/2 is offered on `https`.
  var http2 = true
  /// What passes connections on as they are.
  var tcp: [TCPListenSettings] = []
  /// Where other servers of the fleet reach the instances of this one.
  var peers: [SocketAddress] = []
  var closeWhenUnable: CloseWhenUnable
  /// How long nothing could be served before the port is closed.
  var closeAfter: Duration
  /// How long something could be served before the port is opened again.
  var openAfter: Duration
}

/// Where connections come in that are passed on as they are.
struct TCPListenSettings: Sendable, Equatable {
  var address: SocketAddress
  /// An index into `Configuration.upstreams`; -1 after a mistake.
  var upstream: Int
}

enum CloseWhenUnable: String, Sendable, Equatable, CaseIterable { case never, always, fleet }

struct CertificateSettings: Sendable, Equatable {
  /// `nil` where only etcd is read.
  var directory: String?
  var etcd: EtcdSource?
  /// A DNS name looked up among the certificates when a client sends no server name.
  var defaultName: String?
}

extension CertificateSettings {
  /// Certificates under keys of etcd.
  struct EtcdSource: Sendable, Equatable {
    var prefix: String
    /// Also the pair `fullchain.cer` and `DOMAIN.key` at the root.
    var legacy: Bool
  }
}

/// What the servers of a fleet share, and how etcd is reached for it.
struct SharedSettings: Sendable, Equatable {
  var etcd: EtcdSettings
  /// What the keys of the program's own things begin with.
  var prefix: String
  /// The file of keys that private keys are sealed with; `nil`: they lie in etcd as they are.
  var encryptionKeys: String?

  /// Reads that file.
  func readEncryptionKeys() throws(KeysUnreadable) -> EncryptionKeys? {
    guard let path = encryptionKeys else { return nil }
    do throws(KeyFileError) {
      return try KeyFile.read(path)
    } catch {
      throw KeysUnreadable(path: path, error: error)
    }
  }

  struct KeysUnreadable: Error, CustomStringConvertible {
    let path: String
    let error: KeyFileError
    var description: String { "'\(path)': \(error)" }
  }
}

struct TLSSettings: Sendable, Equatable {
  var minimum: MinimumVersion
  var tickets: Tickets
  enum MinimumVersion: String, Sendable, CaseIterable {
    case tls12 = "1.2"
    case tls13 = "1.3"
  }
  enum Tickets: String, Sendable, CaseIterable { case local, etcd, off }
}

struct UpstreamSettings: Sendable, Equatable {
  var name: String
  var nodeProtocol: NodeProtocol
  /// The byte 0 and byte 3 of the uwsgi packet.
  var modifier1: UInt8
  var modifier2: UInt8
  var nodes: [NodeSettings]
  /// Each server of the fleet has these nodes.
  var isEverywhere = false
  /// Where nodes come from besides `nodes`.
  var discovery: Discovery? = nil
  var balance: Balance
  /// What binds a request to a node with `balance: hash`.
  var hashOn = AffinitySource.address
  /// The name of the cookie that binds a client to a node; empty for none.
  var stickyCookie: [UInt8] = []
  /// How long a node that has come back or joined takes to get its whole share.
  var slowStart = Duration.zero
  /// How long a request waits for a node that has enough to do.
  var queueTimeout = Duration.seconds(10)
  var connectTimeout: Duration
  /// From the request being sent to the end of the response head.
  var responseTimeout: Duration
  /// Between two reads of a response body.
  var idleTimeout: Duration
  /// Without a byte in either direction of a tunnel or a TCP session.
  var tunnelTimeout: Duration
  var keepAlive: KeepAliveSettings
  /// `nil` for nodes without TLS.
  var tls: NodeTLSSettings?
  var retry: RetrySettings
  /// How long a request waits for an instance to come back.
  var hold: Duration
  /// The instance's own limit for the request block (uWSGI `buffer-size`), in bytes.
  var bufferSizeBytes: Int
  /// `nil` where nodes are judged by requests alone.
  var health: HealthCheck?
  /// What a node must say first to count as connected; for protocol tcp.
  var greeting = Greeting.none
  /// Whether TCP sessions are cut when their node is taken out.
  var cutsWhenDown = false

  var thresholds: HealthThresholds { health?.thresholds ?? .standard }

  enum NodeProtocol: String, Sendable, CaseIterable { case uwsgi, http, https, tcp }
  enum Balance: String, Sendable, CaseIterable {
    case leastRequests = "least-requests"
    case roundRobin = "round-robin"
    case hash
  }
  enum Discovery: String, Sendable, CaseIterable { case subscriptions }
}

struct KeepAliveSettings: Sendable, Equatable {
  /// Idle connections of one worker to one node.
  var connections: Int
  var idle: Duration

  static let off = KeepAliveSettings(connections: 0, idle: .zero)
}

struct NodeTLSSettings: Sendable, Equatable {
  /// `nil` for the authorities that the system trusts.
  var authorityFile: String?
  /// What was in the file when the configuration was read: a renewed one is another setting.
  var authorityBytes: [UInt8]
  /// What certificates must bear; `nil` for the address of each node.
  var name: String?
  var verifies: Bool
}

struct NodeSettings: Sendable, Equatable {
  var address: NodeAddress
  var backup: Bool
  /// Its share of the requests beside the others.
  var weight = 1
  /// Requests that it works on at once; 0 for no limit.
  var cores = 0
}

/// What binds requests to a node.
enum AffinitySource: Sendable, Equatable {
  case address
  /// Lower case.
  case header([UInt8])
  case cookie([UInt8])
}

struct RetrySettings: Sendable, Equatable {
  /// The most attempts for one request, the first included.
  var tries: Int
  var onConnect: Bool
  var onReset: Bool
  /// Statuses from the upstream that are worth another node.
  var statuses: Set<Int>
  var within: Duration
  var nonIdempotent: Bool
  /// GET and HEAD also go to another node when the first is silent for much longer than usual.
  var hedges = true
}

struct RouteSettings: Sendable, Equatable {
  /// Lower case; `*.` first for one label of anything.
  var host: String
  /// A path prefix on segment borders; `/` covers everything.
  var path: String
  /// An index into `Configuration.upstreams`; -1 where `local` answers.
  var upstream: Int
  var bodyBytesMax: Int
  /// A request with an `Idempotency-Key` may be tried again whatever its method.
  var idempotencyKey: Bool
  /// WebSocket connections may be opened.
  var webSocket: Bool
  /// Of one client on this route, besides the limit for all routes.
  var rate: RequestRate? = nil
  /// `nil` for the default of all routes.
  var compress: CompressSettings.Mode? = nil
  /// What answers instead of an upstream.
  var local: LocalRoute?
  var rules: RouteRules?
}

struct CompressSettings: Sendable, Equatable {
  /// For routes that do not say.
  var mode: Mode
  var rules: CompressionRules
  /// zlib's, 1 to 9.
  var level: Int
  enum Mode: String, Sendable, CaseIterable {
    case off, on
    /// Not for answers that set cookies.
    case withoutCookies = "without-cookies"
  }
}

struct HealthSettings: Sendable, Equatable { var path: String }

struct ErrorPageSettings: Sendable, Equatable {
  var path: String
  var contentType: String
  var body: [UInt8]
}

struct LogSettings: Sendable, Equatable {
  var access: AccessDestination
  var format: Format
  var level: Level
  enum AccessDestination: Sendable, Equatable { case off, standardOutput, file(String) }
  enum Format: String, Sendable, CaseIterable { case json, combined }
  enum Level: String, Sendable, CaseIterable { case debug, info, notice, warning, error }
}

struct LimitSettings: Sendable, Equatable {
  var headBytes: Int
  var fields: Int
  var requestLineBytes: Int
  var responseHeadBytes: Int
  /// Client connections that one worker holds at most.
  var connections: Int
  /// Of one client; `trusted` networks have no such limit.
  var connectionsPerAddress: Int
  /// Of one client in the whole server; `trusted` networks have no such limit.
  var requestsPerAddress: RequestRate? = nil
  /// Answers that one worker compresses at once; others go out as they are.
  var compressors = 128
  /// Requests that one HTTP/2 connection may have under way.
  var streams: Int
  /// What one worker keeps for clients before it takes back, see `MemoryRelief`.
  var memoryBytes: Int
  /// Requests that one worker holds while no instance of an upstream is there.
  var held: Int
  /// Requests of one upstream that one worker keeps while its nodes have enough to do.
  var queued = 1000
  /// Request body bytes kept in memory before a temporary file.
  var bodyMemoryBytes: Int
  /// Response bytes kept in memory for a slow client before a temporary file.
  var responseMemoryBytes: Int
  /// Response bytes kept in a temporary file before the upstream has to wait.
  var responseFileBytes: Int
  /// Bytes of all temporary files of one worker before it takes back.
  var temporaryFileBytes = 4 << 30
}

struct TimeoutSettings: Sendable, Equatable {
  var handshake: Duration
  var head: Duration
  var body: Duration
  var send: Duration
  var keepAlive: Duration
  var drain: Duration
}

extension Configuration {
  /// The hosts of routes, normalised, `*.` first for a wildcard; each once.
  var routedHosts: [[UInt8]] {
    var hosts: [[UInt8]] = []
    for route in routes where !hosts.contains(Array(route.host.utf8)) {
      hosts.append(Array(route.host.utf8))
    }
    return hosts
  }
}
