#!/bin/sh
# The role through which the broker makes one parentless token per task.
# Needs: WINDOW_MAX (the estate's longest task window), TASK_CIDRS (from where the tokens are used: the broker).
set -eu
bao=${BAO:-bao}

"$bao" write auth/token/roles/leasehold-task \
    allowed_policies_glob='leasehold-cred-*' orphan=true renewable=false token_no_default_policy=true \
    token_type=service path_suffix=leasehold token_explicit_max_ttl="$WINDOW_MAX" token_bound_cidrs="$TASK_CIDRS"
