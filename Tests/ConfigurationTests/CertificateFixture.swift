/// A certificate for `app.example.org` and `*.example.net` as it lies on disk, and a key of another.
enum CertificateFixture {
  /// Seconds since 1970.
  static let notBefore: Int64 = 1795397451
  static let notAfter: Int64 = 4948997451

  static let chain = """
    -----BEGIN CERTIFICATE-----
    MIIBszCCAVmgAwIBAgIUfmHEfi71DJBboM7LBV40hDswXE4wCgYIKoZIzj0EAwIw
    GjEYMBYGA1UEAwwPYXBwLmV4YW1wbGUub3JnMCAXDTI2MTEyMzAxMzA1MVoYDzIx
    MjYxMDMwMDEzMDUxWjAaMRgwFgYDVQQDDA9hcHAuZXhhbXBsZS5vcmcwWTATBgcq
    hkjOPQIBBggqhkjOPQMBBwNCAATWfIL+i92C3qLO/OIbf6WEHLgnrzTkJqUVUiOq
    bHwhEX5qtBmc4/SPasPqET67XTp4SlhWhFiNzJXiy3ucYXuWo3sweTAdBgNVHQ4E
    FgQU6hS4LvEZGnsDPaG9kgSeMzcIXF8wHwYDVR0jBBgwFoAU6hS4LvEZGnsDPaG9
    kgSeMzcIXF8wKQYDVR0RBCIwIIIPYXBwLmV4YW1wbGUub3Jngg0qLmV4YW1wbGUu
    bmV0MAwGA1UdEwEB/wQCMAAwCgYIKoZIzj0EAwIDSAAwRQIhAOD8bddmAvYv2Ju8
    mZi5QejUe64Fi5TiooGdIwnrBJvLAiAPE0G+viYstQHab7KnCFNLwxtKKv0987GE
    RWMTJVLrcA==
    -----END CERTIFICATE-----
    """

  static let key = """
    -----BEGIN PRIVATE KEY-----
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgSY4s5+rP3lPJ0PZT
    C2ftpBCncttHilXMkUrKE3cpBl6hRANCAATWfIL+i92C3qLO/OIbf6WEHLgnrzTk
    JqUVUiOqbHwhEX5qtBmc4/SPasPqET67XTp4SlhWhFiNzJXiy3ucYXuW
    -----END PRIVATE KEY-----
    """

  static let otherKey = """
    -----BEGIN PRIVATE KEY-----
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgByZTH7vccqzB2BWc
    Runhvso1iOZwqRbKuWcdyT9tuWqhRANCAASsX7f7ckHy3+8zr6BPqPLk7P75AhtZ
    32864dhO7+H2WJdEYHDAFbfMoo7PkSFKYamhCcAo7xdYRvCA1m2zMs4E
    -----END PRIVATE KEY-----
    """
}
