package import EventLoop
package import TLS
package import Wire

/// One account at one CA, RFC 8555 §7.
///
/// Nothing is told from within a call, and nothing after `close`.
package final class ACMEClient {
  package typealias Done<Value> = (Result<Value, ACMEError>) -> Void

  /// What the account is to be; asked again only when it changes, or after a day.
  private struct Wish: Equatable {
    let contact: [String]
    let external: ExternalAccount?
  }

  private let directoryURL: HTTPURL
  private let loop: EventLoop
  private let calls: SignedCalls
  private var key: SigningKey
  private var isClosed = false
  private var wish = Wish(contact: [], external: nil)
  /// What the account was last seen to be, and when.
  private var known: (wish: Wish, at: Instant)?
  private var directoryRead: Instant?

  /// There once `begin` has read it.
  package private(set) var directory: Directory?
  package private(set) var accountURL: String?

  private static let directoryAge = Duration.seconds(86_400)

  /// `account` is the address that `accountURL` was before, if there was one.
  ///
  /// Without it the CA finds the account by its key, or makes one. `caller` is closed by its owner.
  package init(
    directoryURL: HTTPURL, key: SigningKey, account: String?, caller: HTTPCaller,
    on loop: EventLoop
  ) {
    self.directoryURL = directoryURL
    self.key = key
    self.loop = loop
    accountURL = account
    calls = SignedCalls(caller, on: loop)
  }

  package func close() {
    isClosed = true
    calls.close()
  }

  /// The CA's clock minus ours in seconds, from its last answer to a signed request.
  package var clockDifference: Int64? { calls.clockDifference }

  /// Reads the directory and sees to the account: it is made, found again, or told a new contact.
  ///
  /// The terms of service are agreed to. `contact` has addresses of mail, or URLs. What was done within a day is not done again.
  package func begin(
    contact: [String], externalAccount: ExternalAccount?, _ done: @escaping Done<Void>
  ) {
    wish = Wish(
      contact: contact.map { $0.contains(":") ? $0 : "mailto:\($0)" }, external: externalAccount)
    let wish = wish
    readDirectory { [weak self] result in
      guard let self else { return }
      switch result {
      case .failure(let error): done(.failure(error))
      case .success(let directory): seeToAccount(wish, directory, done)
      }
    }
  }

  /// Posts for the account; without a payload it asks to read.
  ///
  /// An account that the CA has forgotten is made anew, once.
  package func post(_ url: String, _ payload: [UInt8]?, _ done: @escaping Done<ACMEAnswer>) {
    guard let directory else {
      return later(done, .local("the account at the CA is not there yet"))
    }
    do throws(ACMEError) {
      let url = try directory.rule.read(url, "the address to ask")
      post(.at(url), payload, directory, mayMakeAccount: true, done)
    } catch {
      later(done, error)
    }
  }

  /// When the CA would have a certificate renewed; `certificate` is its identifier of RFC 9773 §4.1.
  package func renewalInfo(_ certificate: String, _ done: @escaping Done<RenewalInfo>) {
    guard let base = directory?.renewalInfo else {
      return later(done, .unsupported("renewalInfo"))
    }
    guard let url = HTTPURL("\(base)/\(certificate)") else {
      return later(done, .local("'\(certificate)' is no identifier of a certificate"))
    }
    calls.get(url) { result in
      done(
        result.flatMap { answer in
          Result { () throws(ACMEError) in
            try RenewalInfo(answer.body, retryAfter: answer.retryAfter)
          }
        })
    }
  }

  /// Revokes the first certificate of a chain; one that is revoked already counts as done.
  package func revoke(
    chainPEM: [UInt8], reason: RevocationReason, _ done: @escaping Done<Void>
  ) {
    do throws(ACMEError) {
      revoke(try Self.first(of: chainPEM), reason: reason, done)
    } catch {
      later(done, error)
    }
  }

  /// Revokes a certificate in DER.
  package func revoke(
    _ certificate: [UInt8], reason: RevocationReason, _ done: @escaping Done<Void>
  ) {
    struct Revocation: Encodable {
      let certificate: String
      let reason: Int
    }
    do throws(ACMEError) {
      guard let directory, let url = directory.revokeCert else {
        throw .unsupported("revokeCert")
      }
      let payload = try Document.write(
        Revocation(certificate: Base64URL.encode(certificate), reason: reason.rawValue))
      post(.at(url), payload, directory, mayMakeAccount: true) { result in
        if case .failure(let error) = result, error.problem?.type == "alreadyRevoked" {
          return done(.success(()))
        }
        done(result.map { _ in })
      }
    } catch {
      later(done, error)
    }
  }

  /// Gives the account another key, RFC 8555 §7.3.5.
  ///
  /// Whoever calls this keeps both keys until it is done: where no answer comes, either may be the
  /// account's.
  package func rotate(to new: SigningKey, _ done: @escaping Done<Void>) {
    do throws(ACMEError) {
      guard let directory, let url = directory.keyChange else { throw .unsupported("keyChange") }
      guard let account = accountURL else { throw .local("the account at the CA is not there yet") }
      let change = try JWS.keyChange(
        account: account, from: key, to: new, url: url.description)
      calls.post(url, change, key, .account(account), newNonce: directory.newNonce) {
        [weak self] result in
        if case .success = result { self?.key = new }
        done(result.map { _ in })
      }
    } catch {
      later(done, error)
    }
  }

  /// The fingerprint of the account's key, RFC 7638, for key authorizations.
  package func thumbprint() throws(ACMEError) -> String { try JWS.thumbprint(key) }

  // MARK: Directory and account

  private func readDirectory(_ done: @escaping Done<Directory>) {
    if let directory, let read = directoryRead, loop.clockNow - read < Self.directoryAge {
      return loop.atTurnEnd(Later { done(.success(directory)) })
    }
    let url = directoryURL
    calls.get(url) { [weak self] result in
      guard let self else { return }
      let read = result.flatMap { answer in
        Result { () throws(ACMEError) in try Directory(answer.body, from: url) }
      }
      if case .success(let directory) = read {
        self.directory = directory
        directoryRead = loop.clockNow
      }
      done(read)
    }
  }

  private func seeToAccount(_ wish: Wish, _ directory: Directory, _ done: @escaping Done<Void>) {
    guard !isClosed else { return }
    if let known, known.wish == wish, loop.clockNow - known.at < Self.directoryAge,
      accountURL != nil
    {
      return done(.success(()))
    }
    guard let account = accountURL, (try? directory.rule.read(account, "the account")) != nil
    else { return register(wish, directory, done) }
    post(.account, nil, directory, mayMakeAccount: true) { [weak self] result in
      self?.accountArrived(result, wish, directory, done)
    }
  }

  /// Makes the account, or finds the one that has this key, RFC 8555 §7.3.
  private func register(_ wish: Wish, _ directory: Directory, _ done: @escaping Done<Void>) {
    let url = directory.newAccount
    do throws(ACMEError) {
      let body = try Self.newAccount(wish, key, url.description)
      calls.post(url, body, key, .key, newNonce: directory.newNonce) { [weak self] result in
        guard let self else { return }
        if case .success(let answer) = result {
          guard let location = answer.location,
            (try? directory.rule.read(location, "the account")) != nil
          else { return done(.failure(.malformed("the CA gives no address of the account"))) }
          // As the CA writes it: it compares the text.
          accountURL = location
          // A new account has the contact that was sent with it; a CA need not say it.
          if answer.status == 201 {
            known = (wish, loop.clockNow)
            return done(.success(()))
          }
        }
        accountArrived(result, wish, directory, done)
      }
    } catch {
      later(done, error)
    }
  }

  /// The account is there; its contact may be another one.
  private func accountArrived(
    _ result: Result<ACMEAnswer, ACMEError>, _ wish: Wish, _ directory: Directory,
    _ done: @escaping Done<Void>
  ) {
    let account: Account
    do throws(ACMEError) {
      account = try Account(try result.get().body)
    } catch {
      return done(.failure(error))
    }
    guard account.status == "valid" else {
      let detail = "the account is \(account.status)"
      let problem = Problem(type: "unauthorized", detail: detail)
      return done(.failure(.problem(problem, status: 403, retryAfter: nil)))
    }
    // A CA that says no contact may keep none, so it is told once.
    let isTold = known?.wish.contact == wish.contact
    known = (wish, loop.clockNow)
    let isKept = account.contact.map { Set($0) == Set(wish.contact) } ?? wish.contact.isEmpty
    if isKept || isTold { return done(.success(())) }
    update(wish, directory, done)
  }

  /// RFC 8555 §7.3.2.
  private func update(_ wish: Wish, _ directory: Directory, _ done: @escaping Done<Void>) {
    do throws(ACMEError) {
      let payload = try Document.write(["contact": wish.contact])
      post(.account, payload, directory, mayMakeAccount: false) { [weak self] result in
        if case .failure = result { self?.known = nil }
        done(result.map { _ in })
      }
    } catch {
      later(done, error)
    }
  }

  private static func newAccount(
    _ wish: Wish, _ key: SigningKey, _ url: String
  ) throws(ACMEError) -> [UInt8] {
    struct NewAccount: Encodable {
      let termsOfServiceAgreed = true
      let contact: [String]?
      let externalAccountBinding: JWS.Signed?
    }
    var binding: JWS.Signed?
    if let external = wish.external { binding = try JWS.binding(external, of: key, to: url) }
    return try Document.write(
      NewAccount(
        contact: wish.contact.isEmpty ? nil : wish.contact, externalAccountBinding: binding))
  }

  // MARK: Requests

  private enum Target {
    /// The account's own address, which changes where it is made anew.
    case account
    case at(HTTPURL)
  }

  private func post(
    _ target: Target, _ payload: [UInt8]?, _ directory: Directory, mayMakeAccount: Bool,
    _ done: @escaping Done<ACMEAnswer>
  ) {
    guard let account = accountURL,
      let address = try? directory.rule.read(account, "the account")
    else { return later(done, .local("the account at the CA is not there yet")) }
    let url = if case .at(let url) = target { url } else { address }
    calls.post(url, payload, key, .account(account), newNonce: directory.newNonce) {
      [weak self] result in
      guard let self else { return }
      guard mayMakeAccount, case .failure(let error) = result,
        error.problem?.type == "accountDoesNotExist"
      else { return done(result) }
      accountURL = nil
      known = nil
      register(wish, directory) { [weak self] made in
        switch made {
        case .failure(let error): done(.failure(error))
        case .success:
          self?.post(target, payload, directory, mayMakeAccount: false, done)
        }
      }
    }
  }

  private func later<Value>(_ done: @escaping Done<Value>, _ error: ACMEError) {
    loop.atTurnEnd(
      Later { [weak self] in
        guard let self, !isClosed else { return }
        done(.failure(error))
      })
  }

  /// The first certificate of PEM text, in DER.
  private static func first(of pem: [UInt8]) throws(ACMEError) -> [UInt8] {
    guard let outline = try? PEMOutline(pem),
      let block = outline.blocks.first(where: \.isCertificate),
      let bytes = Base64.decode(outline.text[block.content])
    else { throw .local("there is no certificate to revoke") }
    return bytes
  }
}

@available(*, unavailable) extension ACMEClient: Sendable {}
