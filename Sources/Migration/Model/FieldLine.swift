/// Lines about fields of answers, which several directives of both servers come to.
enum FieldLine {
  /// `max-age=31536000; includeSubDomains`; RFC 6797 §6.1.
  static func strictTransport(_ value: String) -> RouteKeys.Transport? {
    var policy: RouteKeys.Transport?
    var (hasSubdomains, isPreloaded) = (false, false)
    for part in value.split(separator: ";") {
      let word = part.filter { $0 != " " && $0 != "\"" }.lowercased()
      switch word {
      case "includesubdomains": hasSubdomains = true
      case "preload": isPreloaded = true
      default:
        guard word.hasPrefix("max-age="), let seconds = NginxQuantity.number(word.dropFirst(8))
        else {
          return nil
        }
        policy = RouteKeys.Transport(seconds: seconds, hasSubdomains: false, isPreloaded: false)
      }
    }
    policy?.hasSubdomains = hasSubdomains
    policy?.isPreloaded = isPreloaded
    return policy
  }

  /// Sets the policy of a line; a remark says what of it has no counterpart.
  static func setTransport(_ value: String, _ statement: Statement, _ route: inout Route) {
    guard var policy = strictTransport(value) else {
      route.remarks.append(Remark(statement, "'hsts: { max_age: 8760h }' takes an age"))
      return
    }
    // The lists of browsers take no other.
    if policy.isPreloaded, !policy.hasSubdomains || policy.seconds < 8760 * 3600 {
      policy.isPreloaded = false
      route.remarks.append(
        Remark(statement, "'preload' needs 'include_subdomains' and a year, so it is left out"))
    }
    route.keys.strictTransport = policy
  }

  /// The attributes of cookies that a text such as `;HttpOnly;Secure;SameSite=None` adds; `nil` for others.
  static func cookieAttributes(_ text: String) -> [String]? {
    var attributes: [String] = []
    for part in text.split(whereSeparator: { "; ".contains($0) }) {
      switch part.lowercased() {
      case "httponly": attributes.append("HttpOnly")
      case "secure": attributes.append("Secure")
      case "samesite=lax": attributes.append("SameSite=Lax")
      case "samesite=strict": attributes.append("SameSite=Strict")
      case "samesite=none": attributes.append("SameSite=None")
      default: return nil
      }
    }
    return attributes.isEmpty ? nil : attributes
  }

  /// A line beside the others; those of one name are one line, as RFC 9110 §5.3 has it.
  static func append(_ field: RouteKeys.Field, to fields: inout [RouteKeys.Field]) {
    let name = field.name.lowercased()
    guard let index = fields.firstIndex(where: { $0.name.lowercased() == name }) else {
      fields.append(field)
      return
    }
    if fields[index].value != field.value {
      fields[index].value = joined(fields[index].value, field.value)
    }
  }

  /// Two values as one list; the first alone where nobody would take so long a line.
  static func joined(_ first: String?, _ second: String) -> String {
    guard let first else { return second }
    return first.utf8.count + second.utf8.count < Acceptable.valueBytesMax
      ? "\(first), \(second)" : first
  }

  static func replace(_ field: RouteKeys.Field, in fields: inout [RouteKeys.Field]) {
    let name = field.name.lowercased()
    fields.removeAll { $0.name.lowercased() == name }
    fields.append(field)
  }
}
