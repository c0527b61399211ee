// swift-tools-version: 6.3
import PackageDescription

/// What every target of ours is compiled with.
let house: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableExperimentalFeature("Lifetimes"),
  // Checked at run time, exclusive access costs 15 % of the user instructions of a request (79 000 to
  // 66 000 by callgrind). All tests, the sanitizers' too, run builds that do check it.
  .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

/// Files that are put into the program.
let embedded: [Resource] = [.embedInCode("Admin/Page/page.html")]

/// What the server stands on.
let server: [Target.Dependency] = [
  "Configuration", "ACME", "DNS", "DNSCore", "CertStore", "Etcd", "Wire", "HTTPCore", "TLS",
  "EventLoop", "Passwords", "Migration",
  "Calendar", "CCrash", "CLinux",
  .product(name: "ArgumentParser", package: "swift-argument-parser"),
  .product(name: "Logging", package: "swift-log"),
]

let package = Package(
  name: "edge-proxy",
  products: [.executable(name: "edgeproxy", targets: ["EdgeProxy"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
  ],
  targets: [
    .systemLibrary(name: "CLinux"),
    .target(
      name: "CCrash",
      cSettings: [
        .enableWarning("all"), .treatAllWarnings(as: .error),
        // valgrind 3.19, which scripts/bench --counts runs, cannot read DWARF 5 of clang.
        .unsafeFlags(["-gdwarf-4"]),
      ]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(
      name: "CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CCrypt", pkgConfig: "libcrypt", providers: [.apt(["libcrypt-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(
      name: "CBrotli", pkgConfig: "libbrotlienc", providers: [.apt(["libbrotli-dev"])]),
    .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .target(name: "Calendar", swiftSettings: house),
    .target(name: "EventLoop", dependencies: ["CCrash", "CLinux"], swiftSettings: house),
    .target(name: "TLS", dependencies: ["Calendar", "COpenSSL"], swiftSettings: house),
    .target(
      name: "HTTPCore", dependencies: ["Calendar", "CNghttp2", "CZlib", "CZstd", "CBrotli"],
      swiftSettings: house),
    .target(name: "Passwords", dependencies: ["CCrypt"], swiftSettings: house),
    .target(name: "Wire", dependencies: ["HTTPCore", "TLS", "EventLoop"], swiftSettings: house),
    .target(
      name: "ACME", dependencies: ["Wire", "HTTPCore", "TLS", "EventLoop", "Calendar"],
      swiftSettings: house),
    .target(name: "DNSCore", dependencies: ["TLS", "EventLoop"], swiftSettings: house),
    .target(name: "DNS", dependencies: ["DNSCore", "EventLoop"], swiftSettings: house),
    .target(
      name: "Etcd", dependencies: ["HTTPCore", "Wire", "TLS", "EventLoop"], swiftSettings: house),
    .target(
      name: "CertStore", dependencies: ["HTTPCore", "TLS", "EventLoop", "CLinux"],
      swiftSettings: house),
    .target(
      name: "Configuration",
      dependencies: [
        "ACME", "DNSCore", "CertStore", "Etcd", "HTTPCore", "Passwords", "TLS", "EventLoop",
        "CYAML",
      ],
      swiftSettings: house),
    .target(
      name: "Migration", dependencies: ["Configuration", "HTTPCore", "EventLoop"],
      swiftSettings: house),
    .executableTarget(
      name: "EdgeProxy", dependencies: server, resources: embedded, swiftSettings: house),
    .systemLibrary(
      name: "CBrotliDecoder", path: "Tests/CBrotliDecoder", pkgConfig: "libbrotlidec",
      providers: [.apt(["libbrotli-dev"])]),
    .target(
      name: "TestSupport",
      dependencies: [
        "ACME", "Calendar", "Configuration", "CertStore", "DNS", "DNSCore", "EventLoop",
        "Etcd", "HTTPCore", "Migration",
        "TLS", "Wire", "CLinux", "CNghttp2", "COpenSSL", "CZlib", "CZstd", "CBrotliDecoder",
      ],
      path: "Tests/TestSupport", swiftSettings: house),
    .testTarget(name: "CalendarTests", dependencies: ["Calendar"], swiftSettings: house),
    .testTarget(
      name: "EventLoopTests", dependencies: ["EventLoop", "TestSupport"], swiftSettings: house),
    .testTarget(
      name: "TLSTests", dependencies: ["TLS", "EventLoop", "TestSupport"], swiftSettings: house),
    .testTarget(
      name: "WireTests", dependencies: ["Wire", "HTTPCore", "EventLoop", "TLS", "TestSupport"],
      swiftSettings: house),
    .testTarget(
      name: "ACMETests", dependencies: ["ACME", "Wire", "TLS", "EventLoop", "TestSupport"],
      swiftSettings: house),
    .testTarget(
      name: "DNSTests",
      dependencies: ["DNS", "DNSCore", "EventLoop", "TLS", "TestSupport"],
      swiftSettings: house),
    .testTarget(
      name: "PasswordsTests", dependencies: ["Passwords"], swiftSettings: house),
    .testTarget(
      name: "HTTPCoreTests", dependencies: ["HTTPCore", "TestSupport"], swiftSettings: house),
    .testTarget(
      name: "CertStoreTests", dependencies: ["CertStore", "TLS", "EventLoop", "TestSupport"],
      swiftSettings: house),
    .testTarget(
      name: "EtcdTests", dependencies: ["Etcd", "EventLoop", "TLS", "TestSupport"],
      swiftSettings: house),
    .testTarget(
      name: "ConfigurationTests",
      dependencies: [
        "Configuration", "CertStore", "DNSCore", "EventLoop", "Etcd", "HTTPCore", "TestSupport",
      ], swiftSettings: house),
    .testTarget(
      name: "MigrationTests", dependencies: ["Migration", "HTTPCore", "TestSupport"],
      swiftSettings: house),
    .testTarget(
      name: "EdgeProxyTests",
      dependencies: [
        "EdgeProxy", "ACME", "CCrash", "Configuration", "DNS", "DNSCore", "Etcd", "Passwords",
        "TestSupport",
      ],
      swiftSettings: house),
  ]
)

// libFuzzer links with flags of its own (scripts/fuzz), so an ordinary build leaves its programs out.
if Context.environment["FUZZ"] != nil {
  // One program cannot import another, so here the server is a library: all but its command line.
  package.products = []
  package.targets.removeAll { $0.name == "EdgeProxy" || $0.type == .test }
  package.targets += [
    .systemLibrary(name: "CFuzzer"),
    .target(
      name: "EdgeProxy", dependencies: server.dropLast(2) + server.suffix(1),
      exclude: ["CommandLine", "EdgeProxy.swift"], resources: embedded, swiftSettings: house),
    .target(
      name: "ServerProperties",
      dependencies: [
        "EdgeProxy", "Configuration", "DNSCore", "EventLoop", "HTTPCore", "TestSupport",
      ],
      path: "Tests/EdgeProxyTests/Properties", swiftSettings: house),
    .executableTarget(
      name: "FuzzConfiguration", dependencies: ["CFuzzer", "Configuration", "EventLoop"],
      swiftSettings: house),
    .executableTarget(
      name: "FuzzServing", dependencies: ["CFuzzer", "Configuration", "EdgeProxy", "TestSupport"],
      swiftSettings: house),
  ]
  for name in [
    "FuzzRequestHead", "FuzzResponseHead", "FuzzChunkedBody", "FuzzUWSGIBlock",
    "FuzzEtcdMessages", "FuzzHTTP2", "FuzzProxyHeader", "FuzzFieldValues", "FuzzSubscription",
    "FuzzLyingEtcd", "FuzzResponseSerializer", "FuzzACME", "FuzzMigration",
  ] {
    package.targets.append(
      .executableTarget(name: name, dependencies: ["CFuzzer", "TestSupport"], swiftSettings: house))
  }
  for name in ["FuzzAnnouncements", "FuzzDates", "FuzzDNS", "FuzzFieldLists"] {
    package.targets.append(
      .executableTarget(
        name: name, dependencies: ["CFuzzer", "ServerProperties", "TestSupport"],
        swiftSettings: house))
  }
}
