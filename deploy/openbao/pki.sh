#!/bin/sh
# Certificates with a lease and a CRL, for the workload's own key. The broker sets the only URI SAN;
# with OpenBao's defaults a CSR could carry another agent's SPIFFE ID.
# Needs: TRUST_DOMAIN.
set -eu
bao=${BAO:-bao}

"$bao" secrets enable -path=pki -max-lease-ttl=8760h pki
"$bao" write pki/root/generate/internal common_name="Leasehold sample authority" ttl=8760h key_type=ec key_bits=256 >/dev/null
# auto_rebuild would answer a revocation before the CRL shows it; disable would never show it.
"$bao" write pki/config/crl expiry=72h disable=false auto_rebuild=false
"$bao" write pki/roles/agent \
    use_csr_sans=false use_csr_common_name=false require_cn=false \
    allow_any_name=false allow_localhost=false allow_ip_sans=false allowed_uri_sans="spiffe://$TRUST_DOMAIN/*" \
    key_type=any key_usage=DigitalSignature client_flag=true server_flag=true \
    ttl=20m max_ttl=1h generate_lease=true no_store=false
