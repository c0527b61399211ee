import TLS
import TestSupport
import Testing

@Suite("Keys that sign")
struct SigningKeyTests {
  /// The key of RFC 7515 appendix A.3 as PKCS #8.
  private static let ecPEM = """
    -----BEGIN PRIVATE KEY-----
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff
    H1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp
    7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt
    -----END PRIVATE KEY-----

    """

  /// The key of RFC 7515 appendix A.2 as PKCS #8.
  private static let rsaPEM = """
    -----BEGIN PRIVATE KEY-----
    MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCh+BYK4uPJtGXO
    jS1lYmM2K5J9vinh8CR3/BYlzJChNuOL2TSXxbbqY913EeZ8dCn5VrD7io8ImtxL
    aYk8wTM/U+3QGbh3hCUv7JFP5IV3aVlL6kKA0ywPVb9ilE8TA5a8bpvfbr3SvaNn
    juygxmj3AbONv/s4yDQs4v5tJ/reSlpIdJed1LnPmt7Ex1sFhSwsD174pcF1A5L5
    ROjtZMEQxrZHYJqkeDrrnGya11UxMFBji4NmXG9veoKjlnAqH2QbgtPr8jkiGUkf
    toaHLFcW9Qr4NY2ai50Xw0Byj3+H2JoY2PyrZ62EWQwuz3WTOTY8BwNNb2BvniHg
    VFbK5emhAgMBAAECggEAEq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyW
    PEAeP88vLNO97IjlA7/GQ5sLKMgvfTeXZx9SE+7YwVol2NXOoAJe46sui395IW/G
    O+pWJ1O0BkTGoVEn2bKVRUCgu+GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzj
    kn439X0M/V51gfpRLI9JYanrC4D4qAdGcopV/0ZHHzQlBjudU2QvXt4ehNYTCBr6
    XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl/x/jTj3ccPDVZFD9pIuhLhBOneufuBiB
    4cS98l2SR/RQyGWSeWjnczT0QU91p1DhOVRuOopznQKBgQDgHMQQ60imZV1URk0K
    pLttoLhyt3SmqdEf/kgHePDdtzEafpAu+cS191R2JiuoF2yzWXnwFDcqGigp5BNr
    0AHQfD8/Lk8l1Mk09jxxCfui5nYooNyac8YFjm3vItzVCVDnEd3BbVWG8qf6deqE
    lMGAg+C2V0L4oNXnP7LZcPAZRwKBgQC5A8R+CZW2MvRTLLHzwZkUXV866cff7tx6
    kqa0finGG0KgeqlaZPxgCZnFp7AeAcCMtiynVlJ7vMVgePsLq6XtON4tB5kP9jAP
    rq3rbAOal78eUH5OcED6eNuCV8ixEu1eWcPNCS/l1OW1EnXUEoEHKl54Xrrz2uNw
    kgMTP1FZ1wKBgAcCn1dwJKufzBWQxWQp1vsM5fggqPN1qGb5y0MAk3g7/Ls5bkUp
    5u9SN0Ai3Ya6hNnvWJMb7sXQX6U/zyO2M/hTip7tUeh7CXgwo59dkpN75gJLVds2
    9+DAncu3KXU4f2Fa+7bLNrur53k8KwPOq2bbuTG69QtV7Jr5MR0AHWKNAoGBAIf/
    evpitUf+4JYbLpvNXWcY052Mpz22aR84mY3nh3F2LF2mjMJDpTg7FmuyPcVw6EcG
    yoAe9fa65iNqCq+jdw6PVNGo2hxfjSiZ8IIzHdsPXI89//pMjZcQK9r+CCoRjaZj
    OYiIDktVWZzmevJuv6WywUqd57LE3Zar3dLSIkx1AoGAIYd7DHOhrWvxkwPQsRM2
    tOgrjbcrfvtQJipd+DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd/QJQ3
    ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp/gh6A56
    03k2+ZQwVK0JKSHuLFkuQ3U=
    -----END PRIVATE KEY-----

    """

  private static let payload =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

  private func members(_ key: SigningKey) -> [String] {
    key.publicJWK.map { "\($0.name)=\($0.value)" }
  }

