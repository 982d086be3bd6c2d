# The two settings that Leasehold relies on; `leasehold doctor` looks at both.

# A mint that was cut off can come to life until this time has passed: an intent is closed only then.
default_max_request_duration = "30s"

# OpenBao takes audit devices from its configuration only. Let it write our header in clear with
# `bao write sys/config/auditing/request-headers/x-leasehold-entry hmac=false`.
audit "file" "main" {
  options {
    file_path = "/var/log/openbao/audit.log"
  }
}
