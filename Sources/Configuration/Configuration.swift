package import CertStore
package import Etcd
package import EventLoop
package import HTTPCore
package import TLS

/// What the server runs on: complete, checked, immutable.
///
/// Every default has been filled in, so that nothing further in has to decide one.
package struct Configuration: Sendable, Equatable {
  /// The configuration file as named on the command line.
  package var path: String
  /// The unique name of this server in its fleet.
  package var node: String
  /// The directory for what survives a restart.
  package var state: String
  /// Proxies whose word about a client is believed.
  package var trusted: [Network]
  /// Which clients are answered at all; `nil` for all.
  package var addresses: AddressRules? = nil
  package var listen: ListenSettings
  package var certificates: CertificateSettings
  package var tls: TLSSettings
  /// `nil` for a server that shares nothing.
  package var etcd: SharedSettings?
  /// `nil` where others bring all certificates.
  package var acme: AcmeSettings? = nil
  /// Where clients reach this server; told to the fleet, and by DNS.
  package var publicAddresses: [IPAddress] = []
  /// `nil` where the fleet answers no questions of DNS.
  package var nameService: NameServiceSettings? = nil
  /// `nil` where the fleet keeps no records at a provider.
  package var records: RecordsSettings? = nil
  /// `nil` where no instance announces itself.
  package var subscriptions: SubscriptionSettings? = nil
  package var upstreams: [UpstreamSettings]
  package var routes: [RouteSettings]
  package var compress: CompressSettings
  package var stale = StaleSettings()
  package var health: HealthSettings
  /// The directory whose files answer `/.well-known/acme-challenge/`; `nil` answers 404 there.
  package var acmeChallenges: String?
  /// A page per status that replaces our own text; the application's answers are never replaced.
  package var errorPages: [Int: ErrorPageSettings]
  package var log: LogSettings
  package var traces = TraceSettings()
  package var limits: LimitSettings
  package var timeouts: TimeoutSettings

  /// No route leads to an instance, so none can be missed.
  package var answersAlone: Bool {
    routes.allSatisfy { $0.local != nil && $0.access?.authenticator == nil }
  }

  /// Whether the last good answers of any route are kept.
  package var keepsAnswers: Bool {
    routes.contains { $0.staleIfError != nil && $0.local == nil }
  }

  /// Whether any limit on a client's rate is set.
  package var limitsRates: Bool {
    limits.requestsPerAddress != nil || routes.contains { $0.rate != nil }
  }
}

package struct ListenSettings: Sendable, Equatable {
  package var https: [SocketAddress]
  package var http: [SocketAddress]
  /// Unix paths and loopback addresses for administrators; empty for none.
  package var admin: [SocketAddress] = []
  /// Sources whose connections begin with a PROXY header.
  package var proxyProtocol: [Network] = []
  /// HTTP/2 is offered on `https`.
  package var http2 = true
  /// What passes connections on as they are.
  package var tcp: [TCPListenSettings] = []
  /// Where other servers of the fleet reach the instances of this one.
  package var peers: [SocketAddress] = []
  package var closeWhenUnable: CloseWhenUnable
  /// How long nothing could be served before the port is closed.
  package var closeAfter: Duration
  /// How long something could be served before the port is opened again.
  package var openAfter: Duration
}

/// Where connections come in that are passed on as they are.
package struct TCPListenSettings: Sendable, Equatable {
  package var address: SocketAddress
  /// An index into `Configuration.upstreams`; -1 after a mistake.
  package var upstream: Int
}

package enum CloseWhenUnable: String, Sendable, Equatable, CaseIterable {
  case never, always, fleet
}

package struct CertificateSettings: Sendable, Equatable {
  /// `nil` where only etcd is read, or nothing.
  package var directory: String?
  package var etcd: EtcdSource?
  /// A DNS name looked up among the certificates when a client sends no server name.
  package var defaultName: String?
}

extension CertificateSettings {
  /// Certificates under keys of etcd.
  package struct EtcdSource: Sendable, Equatable {
    package var prefix: String
    /// Also the pair `fullchain.cer` and `DOMAIN.key` at the root.
    package var legacy: Bool
  }
}

