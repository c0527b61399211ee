/// The calls of etcd that we make, as they stand in `:path`.
package enum MethodPath: String, Sendable, CaseIterable {
  case range = "/etcdserverpb.KV/Range"
  case put = "/etcdserverpb.KV/Put"
  case deleteRange = "/etcdserverpb.KV/DeleteRange"
  case txn = "/etcdserverpb.KV/Txn"
  case watch = "/etcdserverpb.Watch/Watch"
  case leaseGrant = "/etcdserverpb.Lease/LeaseGrant"
  case leaseRevoke = "/etcdserverpb.Lease/LeaseRevoke"
  case leaseKeepAlive = "/etcdserverpb.Lease/LeaseKeepAlive"
  case status = "/etcdserverpb.Maintenance/Status"
  case authenticate = "/etcdserverpb.Auth/Authenticate"
}
