"""The mutants of scripts/mutate: which rule is broken, where, by which words, and which tests are to notice.

Files are named without their folders. A text has to be in its file exactly once; where the code around it changes,
it changes here too, but the rule that is broken stays the same.
"""
from typing import NamedTuple


class Mutant(NamedTuple):
    """`name` is what the server does wrong then; `tests` is what `swift test --filter` takes."""

    name: str
    file: str
    text: str
    instead: str
    tests: str


MUTANTS = [
    # Tries.
    Mutant("a try that never connected counts as one", "Tries.swift",
           "case let cause where cause.isUnsent: sent -= 1", "case let cause where cause.isUnsent: break",
           "TriesTests|CountedTriesTests"),
    Mutant("a node that resets is asked again at once", "Tries.swift",
           "restsUntil = now + (sent <= 1 ? Self.restMin : Self.restMax)", "restsUntil = now",
           "CountedTriesTests"),
    Mutant("a request that ended one instance is taken for one that ends all", "ExchangeTries.swift",
           "if cause.isUnanswered, tries.endsInstances {", "if cause.isUnanswered {",
           "DeadlyTriesTests"),
    Mutant("a request is dropped when its client half-closes while it waits", "HTTP1Driver.swift",
           "connection.clientEnded()", "abort()", "HalfClosedClientTests"),
    Mutant("requests behind the first are dropped when their client half-closes", "HTTP1Driver.swift",
           "clientHasEnded && input.isEmpty {", "clientHasEnded {", "HalfClosedClientTests"),
    Mutant("an upload that is refused waits while the answer goes out", "HTTP1Driver.swift",
           "closeAfterAnswer = true; reading = .discarding", "closeAfterAnswer = true; reading = .ended",
           "LingeringTests"),
    # The policy of retries, and its budget.
    Mutant("a third instance is asked after two have closed without a byte", "RetryPolicy.swift",
           "guard facts.closed < 2 else", "guard facts.closed < 3 else", "FailoverTests"),
    Mutant("a POST that may have been read is sent again", "RetryPolicy.swift",
           "facts.isRepeatable || settings.nonIdempotent", "facts.isRepeatable || !settings.nonIdempotent",
           "FailoverTests|CountedTriesTests"),
    Mutant("each request pays for half as many second tries", "RetryBudget.swift",
           "private static let request: Int64 = 1_000_000_000 / 15",
           "private static let request: Int64 = 1_000_000_000 / 30", "RetryBudgetTests"),
    # Waiting.
    Mutant("an answer lets one request go on, not two", "WorkerUpstream.swift",
           "holds.release(2)", "holds.release(1)", "WaitingRequestTests"),
    Mutant("one more than may wait is taken", "WaitQueue.swift",
           "guard count < countMax else", "guard count <= countMax else", "WaitQueueTests|WaitingRequestTests"),
    Mutant("a node with less to do is noticed late", "WorkerUpstream.swift",
           "if !queue.isEmpty { queue.release(1) }", "if queue.isEmpty { queue.release(1) }", "WaitingRequestTests"),
    # Hedging.
    Mutant("second tries beside silent ones use up the budget", "Tries.swift",
           "leaving: RetryBudget.tokensMax / 2", "leaving: 0", "HedgingTests"),
    Mutant("a request with a body is sent to two nodes", "Request.swift",
           "(head.method == .get || head.method == .head) && body.count == 0",
           "(head.method == .get || head.method == .head) && body.count >= 0", "HedgingTests"),
    # Slow clients.
    Mutant("bytes overtake those in the file", "Spool.swift",
           "let goesToFile = toFile || fileCount > 0 || !tail.isEmpty", "let goesToFile = toFile || !tail.isEmpty",
           "SpoolTests"),
    Mutant("an instance never waits for its client", "BodyRelay.swift",
           "if spool.hasTail { return false }", "if spool.hasTail { return true }", "SlowClientTests"),
    Mutant("an end that is owed is forgotten", "HTTP2Stream.swift",
           "sending = .owesEnd(since: waitBegan)", "sending = .free", "ClosedWindowTests"),
    # Drain.
    Mutant("a drain is over while sessions go on", "Worker.swift",
           "guard let whenDrained, sessions.count == 0,", "guard let whenDrained, sessions.count >= 0,",
           "TCPSessionEndTests"),
    Mutant("requests that cross the first GOAWAY are refused", "HTTP2Driver.swift",
           "session.announceEnd()", "session.refuseFurther()", "DrainTests"),
    # TCP sessions, and the permits of all connections.
    Mutant("sessions are not counted for their client", "SessionTable.swift",
           "from.isLocal ? .uncounted(address) : worker.enter(address)",
           "from.isLocal ? worker.enter(address) : .uncounted(address)", "TCPSessionEndTests"),
    Mutant("what is counted for a client stays counted", "ConnectionLimit.swift",
           "deinit { limit?.leave(client) }", "deinit { if limit == nil { limit?.leave(client) } }",
           "TCPSessionEndTests|ConnectionLimitTests"),
    Mutant("a client has one connection more than it may", "ConnectionLimit.swift",
           "guard count < countMax else", "guard count <= countMax else", "TCPSessionEndTests|ConnectionLimitTests"),
    Mutant("a session waits in the queue of a full node", "TCPSession.swift",
           "barred: upstream.state.withheld(), mayBeRepeated: false,", "tried: tried, mayBeRepeated: true,", "TCPSessionTests"),
    Mutant("a broken session ends as if it were whole", "TCPSession.swift",
           "passesResets: true", "passesResets: false", "TCPSessionEndTests"),
    # Tunnels.
    Mutant("a node may open a tunnel that nobody asked for", "TunnelOpening.swift",
           "guard attempt === attempts.first, request.facts.asksForWebSocket,",
           "guard attempt === attempts.first,",
           "WebSocketTests"),
    Mutant("the window of a tunnel's stream never opens again", "HTTP2Tunnel.swift",
           "driver.session.widen(id, count)", "driver.session.widen(id, 0 * count)", "WebSocketStreamTests"),
    # The choice of a node, and its health.
    Mutant("a sticky node that is out is asked all the same", "Balancer.swift",
           "var passOver = passOver",
           "if let index = state.nodes.firstIndex(where: { $0.mark == request.bound && request.tried.isEmpty }) {\n"
           "      return .node(index)\n"
           "    }\n"
           "    var passOver = passOver",
           "SharesTests|FailoverTests"),
    Mutant("the busier of two nodes is asked", "Candidates.swift",
           "return load > other ? second : first", "return load < other ? second : first", "BalancerTests"),
    Mutant("backups are asked beside primaries", "Candidates.swift",
           "let tier = primaries != 0 ? primaries :", "let tier = primaries != 0 ? primaries | backups :",
           "BalancerTests|FailoverTests"),
    Mutant("the pause of a node never grows", "NodeCondition.swift",
           "step = min(step + 1, 4)", "step = min(step, 4)", "NodeStateTests"),
    Mutant("one answer brings a node back", "NodeCondition.swift",
           "guard successes + 1 >= thresholds.rise else", "guard successes + 2 >= thresholds.rise else",
           "NodeStateTests|FailoverTests"),
    Mutant("a kept connection is lent with another answer in it", "NodePool.swift",
           "if last.isQuiet() { return last }", "if last.isQuiet() || isFresh { return last }",
           "NodePoolTests|LateBytesTests"),
    # The port.
    Mutant("the port closes without waiting", "PortGate.swift",
           "guard mayClose, now - since >= closeAfter else", "guard mayClose, now >= since else", "PortGateTests"),
    # The fleet's zone.
    Mutant("a name that only ends in the zone's bytes is taken for one within it", "ZoneAnswers.swift",
           "return label == start ? start : nil", "return label >= start ? start : nil", "ZoneAnswersTests"),
    Mutant("an answer of another server is answered", "DNSRequest.swift",
           "bytes.count >= DNSMessage.headBytes, bytes[2] & 0x80 == 0 else", "bytes.count >= DNSMessage.headBytes else",
           "DNSRequestTests"),
    Mutant("a client gets more in a datagram than it takes", "DNSRequest+Answer.swift",
           "bytesMax = min(said, Self.datagramBytesMax)", "bytesMax = Self.datagramBytesMax",
           "DNSRequestTests|ZoneSetsTests"),
    Mutant("a name above others is not there", "ZoneDraft.swift",
           "while names[Array(rest)] == nil {", "while names[Array(rest)] == nil, rest.count > 255 {", "ZoneAnswersTests"),
    # Last good answers.
    Mutant("a page for one who is logged in is given to others", "CacheRules.swift",
           "case .cookie: return false", "case .cookie: break", "SharedRequestTests|StaleAnswerTests"),
    Mutant("a page in one language is given for another", "StaleAnswer.swift",
           "where request.combined(name.span) != value {", "where request.combined(name.span) == nil {",
           "StaleStoreTests|StaleAnswerTests"),
    Mutant("an answer that ended with its connection is kept", "StaleCopying.swift",
           "case .untilClose: return nil", "case .untilClose: return 0", "StaleAnswerTests"),
    Mutant("known answers give way like any others", "StaleShard.swift",
           "fill(index, answer, .known)", "fill(index, answer, .new)", "StaleStoreTests"),
    # Certificates of clients.
    Mutant("a host that asks for certificates is reached over a connection that was asked for none",
           "ClientCertificates.swift",
           'guard stream?.clientRule == rule else { return .status(421, "client-certificate-rule") }',
           "guard stream?.clientRule == rule || stream?.clientRule == nil else { return nil }", "ClientRuleTests"),
    Mutant("a host under a wildcard is asked for what the wildcard says", "ClientRules.swift",
           "if !name.isEmpty, let found = names.lookup(name) { return found }",
           "if !name.isEmpty, let found = names.lookup(name), found != nil { return found }", "ClientRuleTests"),
    Mutant("a session of TLS 1.2 stands in for a certificate", "Callbacks.swift",
           "if stream.verifiedClient != nil { return 0 }", "", "ClientCertificateTests"),
    Mutant("a session of TLS 1.3 stands in for a certificate", "TLSStream.swift",
           "verifiedClient = unsafe try ClientVerification.verify(verification)\n      unsafe SSL_set_num_tickets(ssl, 0)",
           "verifiedClient = unsafe try ClientVerification.verify(verification)", "ClientCertificateTests"),
    Mutant("a ticket outlives the authorities that it was issued under", "ServerContext.swift",
           "if let rule { subject += rule.digest }", "", "ClientCertificateTests"),
]