/// What the servers of a fleet share, and how etcd is reached for it.
package struct SharedSettings: Sendable, Equatable {
  package var etcd: EtcdSettings
  /// What the keys of the program's own things begin with.
  package var prefix: String
  /// The file of keys that private keys are sealed with; `nil`: they lie in etcd as they are.
  package var encryptionKeys: String?

  /// Reads that file.
  package func readEncryptionKeys() throws(KeysUnreadable) -> EncryptionKeys? {
    guard let path = encryptionKeys else { return nil }
    do throws(KeyFileError) {
      return try KeyFile.read(path)
    } catch {
      throw KeysUnreadable(path: path, error: error)
    }
  }

  package struct KeysUnreadable: Error, CustomStringConvertible {
    package let path: String
    package let error: KeyFileError
    package var description: String { "'\(path)': \(error)" }
  }
}

package struct TLSSettings: Sendable, Equatable {
  package var minimum: MinimumVersion
  package var tickets: Tickets
  package enum MinimumVersion: String, Sendable, CaseIterable {
    case tls12 = "1.2"
    case tls13 = "1.3"
  }
  package enum Tickets: String, Sendable, CaseIterable { case local, etcd, off }
}

package struct UpstreamSettings: Sendable, Equatable {
  package var name: String
  package var nodeProtocol: NodeProtocol
  /// The byte 0 and byte 3 of the uwsgi packet.
  package var modifier1: UInt8
  package var modifier2: UInt8
  package var nodes: [NodeSettings]
  /// Each server of the fleet has these nodes.
  package var isEverywhere = false
  /// Where nodes come from besides `nodes`.
  package var discovery: Discovery? = nil
  package var balance: Balance
  /// What binds a request to a node with `balance: hash`.
  package var hashOn = AffinitySource.address
  /// The name of the cookie that binds a client to a node; empty for none.
  package var stickyCookie: [UInt8] = []
  /// How long a node that has come back or joined takes to get its whole share.
  package var slowStart = Duration.zero
  /// How long a request waits for a node that has enough to do.
  package var queueTimeout = Duration.seconds(10)
  package var connectTimeout: Duration
  /// From the request being sent to the end of the response head.
  package var responseTimeout: Duration
  /// Between two reads of a response body.
  package var idleTimeout: Duration
  /// Without a byte in either direction of a tunnel or a TCP session.
  package var tunnelTimeout: Duration
  package var keepAlive: KeepAliveSettings
  /// `nil` for nodes without TLS.
  package var tls: NodeTLSSettings?
  package var retry: RetrySettings
  /// How long a request waits for an instance to come back.
  package var hold: Duration
  /// The instance's own limit for the request block (uWSGI `buffer-size`), in bytes.
  package var bufferSizeBytes: Int
  /// `nil` where nodes are judged by requests alone.
  package var health: HealthCheck?
  /// What a node must say first to count as connected; for protocol tcp.
  package var greeting = Greeting.none
  /// Whether TCP sessions are cut when their node is taken out.
  package var cutsWhenDown = false

  package var thresholds: HealthThresholds { health?.thresholds ?? .standard }

  /// What uWSGI does with packets that are no requests; whoever may send them owns it.
  package static let refusedModifiers: [Int: String] = [
    17: "queue a job", 22: "run code from the request", 97: "reload", 98: "reload",
    100: "answer a ping", 110: "raise a signal", 111: "use its cache", 173: "call a function",
    224: "take a subscription",
  ]

  package enum NodeProtocol: String, Sendable, CaseIterable {
    case uwsgi, http, https, tcp

    package var isUWSGI: Bool { self == .uwsgi }
  }
  package enum Balance: String, Sendable, CaseIterable {
    case leastRequests = "least-requests"
    case roundRobin = "round-robin"
    case hash

    package var isRoundRobin: Bool { self == .roundRobin }
    package var isHash: Bool { self == .hash }
  }
  package enum Discovery: String, Sendable, CaseIterable { case subscriptions }
}

package struct KeepAliveSettings: Sendable, Equatable {
  /// Idle connections of one worker to one node.
  package var connections: Int
  package var idle: Duration

  package static let off = KeepAliveSettings(connections: 0, idle: .zero)
}

package struct NodeTLSSettings: Sendable, Equatable {
  /// `nil` for the authorities that the system trusts.
  package var authorityFile: String?
  /// What was in the file when the configuration was read: a renewed one is another setting.
  package var authorityBytes: [UInt8]
  /// What certificates must bear; `nil` for the address of each node.
  package var name: String?
  package var verifies: Bool
}

package struct NodeSettings: Sendable, Equatable {
  package var address: NodeAddress
  package var backup: Bool
  /// Its share of the requests beside the others.
  package var weight = 1
  /// Requests that it works on at once; 0 for no limit.
  package var cores = 0
}

