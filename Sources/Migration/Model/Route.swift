/// What a route of the result leads to.
enum Destination: Equatable {
  /// A name of `UpstreamList`.
  case upstream(String)
  case files(Files)
  /// A URL or path with `{host}`, `{path}`, `{rest}` and `{query}`.
  case redirect(to: String, status: Int)
  case respond(status: Int, body: String, type: String?)

  struct Files: Equatable {
    var directory: String
    /// `nil` for the default.
    var index: [String]?
    var isListing = false
    var cacheControl: String?
    /// The file that answers for what is not there.
    var fallback: String?
  }

  var isFiles: Bool { if case .files = self { true } else { false } }
  var isUpstream: Bool { if case .upstream = self { true } else { false } }
}

/// The settings of a route, besides what it is for and what it leads to.
struct RouteKeys {
  struct Field: Equatable {
    var name: String
    var value: String
  }

  struct Password: Equatable {
    var file: String
    var realm: String
  }

  struct Forward: Equatable {
    var upstream: String
    var path: String
    var copied: [String] = []
  }

  struct Clients: Equatable {
    var authorities: String
    var isRequired: Bool
  }

  struct Transport: Equatable {
    var seconds: Int
    var hasSubdomains: Bool
    var isPreloaded: Bool
  }

  var methods: [String] = []
  var allow: [String] = []
  var deny: [String] = []
  var password: Password?
  var forward: Forward?
  var clients: Clients?
  var requestRemove: [String] = []
  var requestSet: [Field] = []
  var responseRemove: [String] = []
  var responseSet: [Field] = []
  var responseAdd: [Field] = []
  var setCookie: [String] = []
  var strictTransport: Transport?
  var bodyBytesMax: Int?
  var isCompressed: Bool?
  var rate: (perSecond: Int, burst: Int)?

  /// Nobody is let in.
  mutating func close() {
    allow = []
    deny = ["0.0.0.0/0", "::/0"]
  }

}

struct Route {
  /// As `routes[].path` takes it.
  var path: String
  var destination: Destination
  /// What is taken off the path, and put in front of the rest.
  var strip: String?
  var add: String?
  var keys = RouteKeys()
  var remarks: [Remark] = []
  var place: Place
}

/// A certificate and its key, as the other server had them.
struct CertificatePair: Equatable {
  var certificate: String
  var key: String
}

/// A server block or a virtual host.
struct Site {
  static let hostsMax = 500

  /// Exact names, `*.` and a name, or `*` alone.
  var hosts: [String]
  /// The one that the others are redirected to.
  var canonicalHost: String?
  /// Whether TLS was spoken.
  var isSecure: Bool
  var pairs: [CertificatePair] = []
  var routes: [Route] = []
  var remarks: [Remark] = []
  var place: Place
  /// What the site was, for the comment above its routes.
  var title: String
}

/// All that is known about the result.
struct Imported {
  var secureListeners: [String] = []
  var plainListeners: [String] = []
  var proxyProtocol: [String] = []
  var trusted: [String] = []
  var sites: [Site] = []
  var minimumTLS: String?
  /// What every answer of these types is compressed by; `nil` for no line.
  var compress: Compress?
  /// Files by status.
  var errorPages: [Int: String] = [:]
  var isCombinedLog = false
  var bodyBytesMax: Int?
  var timeouts: [(key: String, milliseconds: Int)] = []
  /// About what is for all sites.
  var remarks: [Remark] = []

  struct Compress: Equatable {
    var types: [String]
    var level: Int?
    var bytesMin: Int?
  }
}
