import HTTPCore
import Testing

@testable import Configuration

@Suite("Keys about clients and compression")
struct ClientKeysTests {
  @Test func `what is left out is off`() throws {
    let configuration = try ConfigurationFixture.configuration(ConfigurationFixture.valid)
    #expect(configuration.trusted == [] && configuration.listen.proxyProtocol == [])
    #expect(configuration.limits.requestsPerAddress == nil && !configuration.limitsRates)
    #expect(configuration.compress.mode == .off)
    #expect(configuration.compress.levels == CompressionLevels(gzip: 5, brotli: 5, zstd: 6))
    #expect(configuration.compress.rules.codings == [.zstd, .brotli, .gzip])
    #expect(configuration.compress.rules.bodyBytesMin == 1024)
    #expect(configuration.compress.rules.types.contains(Array("image/svg+xml".utf8)))
    #expect(!configuration.compress.rules.types.contains(Array("text/event-stream".utf8)))
    #expect(configuration.routes[0].rate == nil && configuration.routes[0].compress == nil)
  }

  @Test func `what is given is taken`() throws {
    let configuration = try ConfigurationFixture.configuration(
      """
      trusted: [10.0.0.0/8, 192.0.2.1, "2001:db8::/32"]
      listen: { proxy_protocol: ["::ffff:10.0.0.0/104"] }
      limits: { requests_per_address: { rate: 10 } }
      compress: { default: without-cookies, types: [Text/*], minimum: 0B, level: 9,
        encodings: [gzip, br], level_br: 7, level_zstd: 1 }
      upstreams: { app: { nodes: ["10.0.0.1:3031"] } }
      routes:
        - host: app.example.org
          upstream: app
          compress: on
          requests_per_address: { rate: 1, burst: 5 }
      """)
    #expect(
      configuration.trusted.map(\.description)
        == ["10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32"])
    #expect(configuration.listen.proxyProtocol.map(\.description) == ["10.0.0.0/8"])
    #expect(configuration.limits.requestsPerAddress == RequestRate(perSecond: 10, burst: 20))
    #expect(configuration.routes[0].rate == RequestRate(perSecond: 1, burst: 5))
    #expect(configuration.compress.mode == .withoutCookies)
    #expect(configuration.compress.rules.types == [Array("text/*".utf8)])
    #expect(configuration.compress.rules.codings == [.gzip, .brotli])
    #expect(configuration.compress.levels == CompressionLevels(gzip: 9, brotli: 7, zstd: 1))
    #expect(configuration.routes[0].compress == .on)
    #expect(configuration.limitsRates)
  }

  @Test(arguments: [
    Mistake(
      "trusted: 10.0.0.0/8",
      "3:10: 'trusted' must be a list of networks such as [10.0.0.0/8, "
        + "\"2001:db8::/32\"], found '10.0.0.0/8'; did you mean [\"10.0.0.0/8\"]?"),
    Mistake(
      "trusted: [10.0.0.1/8]",
      "3:11: 'trusted' must be a network without bits beyond its prefix, found '10.0.0.1/8';"
        + " did you mean '10.0.0.0/8'?"),
    Mistake(
      "listen: { proxy_protocol: [balancer] }",
      "3:28: 'proxy_protocol' must be a network such as 10.0.0.0/8 or 2001:db8::/32, "
        + "found 'balancer'; names are not looked up here, write the address"),
    Mistake(
      "compress: { types: [html] }",
      "3:21: 'types' must be a media type such as text/html or text/*, found 'html'"),
    Mistake(
      "compress: { types: [\"*/*\"] }",
      "3:21: 'types' must be a media type such as text/html or text/*, found '*/*'"),
    Mistake(
      "compress: { encodings: [brotli] }",
      "3:25: 'encodings' must be a list of br, zstd or gzip, found 'brotli'; did you mean 'br'?"),
    Mistake(
      "compress: { encodings: [gzip, deflate] }",
      "3:31: 'encodings' must be a list of br, zstd or gzip, found 'deflate'; browsers understand two"
        + " things by it, and each of them knows gzip"),
    Mistake("compress: { encodings: [br, br] }", "3:29: 'encodings' has 'br' twice"),
    Mistake(
      "compress: { encodings: [] }",
      "3:24: 'encodings' must name one at least; 'default: off' compresses nothing"),
    Mistake(
      "compress: { level_br: 11 }",
      "3:23: 'level_br' must be a whole number from 1 to 7, found '11'"),
    Mistake(
      "compress: { default: brotli }",
      "3:22: 'default' must be off, on or without-cookies, found 'brotli'; 'encodings' under 'compress'"
        + " at the top says which codings, and here it is on or off"),
    Mistake(
      "compress: { default: yes }",
      "3:22: 'default' must be off, on or without-cookies, found 'yes'; did you mean "
        + "'on'?"),
    Mistake(
      "limits: { requests_per_address: 10 }",
      "3:33: 'limits.requests_per_address' must be a mapping of keys, found '10'; did "
        + "you mean { rate: 10 }?"),
  ])
  func `a mistake is named where it is`(_ mistake: Mistake) {
    mistake.check(ConfigurationFixture.valid + mistake.text)
  }
}
