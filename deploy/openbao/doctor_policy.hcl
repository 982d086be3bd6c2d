# All that `leasehold doctor` reads, and no secret: a policy for the operator who runs it. Written with
# `bao policy write doctor doctor_policy.hcl`. Mounts and roles are those of the other files here; give yours.
path "sys/config/state/sanitized" { capabilities = ["read"] }
path "sys/audit" { capabilities = ["read", "sudo"] }
path "sys/config/auditing/request-headers/x-leasehold-entry" { capabilities = ["read", "sudo"] }
path "sys/policies/acl" { capabilities = ["list"] }
path "sys/policies/acl/leasehold-*" { capabilities = ["read"] }

path "auth/jwt/config" { capabilities = ["read"] }
path "auth/jwt/role/leasehold" { capabilities = ["read"] }
path "auth/token/roles/leasehold-task" { capabilities = ["read"] }

path "database/roles/+" { capabilities = ["read"] }
path "database/config/+" { capabilities = ["read"] }
path "pki/roles/+" { capabilities = ["read"] }
path "pki/config/crl" { capabilities = ["read"] }
path "sys/mounts/secret" { capabilities = ["read"] }
