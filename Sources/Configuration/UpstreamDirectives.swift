/// The keys of one upstream.
extension Directives {
  static let upstreams: [Directive] = [
    .required(
      "upstreams", .table, example: "app",
      "What routes lead to, each under its name; needed unless all routes answer by themselves"),
    .init(
      "upstreams.NAME.protocol",
      .word(UpstreamSettings.NodeProtocol.allCases.map(\.rawValue)),
      "uwsgi", "What the nodes speak; http and https are HTTP/1.1, tcp is for listen.tcp"),
    .required(
      "upstreams.NAME.nodes", .nodes, example: "unix:/run/uwsgi/app.sock",
      "unix:PATH, unix:@ABSTRACT, IP:PORT, NAME:PORT, or mappings; at most \(nodesMax). A name is looked up"
        + " every 10s, and each of its addresses is a node"),
    .required(
      "upstreams.NAME.nodes[].address", .text, example: #""10.0.0.2:3031""#,
      "An address as above"),
    .init(
      "upstreams.NAME.nodes[].backup", .flag, "false",
      "Asked only where no other node can be"),
    .init(
      "upstreams.NAME.nodes[].weight", .number(1...1000), "1",
      "Its share of the requests beside the others"),
    .init(
      "upstreams.NAME.nodes[].cores", .number(0...100_000), "0",
      "Requests that it works on at once; as many may wait in its own queue. 0 for no limit"),
    .init(
      "upstreams.NAME.everywhere", .flag, "false",
      "Each server of the fleet has these nodes, at the same paths and loopback addresses; those of the"
        + " others are asked through their edges, where none here can be; needs listen.peers"),
    .optional(
      "upstreams.NAME.discover", .word(UpstreamSettings.Discovery.allCases.map(\.rawValue)),
      example: "subscriptions",
      "Instead of nodes: the instances that announce themselves for the Host; see subscriptions"),
    .init(
      "upstreams.NAME.balance", .word(UpstreamSettings.Balance.allCases.map(\.rawValue)),
      "least-requests", "Which of several nodes is asked first"),
    .init(
      "upstreams.NAME.hash_on", .text, "address",
      "With balance: hash, what binds a request to a node: address, header:NAME or cookie:NAME"),
    .optional(
      "upstreams.NAME.sticky", .text, example: "edge_node",
      "The name of a cookie that binds a browser to the node that answered it first"),
    .init(
      "upstreams.NAME.slow_start", .duration(.zero ... .hours(1)), "10s",
      "How long a node that has come back or joined others takes to get its whole share"),
    .init(
      "upstreams.NAME.queue", .duration(.zero ... .minutes(10)), "10s",
      "How long a request waits while all nodes work on all they can, before it is answered 503"),
    .section("upstreams.NAME.timeouts", "For one try at one node"),
    .init(
      "upstreams.NAME.timeouts.connect", .duration(.milliseconds(1) ... .minutes(1)), "1s",
      "Until the connection is there"),
    .init(
      "upstreams.NAME.timeouts.response", .duration(.milliseconds(1) ... .hours(24)), "60s",
      "From the request to the end of the response head"),
    .init(
      "upstreams.NAME.timeouts.idle", .duration(.milliseconds(1) ... .hours(24)), "60s",
      "Between two pieces of a response body"),
    .init(
      "upstreams.NAME.timeouts.tunnel", .duration(.milliseconds(1) ... .hours(24)), "1h",
      "Without a byte from either side of a WebSocket connection, or of a TCP session, where the"
        + " default is 12h: longer than databases keep idle ones"),
    .optional(
      "upstreams.NAME.greeting", .word(Greeting.allCases.map(\.rawValue)), example: "mysql",
      "For protocol tcp, where nodes speak first: one counts as connected only when it has, within"
        + " timeouts.connect, and until then another may be asked; mysql: with a handshake, not an"
        + " error; any: with any byte; default: none"),
    .optional(
      "upstreams.NAME.on_node_down", .word(["keep", "cut"]), example: "cut",
      "For protocol tcp, what becomes of sessions whose node is taken out: cut has a pool's"
        + " connections made anew elsewhere; default: keep"),
    .optionalSection(
      "upstreams.NAME.keep_alive", "Connections that carry several requests; not for uwsgi"),
    .init(
      "upstreams.NAME.keep_alive.connections", .number(0...10_000), "32",
      "Idle ones of one worker to each node; each holds a process of uWSGI's http11-socket"),
    .init(
      "upstreams.NAME.keep_alive.idle", .duration(.milliseconds(1) ... .hours(1)), "60s",
      "How long one is kept without a request"),
    .section("upstreams.NAME.tls", "For protocol https"),
    .optional(
      "upstreams.NAME.tls.ca", .path(or: []), example: "/etc/edgeproxy/internal-ca.pem",
      "PEM file of the authorities that nodes' certificates come from; default: the system's"),
    .optional(
      "upstreams.NAME.tls.name", .text, example: "app.internal",
      "The name that certificates must bear; default: the address of the node"),
    .init(
      "upstreams.NAME.tls.verify", .flag, "true",
      "false takes every certificate: whoever is in between can read and change everything"),
    .section("upstreams.NAME.retry", "When another node is asked"),
    .init(
      "upstreams.NAME.retry.tries", .number(1...10), "3",
      "For one request, held or not, the first included; nodes that cannot be reached do not count"),
    .init(
      "upstreams.NAME.retry.on", .causes(words: ["connect", "reset"], statuses: 400...599),
      "[connect, reset, 502, 503]",
      "connect: nothing was sent; reset: cut before a response; statuses of the node's answer"),
    .init(
      "upstreams.NAME.retry.within", .duration(.milliseconds(1) ... .hours(1)), "15s",
      "No new try later than this"),
    .init(
      "upstreams.NAME.retry.non_idempotent", .flag, "false",
      "Also what a node may have begun: a POST can then be executed twice"),
    .init(
      "upstreams.NAME.retry.hedge", .word(["auto", "off"]), "auto",
      "auto: GET and HEAD are also sent to another node when one is silent for four times as long"
        + " as nearly all answers take, and 250ms at least; the first answer counts"),
    .init(
      "upstreams.NAME.hold", .duration(.zero ... .minutes(10)), "10s",
      "How long a request waits for a node to come back before it is answered 503"),
    .init(
      "upstreams.NAME.buffer_size", .size(1 << 10...64 << 10), "4KiB",
      "uWSGI's buffer-size: request heads above it are answered 431"),
    .init(
      "upstreams.NAME.modifier1", .number(0...255), "0",
      "Byte 0 of the uwsgi packet: 0 for Python, 5 Perl, 7 Ruby, 14 PHP"),
    .init("upstreams.NAME.modifier2", .number(0...255), "0", "Byte 3 of the uwsgi packet"),
  ]
}