/// What binds requests to a node.
package enum AffinitySource: Sendable, Equatable {
  case address
  /// Lower case.
  case header([UInt8])
  case cookie([UInt8])
}

package struct RetrySettings: Sendable, Equatable {
  /// The most attempts for one request, the first included.
  package var tries: Int
  package var onConnect: Bool
  package var onReset: Bool
  /// Statuses from the upstream that are worth another node.
  package var statuses: Set<Int>
  package var within: Duration
  package var nonIdempotent: Bool
  /// GET and HEAD also go to another node when the first is silent for much longer than usual.
  package var hedges = true
}

package struct CompressSettings: Sendable, Equatable {
  /// For routes that do not say.
  package var mode: Mode
  package var rules: CompressionRules
  package var levels: CompressionLevels
  package enum Mode: String, Sendable, CaseIterable {
    case off, on
    /// Not for answers that set cookies.
    case withoutCookies = "without-cookies"

    package var isOff: Bool { self == .off }
  }
}

package struct HealthSettings: Sendable, Equatable { package var path: String }

package struct ErrorPageSettings: Sendable, Equatable {
  package var path: String
  package var contentType: String
  package var body: [UInt8]
}

package struct LogSettings: Sendable, Equatable {
  package var access: AccessDestination
  package var format: Format
  package var level: Level
  package enum AccessDestination: Sendable, Equatable { case off, standardOutput, file(String) }
  /// Requests for the health endpoint have a line too.
  package var health = true
  package enum Format: Sendable, Equatable { case json, combined, text([LogPiece]) }
  package enum Level: String, Sendable, CaseIterable { case debug, info, notice, warning, error }
}

package struct LimitSettings: Sendable, Equatable {
  package var headBytes: Int
  package var fields: Int
  package var requestLineBytes: Int
  package var responseHeadBytes: Int
  /// Client connections that one worker holds at most.
  package var connections: Int
  /// Of one client; `trusted` networks have no such limit.
  package var connectionsPerAddress: Int
  /// Of one client in the whole server; `trusted` networks have no such limit.
  package var requestsPerAddress: RequestRate? = nil
  /// Answers that one worker compresses at once; others go out as they are.
  package var compressors = 128
  /// Requests that one HTTP/2 connection may have under way.
  package var streams: Int
  /// What one worker keeps for clients before it takes back, see `MemoryRelief`.
  package var memoryBytes: Int
  /// Requests that one worker holds while no instance of an upstream is there.
  package var held: Int
  /// Requests of one upstream that one worker keeps while its nodes have enough to do.
  package var queued = 1000
  /// Request body bytes kept in memory before a temporary file.
  package var bodyMemoryBytes: Int
  /// Response bytes kept in memory for a slow client before a temporary file.
  package var responseMemoryBytes: Int
  /// Response bytes kept in a temporary file before the upstream has to wait.
  package var responseFileBytes: Int
  /// Bytes of all temporary files of one worker before it takes back.
  package var temporaryFileBytes = 4 << 30
}

package struct TimeoutSettings: Sendable, Equatable {
  package var handshake: Duration
  package var head: Duration
  package var body: Duration
  package var send: Duration
  package var keepAlive: Duration
  package var drain: Duration
}

extension Configuration {
  /// The directories that certificates are read from: the operator's, and that of the server's own orders,
  /// where those do not go to etcd.
  package var certificateDirectories: [String] {
    var paths = certificates.directory.map { [$0] } ?? []
    if let issuedDirectory { paths.append(issuedDirectory) }
    return paths
  }

  /// Where the certificates lie that this server orders for itself; `nil` where they go to etcd, or there are
  /// none.
  package var issuedDirectory: String? {
    acme != nil && etcd == nil ? "\(state)/acme/certificates" : nil
  }

  /// The hosts of routes, normalised, `*.` first for a wildcard; each once, and not the catch-all.
  package var routedHosts: [[UInt8]] {
    var seen: Set<String> = [RouteSettings.everyHost]
    return routes.flatMap(\.hosts).filter { seen.insert($0).inserted }.map { Array($0.utf8) }
  }
}

extension ListenSettings {
  /// Where commands of an administrator go: a unix socket where there is one.
  package static func preferred(_ addresses: [SocketAddress]) -> SocketAddress? {
    addresses.first { $0.family == .unix } ?? addresses.first
  }
}
