#!/bin/sh
# Login of the broker with its own JWT-SVID.
# Needs: JWKS_URL (the trust domain's bundle as JWKS), BROKER_ID (SPIFFE ID), AUDIENCE (this cluster's own),
# BROKER_CIDRS (from where the broker calls).
set -eu
bao=${BAO:-bao}

"$bao" auth enable -path=jwt jwt
"$bao" write auth/jwt/config jwks_url="$JWKS_URL" jwt_supported_algs=ES256,ES384,RS256

# Leeways: -1 is none (0 would mean 150 seconds); 5 seconds only for clocks that differ.
"$bao" write auth/jwt/role/leasehold \
    role_type=jwt user_claim=sub bound_subject="$BROKER_ID" bound_audiences="$AUDIENCE" \
    expiration_leeway=-1 not_before_leeway=-1 clock_skew_leeway=5 \
    token_policies=leasehold-broker token_no_default_policy=true token_type=service \
    token_period=10m token_explicit_max_ttl=24h token_bound_cidrs="$BROKER_CIDRS"
"$bao" write sys/config/auditing/request-headers/x-leasehold-entry hmac=false
