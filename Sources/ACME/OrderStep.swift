internal import TLS
internal import Wire

extension OrderMachine {
  /// What is to be done next; exactly one input answers each.
  package enum Step: Sendable, Equatable {
    /// Post to this address; without a payload it asks to read. `answered`.
    case post(String, payload: [UInt8]?)
    /// Make the key of the new certificate. `keyMade`.
    case makeKey
    /// Store this so that it survives. `stored`.
    case store(OrderRecord)
    /// Show all of these where the CA looks. `published`.
    case publish([ChallengeValue])
    /// Wait so long. `waited`.
    case wait(Duration)
    /// PEM of the certificate with its chain, and of its key. Nothing answers it.
    case finished(chain: [UInt8], key: [UInt8])
    /// Nothing answers it.
    case failed(OrderFailure)
  }

  /// An order that the CA has, and the key for its certificate.
  struct Held {
    let url: String
    let key: SigningKey
    let pem: [UInt8]
  }

  /// Names whose authorizations are asked one after the other, and those to ask again.
  struct Round {
    var left: ArraySlice<ChallengeTask>
    var again: [ChallengeTask] = []
    /// The longest that the CA asked to wait.
    var retryAfter: Duration?
  }

  /// What is waited for.
  ///
  /// Each state has one step; `waiting` leads to the state that it holds.
  indirect enum State {
    case begun
    case resuming(Held)
    case ordering(payload: [UInt8])
    case makingKey(url: String, Order)
    case storing(Held, Order)
    /// Reads an authorization; the tasks are those of the ones before it.
    case authorizing(Held, HTTPURL, left: ArraySlice<HTTPURL>, [ChallengeTask])
    case publishing(Held, [ChallengeTask])
    /// Tells the CA that it may look.
    case triggering(Held, ChallengeTask, left: ArraySlice<ChallengeTask>, told: [ChallengeTask])
    /// Asks whether the CA is satisfied.
    case validating(Held, ChallengeTask, Round)
    /// Asks how far the order is.
    case checking(Held)
    case finalizing(Held, url: String, payload: [UInt8])
    case downloading(Held, url: String)
    case waiting(Duration, State)
    case over(Step)

    /// Whether the step is a request to the CA.
    var isAsking: Bool {
      switch self {
      case .resuming, .ordering, .authorizing, .triggering, .validating, .checking, .finalizing,
        .downloading:
        true
      case .begun, .makingKey, .storing, .publishing, .waiting, .over: false
      }
    }

    /// The name that the step is about, where it is about one.
    var name: String? {
      switch self {
      case .triggering(_, let task, _, _), .validating(_, let task, _): task.name
      case .waiting(_, let next): next.name
      default: nil
      }
    }
  }
}
