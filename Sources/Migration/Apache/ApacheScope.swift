/// The directives that hold at one place: the server's, the virtual host's, then those of sections in the order
/// in which Apache merges them.
struct ApacheScope {
  /// What counts most is last.
  private(set) var levels: [DirectiveLevel]

  init(_ levels: [DirectiveLevel]) { self.levels = levels }

  func within(_ level: DirectiveLevel) -> ApacheScope { ApacheScope(levels + [level]) }

  func last(_ name: String) -> Statement? {
    for level in levels.reversed() {
      if let found = level.last(name) { return found }
    }
    return nil
  }

  /// All of the names, those that count most last.
  func all(_ names: String...) -> [Statement] { levels.flatMap { $0.all(names) } }

  /// Those of the last level that has any of the names.
  func nearest(_ names: Set<String>) -> [Statement] {
    for level in levels.reversed() {
      let found = level.all(names)
      if !found.isEmpty { return found }
    }
    return []
  }

  func isOn(_ name: String) -> Bool { last(name)?.first.lowercased() == "on" }
}

/// What of Apache's directives needs nothing here, and what there is instead of others.
enum ApacheDirectives {
  enum Kind {
    case handled
    case needless
    case lost(String)
    /// It kept something from somebody.
    case lostRestriction(String)
  }

  static func kind(_ statement: Statement) -> Kind {
    let name = statement.name
    if handled.contains(name) { return .handled }
    if needless.contains(name) { return .needless }
    if let advice = restrictions[name] { return .lostRestriction(advice) }
    if let row = advice.first(where: { $0.names.contains(name) }) { return .lost(row.advice) }
    if name.hasPrefix("php") || name.hasPrefix("wsgi") || name.hasPrefix("passenger") {
      return .lost(Program.advice)
    }
    if name.hasPrefix("ssl") || name.hasPrefix("index") || name.hasPrefix("lang") {
      return .needless
    }
    return .lost("there is no counterpart, or the import does not know it")
  }

  private static func words(_ text: String) -> Set<String> {
    Set(text.split(whereSeparator: \.isWhitespace).map(String.init))
  }

  private static let handled = words(
    """
    <virtualhost> <location> <locationmatch> <directory> <directorymatch> <files> <filesmatch> <proxy>
    <proxymatch> <requireany> <requireall> <requirenone> listen servername serveralias
    documentroot alias aliasmatch scriptalias scriptaliasmatch proxypass proxypassmatch proxypassreverse
    proxyset balancermember redirect redirectmatch redirectpermanent redirecttemp rewriteengine rewritecond rewriterule
    require order allow deny satisfy authtype authname authuserfile authbasicprovider
    header requestheader errordocument sslengine sslcertificatefile sslcertificatekeyfile
    sslcertificatechainfile sslverifyclient sslcacertificatefile sslprotocol limitrequestbody timeout proxytimeout
    keepalivetimeout addoutputfilterbytype setoutputfilter deflatecompressionlevel customlog logformat transferlog
    remoteiptrustedproxy remoteipinternalproxy remoteipheader directoryindex options fallbackresource
    expiresactive expiresdefault expiresbytype proxypreservehost sethandler addhandler addtype
    sslproxyverify sslproxycacertificatefile proxyerroroverride allowoverride proxypassreversecookiepath
    proxypassreversecookiedomain
    """)

  private static let needless = words(
    """
    loadmodule serveradmin servertokens serversignature serverroot user group pidfile errorlog loglevel
    hostnamelookups keepalive maxkeepaliverequests namevirtualhost usecanonicalname traceenable
    startservers minspareservers maxspareservers minsparethreads maxsparethreads threadlimit threadsperchild
    maxrequestworkers maxconnectionsperchild maxclients serverlimit mutex protocols protocolshonororder
    sslproxyengine sslciphersuite sslhonorcipherorder sslcompression sslsessiontickets sslsessioncache
    sslsessioncachetimeout sslusestapling sslstaplingcache sslrandomseed ssloptions sslopensslconfcmd
    browsermatch browsermatchnocase setenvif setenvifnocase proxyrequests proxyvia proxyaddheaders
    proxybadheader proxymaxforwards proxystatus requestreadtimeout rewriteoptions rewritelog rewriteloglevel
    accessfilename typesconfig mimemagicfile adddefaultcharset addcharset addlanguage addencoding enablesendfile enablemmap
    fileetag directoryslash indexoptions addicon defaulticon proxyiobuffersize proxyreceivebuffersize
    extendedstatus limitrequestfieldsize limitrequestfields limitrequestline deflatebuffersize
    deflatememlevel deflatewindowsize brotlicompressionquality filterdeclare filterchain filterprovider
    sethandlerif contentdigest allowencodedslashes acceptfilter seerequesttail globallog languagepriority
    forcelanguagepriority authmerging h2direct h2push h2upgrade defaultruntimedir
    """)

  private static let restrictions = [
    "sslrequire": "'client_certificates' of a route tells the application who the client is",
    "sslcarevocationfile": "certificates of clients that were revoked are not known here",
    "sslcarevocationpath": "certificates of clients that were revoked are not known here",
    "<limit>": "'methods' of a route says which are taken",
    "<limitexcept>": "'methods' of a route says which are taken",
    "secruleengine": "requests are not searched for attacks",
  ]

  private static let advice: [(names: Set<String>, advice: String)] = [
    (
      words("<if> <elseif> <else>"),
      "there are no conditions here but host, path, methods and match"
    ),
    (words("<macro> use"), "macros are not read; write the site out"),
    (
      words(
        "cacheenable cacheroot cachedefaultexpire cachelock cacheignorecachecontrol cachedirlevels"),
      "nothing is cached here; 'stale_if_error: 1h' of a route answers while all nodes are down"
    ),
    (
      words(
        "authgroupfile authuserdbm authldapurl authldapbinddn authbasicauthoritative authdigestprovider authformprovider"
      ),
      "'forward_auth' of a route asks an authenticator, see docs/access.md"
    ),
    (words("setenv passenv unsetenv"), "'request_headers' tells an application something"),
    (
      words("substitute outputsed inputsed ssienableaccess addoutputfilter xbithack"),
      "bodies are never changed here; the application has to write what is meant"
    ),
    (words("userdir"), "directories of users have no counterpart"),
    (words("secrule modsecurityenabled"), "requests are not searched for attacks"),
    (
      words("mdomain mdcertificateagreement mdcontactemail"),
      "'acme' at the top orders certificates"
    ),
    (words("proxyhtmlenable proxyhtmlurlmap"), "bodies are never changed here"),
  ]
}