  @Test func `an RSA key signs as RFC 7515 appendix A.2 has it`() throws {
    let key = try SigningKey(pem: Array(Self.rsaPEM.utf8))
    #expect(key.kind == .rsa)
    let signature = try key.signJWS(Array("eyJhbGciOiJSUzI1NiJ9.\(Self.payload)".utf8))
    #expect(
      Base64URL.encode(signature)
        == "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5"
        + "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb"
        + "1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QO"
        + "YEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw")
    #expect(
      members(key) == [
        "e=AQAB", "kty=RSA",
        "n=ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4"
          + "d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5re"
          + "xMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxX"
          + "FvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
      ])
  }

  @Test func `an EC key has the public half of RFC 7515 appendix A.3`() throws {
    let key = try SigningKey(pem: Array(Self.ecPEM.utf8))
    #expect(key.kind == .ecdsa)
    #expect(
      members(key) == [
        "crv=P-256", "kty=EC", "x=f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y=x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
      ])
  }

  /// One half in 128 begins with a zero byte, which DER leaves out and a JWS has.
  @Test func `every ES256 signature has 64 bytes and is verified`() throws {
    let pem = Array(Self.ecPEM.utf8)
    let key = try SigningKey(pem: pem)
    var short = 0
    for number in 0..<2000 {
      let text = Array("eyJhbGciOiJFUzI1NiJ9.\(number)".utf8)
      let signature = try key.signJWS(text)
      #expect(SignedForm.isES256(signature, of: text, by: pem))
      if signature.first == 0 || signature.dropFirst(32).first == 0 { short += 1 }
    }
    #expect(short > 0)
    let text = Array(Self.payload.utf8)
    #expect(try !SignedForm.isES256(key.signJWS(text), of: Array(text.dropLast()), by: pem))
  }

  /// Coordinates that begin with a zero byte keep it, RFC 7518 §6.2.1.2.
  @Test func `both coordinates have 32 bytes in every key`() throws {
    for _ in 0..<600 {
      let jwk = try SigningKey(making: .ecdsa).publicJWK
      #expect(jwk.map(\.name) == ["crv", "kty", "x", "y"])
      for member in jwk.suffix(2) {
        #expect(Base64URL.decode(member.value)?.count == 32)
      }
    }
  }

  @Test(arguments: [SigningKey.Kind.ecdsa, .rsa])
  func `a new key is the same after it was written and read`(kind: SigningKey.Kind) throws {
    let key = try SigningKey(making: kind)
    let pem = try key.pem()
    let again = try SigningKey(pem: pem)
    #expect(again.kind == kind && members(again) == members(key))
    #expect(try again.pem() == pem)
    #expect(String(decoding: pem, as: UTF8.self).hasPrefix("-----BEGIN PRIVATE KEY-----\n"))
    #expect(members(try SigningKey(making: kind)) != members(key))
  }

  @Test(arguments: [
    TestAuthority.Key.ecdsa(curve: "P-384"), .ecdsa(curve: "secp256k1"), .rsa(bits: 1024), .ed25519,
  ])
  func `keys that authorities refuse are refused`(key: TestAuthority.Key) {
    let issued = TestAuthority().issue(["a.test"], key: key)
    #expect(throws: TLSError.self) { try SigningKey(pem: Array(issued.key.utf8)) }
  }

  @Test func `what is no key, or has a passphrase, is refused without a question`() {
    let issued = TestAuthority().issue(["a.test"])
    for text in ["", "no key", issued.certificate, issued.encryptedKey] {
      #expect(throws: TLSError.self) { try SigningKey(pem: Array(text.utf8)) }
    }
    let long = [UInt8](repeating: 10, count: SigningKey.pemBytesMax) + Array(issued.key.utf8)
    #expect(throws: TLSError.self) { try SigningKey(pem: long) }
  }

  @Test func `a key never shows`() throws {
    let key = try SigningKey(making: .ecdsa)
    var text = ""
    dump(key, to: &text)
    #expect("\(key)" == "signing key, ecdsa" && text.contains("signing key, ecdsa"))
    #expect(!text.contains("kty"))
  }
}

@Suite("Base64 without padding, RFC 7515 §2 and appendix C")
struct Base64URLTests {
  @Test func `the example of RFC 7515 appendix C comes out`() {
    #expect(Base64URL.encode([3, 236, 255, 224, 193]) == "A-z_4ME")
    #expect(Base64URL.decode("A-z_4ME") == [3, 236, 255, 224, 193])
  }

  @Test(arguments: [
    ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"),
    ("fooba", "Zm9vYmE"), ("foobar", "Zm9vYmFy"),
  ])
  func `every length is read back`(plain: String, text: String) {
    #expect(Base64URL.encode(Array(plain.utf8)) == text)
    #expect(Base64URL.decode(text) == Array(plain.utf8))
  }

  @Test func `every byte is read back`() {
    let bytes = (0..<256).map { UInt8($0) }
    #expect(Base64URL.decode(Base64URL.encode(bytes)) == bytes)
  }

  @Test(arguments: [
    "Z", "Zg==", "Zh", "Zm9=", "Zm9v Zg", "Zm9v\nZg", "Zm+v", "Zm/v", "é", "=", "Zm9vZ", "Zm\u{0}v",
  ])
  func `what is not quite that is refused`(text: String) {
    #expect(Base64URL.decode(text) == nil)
  }
}

@Suite("Digests, and codes with a key")
struct HashTests {
  private func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  @Test func `the thumbprint of RFC 7638 comes out`() {
    let jwk =
      "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbb"
      + "fAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt"
      + "7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOp"
      + "bISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJ"
      + "zKnqDKgw\"}"
    #expect(
      Base64URL.encode(Hash.sha256(Array(jwk.utf8)))
        == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
  }

  @Test func `the codes of RFC 4231 come out, also with a key longer than a block`() {
    let cases: [(key: [UInt8], text: [UInt8], short: String, long: String)] = [
      (
        [UInt8](repeating: 0x0b, count: 20), Array("Hi There".utf8),
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
          + "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"
      ),
      (
        Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
          + "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
      ),
      (
        [UInt8](repeating: 0xaa, count: 131),
        Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
          + "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"
      ),
    ]
    for (key, text, short, long) in cases {
      #expect(hexadecimal(Hash.hmacSHA256(key: key, text)) == short)
      #expect(hexadecimal(Hash.hmacSHA512(key: key, text)) == long)
    }
  }
}
