import Configuration
import EventLoop
import Glibc
import Testing

@testable import EdgeProxy

@Suite("With whose eyes --check-config looks")
struct OnlookerTests {
  private static func unit(_ user: String?) -> ServiceUnit {
    ServiceUnit(texts: ["[Service]\n" + (user.map { "User=\($0)\n" } ?? "")])
  }

  private func choose(
    asked: String? = nil, as current: String = "root", unit: ServiceUnit? = nil,
    known: [String] = ["root", "edgeproxy", "web", "anna"]
  ) throws -> Onlooker {
    try Onlooker.choose(asked: asked, current: current, isRoot: current == "root", unit: unit) {
      known.contains($0)
    }
  }

  @Test func `root looks as the user of the installed unit`() throws {
    #expect(try choose(unit: Self.unit("web")) == Onlooker(user: "web"))
  }

  @Test func `without a unit root looks as the user that the package makes`() throws {
    #expect(try choose() == Onlooker(user: "edgeproxy"))
  }

  @Test func `without a unit and that user root looks as itself and says so`() throws {
    let onlooker = try choose(known: ["root"])
    #expect(onlooker.user == nil)
    #expect(onlooker.note?.contains("'--as USER'") == true)
  }

  @Test func `root looks as whom it is told to`() throws {
    #expect(try choose(asked: "anna", unit: Self.unit("web")) == Onlooker(user: "anna"))
    #expect(try choose(asked: "root", unit: Self.unit("web")) == Onlooker())
    #expect(throws: Onlooker.Refusal.unknown("nobody-here")) { try choose(asked: "nobody-here") }
  }

  @Test func `another user looks as itself, and says whose eyes are missing`() throws {
    let onlooker = try choose(as: "anna", unit: Self.unit("web"))
    #expect(onlooker.user == nil)
    #expect(onlooker.isStranger)
    #expect(onlooker.note?.contains("'web'") == true)
    #expect(throws: Onlooker.Refusal.needsRoot("web")) { try choose(asked: "web", as: "anna") }
  }

  @Test func `the service's own user is no stranger`() throws {
    #expect(try choose(as: "web", unit: Self.unit("web")) == Onlooker())
    // A developer's machine, where no service is.
    #expect(try choose(as: "anna", known: ["anna"]) == Onlooker())
  }

  @Test func `a user of this machine has its groups`() throws {
    let root = try #require(ServiceIdentity.find("root"))
    #expect(root.user == 0)
    #expect(root.groups.contains(root.group))
    #expect(ServiceIdentity.find("nobody-of-this-name") == nil)
  }

  @Test func `who listens at a port is found`() throws {
    let address = try #require(SocketAddress("127.0.0.1:0"))
    let socket = try Socket.listen(address, reusePort: false)
    let bound = try #require(Socket.localAddress(socket.raw))
    let owner = try #require(PortOwner.find(bound))
    #expect(owner.process == getpid())
    #expect(owner.isEdgeProxy)
  }

  @Test func `who takes datagrams at a port is found`() throws {
    let address = try #require(SocketAddress("127.0.0.1:0"))
    let socket = try Datagram.bind(address, bufferBytes: 4096)
    let bound = try #require(Socket.localAddress(socket.raw))
    #expect(PortOwner.find(bound, .datagrams)?.process == getpid())
    let other = try #require(SocketAddress(ip: "127.0.0.2", port: bound.port ?? 0))
    #expect(PortOwner.find(other, .datagrams)?.process != getpid())
  }

  /// Lines of `/proc/net/udp` and `/proc/net/udp6`: at 127.0.0.53, 0.0.0.0, ::, 2001:db8::1 and
  /// ::ffff:192.0.2.1, all port 53, and one at port 54.
  private static let table = """
      sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
       0: 3500007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 1 2 0
       1: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 2 2 0
       2: 00000000000000000000000000000000:0035 0:0000 07 0:0 00:0 0 0 0 3 2 0
       3: B80D0120000000000000000001000000:0035 0:0000 07 0:0 00:0 0 0 0 4 2 0
       4: 0000000000000000FFFF0000010200C0:0035 0:0000 07 0:0 00:0 0 0 0 5 2 0
       5: 3500007F:0036 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 6 2 0
       6: 3500007F:0035 00000000:0000 01 00000000:00000000 00:00000000 00000000   101        0 7 2 0
    """

  @Test(arguments: [
    ("127.0.0.53:53", ["1", "2", "3"]), ("192.0.2.1:53", ["2", "3", "5"]),
    ("[2001:db8::1]:53", ["2", "3", "4"]), ("127.0.0.53:54", ["6"]), ("192.0.2.7:54", []),
    ("0.0.0.0:53", ["1", "2", "3", "4", "5"]),
  ])
  func `a port is another's where its address is the same, or every one`(
    _ text: String, _ sockets: [String]
  ) throws {
    let address = try #require(SocketAddress(text))
    #expect(
      PortOwner.bound(Self.table, at: address, "07") == sockets.map { "socket:[\($0)]" })
  }
}

@Suite("Command lines that are not understood")
struct ArgumentHintTests {
  @Test(arguments: [
    (["-t"], "'-t' is no option; did you mean '--check-config'?"),
    (["-v"], "'-v' is no option; did you mean '--version'?"),
    (
      ["-c", "/etc/x.yaml"],
      "'-c' is no option; did you mean '--config'? '--check-config' checks the file"
    ),
    (["-s", "reload"], "'-s' is no option; did you mean 'edgeproxy reload'?"),
    (["-s", "stop"], "'-s' is no option; systemctl stop edgeproxy stops the service"),
    (["--test"], "'--test' is no option; did you mean '--check-config'?"),
    (["check"], "'check' is no command; did you mean '--check-config'?"),
    (["stauts"], "'stauts' is no command; did you mean 'status'?"),
    (["--config", "e.yaml", "relaod"], "'relaod' is no command; did you mean 'reload'?"),
    (["dns", "setpu"], "'setpu' is no command; did you mean 'setup'?"),
    (["dig", "all"], "'dig' is no command; did you mean 'dns query'?"),
    (["cert", "lsit"], "'lsit' is no command; did you mean 'list'?"),
    (
      ["start"],
      "'start' is no command; it runs in the foreground; systemctl start edgeproxy starts the service"
    ),
    (["edge.yaml"], "'edge.yaml' is no command; did you mean '--config edge.yaml'?"),
  ])
  func `what was probably meant is said`(_ words: [String], _ text: String) throws {
    #expect(ArgumentHint.text(for: words) == text)
    let error = #expect(throws: (any Error).self) { try Arguments.parseAsRoot(words) }
    let better = ArgumentHint.better(try #require(error), words)
    #expect(Arguments.exitCode(for: better).rawValue == 64)
    #expect(Arguments.message(for: better).contains(text))
  }

  @Test(arguments: [
    [], ["status"], ["--config", "check", "status"], ["cert", "show", "check"],
    ["--check-config", "check"], ["--check-config", "--live", "--as", "start"],
  ])
  func `what is understood gets no hint`(_ words: [String]) {
    #expect(ArgumentHint.text(for: words) == nil)
  }

  @Test func `the file may follow --check-config`() throws {
    #expect(try Arguments.parse(["--check-config", "e.yaml"]).checked == "e.yaml")
    #expect(try Arguments.parse(["--check-config", "--live"]).checked == "")
    #expect(try Arguments.parse(["--check-config", "e.yaml", "--live"]).live)
  }
}
