/// The keys of discovery by subscriptions.
extension Directives {
  static let subscriptions: [Directive] = [
    .optionalSection(
      "subscriptions", "uWSGI instances announce themselves: subscribe-to, subscribe2"),
    .required(
      "subscriptions.listen", .datagramAddresses, example: "127.0.0.1:7000",
      "UDP IP:PORT or unix:PATH, or a list of them; beyond loopback it needs allow or signing_keys"),
    .optional(
      "subscriptions.allow", .list, example: "",
      "Who may announce what; default: this machine anything, others nothing that is not signed"),
    .required(
      "subscriptions.allow[].from", .text, example: "10.0.0.0/24",
      "A network; unix sockets count as 127.0.0.1"),
    .required(
      "subscriptions.allow[].keys", .texts, example: #"["*.example.org"]"#,
      "Hosts; a subscription key .example.org is the wildcard"),
    .init(
      "subscriptions.allow[].addresses", .networks, "[]",
      "Networks whose addresses may be announced besides one's own"),
    .optional(
      "subscriptions.signing_keys", .path(or: []), example: "/etc/edgeproxy/subscription-keys",
      "KEY.pem, with * allowed as first label: public RSA keys; such a key must be signed"),
    .init(
      "subscriptions.allow_sha1", .flag, "false", "Signatures over SHA-1 count as well as SHA-256"),
    .init(
      "subscriptions.share", .word(["none", "etcd"]), "none",
      "etcd: instances announced to one server are known to all; each tells what it hears itself"),
  ]

  static let subscriptionListenersMax = 16
  static let permissionsMax = 256
  static let permissionKeysMax = 1024
}
