import CertStore
import Glibc
import TestSupport
import Testing

@testable import EdgeProxy

@Suite("What is told of certificates")
struct CertificatesSectionTests {
  private let now = Int64(time(nil))

  private func section(
    _ bundles: [[UInt8]], defaultName: String? = nil, later: Int64 = 0
  ) -> StatusSection {
    let store = CertStore(
      directory: nil, etcd: EtcdCertificates(keys: nil, readsLegacy: false),
      defaultName: defaultName)
    let values = bundles.enumerated().map { number, value in
      StoredChange.put(StoredValue(key: Array("\(number)".utf8), value: value))
    }
    _ = store.update { $0.apply(values, now: now) }
    return CertificatesSection(
      served: store.index.served, refusals: store.refusals,
      uncoveredDefault: store.index.uncoveredDefault, now: now + later
    ).section
  }

  private let month = 30 * 86_400

  @Test func `nothing is told of a certificate that is well`() {
    let issued = TestAuthority().issue(["a.test"], until: month)
    #expect(section([issued.bundle], defaultName: "a.test").warnings == [])
  }

  @Test func `an end that comes near is told in days, in hours, and as past`() {
    let issued = TestAuthority().issue(["a.test"], from: -2 * month, until: 5 * 86_400)
    let warnings = [0, 4 * 86_400 + 3600, 6 * 86_400].flatMap {
      section([issued.bundle], later: $0).warnings
    }
    let certificate = "certificate '0' for a.test "
    #expect(
      warnings == [
        certificate + "expires in 5 days", certificate + "expires in 23 hours",
        certificate + "has expired",
      ])
  }

  @Test func `the certificate of the chain that ends first is named`() {
    let issued = TestAuthority().intermediate(until: 60).issue(["a.test"], until: month)
    #expect(
      section([issued.bundle]).warnings == [
        "certificate '0' for a.test expires in 1 minute: certificate 2 of its chain ends first"
      ])
  }

  @Test func `an issuer that ends soon is told behind a fresh certificate`() {
    let issuer = TestAuthority().intermediate(from: -12 * month, until: 2 * 86_400)
    let issued = issuer.issue(["a.test"], from: -60, until: 3 * month)
    #expect(
      section([issued.bundle]).warnings == [
        "certificate '0' for a.test expires in 2 days: certificate 2 of its chain ends first"
      ])
  }

  @Test func `what some clients refuse is told`() {
    let warnings = section([TestAuthority.selfSigned(["a.test"]).bundle]).warnings
    #expect(
      warnings == [
        "certificate '0' for a.test: the certificate is signed by itself; only clients that were"
          + " given it accept it"
      ])
  }

  @Test func `a default that nothing covers is told`() {
    let issued = TestAuthority().issue(["a.test"], until: month)
    #expect(
      section([issued.bundle], defaultName: "b.test").warnings == [
        "no certificate covers 'b.test', the 'certificates.default': clients that name no server"
          + " get another"
      ])
  }

  @Test func `one certificate beside two others has one line, with all its names`() {
    let authority = TestAuthority()
    let both = authority.issue(["a.test", "b.test"], until: month)
    let rsa = authority.issue(["a.test"], key: .rsa2048, until: month)
    let told = section([both.bundle, rsa.bundle])
    #expect(told.warnings == [])
    let ends = told.metrics.first { $0.name.hasSuffix("certificate_not_after_seconds") }
    #expect(ends?.samples.count == 2)
  }
}
