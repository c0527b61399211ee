import TLS
import TestSupport
import Testing

@testable import ACME

@Suite("Signed requests, RFC 7515 and RFC 8555 §6.2")
struct JWSTests {
  private let key: SigningKey
  private let url = "https://ca.test/order"

  init() throws { key = try SigningKey(making: .ecdsa) }

  @Test func `a new account's request shows its key`() throws {
    let bytes = try JWS.request(Array("{}".utf8), to: url, nonce: "n-1", key: key, .key)
    let request = try #require(SignedRequest(bytes))
    #expect(request.head.alg == "ES256" && request.head.nonce == "n-1")
    #expect(request.head.url == url && request.head.kid == nil)
    #expect(request.head.jwk == key.jwk)
    #expect(request.text == "{}" && request.isSigned(by: key))
  }

  @Test func `any other request names the account and shows no key`() throws {
    let account = "https://ca.test/account/1"
    let bytes = try JWS.request(nil, to: url, nonce: "n", key: key, .account(account))
    let request = try #require(SignedRequest(bytes))
    #expect(request.head.kid == account && request.head.jwk == nil)
    #expect(request.payload.isEmpty && request.isSigned(by: key))
    #expect(String(decoding: bytes, as: UTF8.self).contains(#""payload":"""#))
  }

  @Test func `an RSA key signs with RS256`() throws {
    let rsa = try SigningKey(making: .rsa)
    let bytes = try JWS.request(nil, to: url, nonce: "n", key: rsa, .key)
    let request = try #require(SignedRequest(bytes))
    #expect(request.head.alg == "RS256" && request.head.jwk?["kty"] == "RSA")
    #expect(try request.signature == rsa.signJWS(request.input))
  }

  /// The key of RFC 7515 appendix A.3; the fingerprint is from another program's.
  @Test func `a fingerprint is that of the members in the order of their names, RFC 7638`() throws {
    let pem = """
      -----BEGIN PRIVATE KEY-----
      MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff
      H1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp
      7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt
      -----END PRIVATE KEY-----

      """
    let key = try SigningKey(pem: Array(pem.utf8))
    #expect(try JWS.thumbprint(key) == "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U")
  }

  @Test func `an external account signs the new key with its secret, RFC 8555 §7.3.4`() throws {
    let secret = (0..<32).map { UInt8($0) }
    let external = ExternalAccount(id: "kid-1", key: secret)
    let form = try JWS.binding(external, of: key, to: url)
    let binding = try #require(SignedRequest(try Document.write(form)))
    #expect(binding.head.alg == "HS256" && binding.head.kid == "kid-1")
    #expect(binding.head.url == url && binding.head.nonce == nil && binding.head.jwk == nil)
    #expect(SignedRequest.members(binding.payload) == key.jwk.mapValues { [$0] })
    #expect(binding.signature == Hash.hmacSHA256(key: secret, binding.input))
    #expect("\(external)" == "external account kid-1")
  }

  @Test func `the new key signs that it takes the old one's place, RFC 8555 §7.3.5`() throws {
    let new = try SigningKey(making: .ecdsa)
    let change = "https://ca.test/key"
    let bytes = try JWS.keyChange(account: "https://ca.test/a/1", from: key, to: new, url: change)
    let inner = try #require(SignedRequest(bytes))
    #expect(inner.head.jwk == new.jwk && inner.head.kid == nil && inner.head.nonce == nil)
    #expect(inner.head.url == change && inner.isSigned(by: new))
    let oldKey = String(decoding: try Document.write(key.jwk), as: UTF8.self)
    #expect(inner.text == #"{"account":"https://ca.test/a/1","oldKey":\#(oldKey)}"#)
  }
}
