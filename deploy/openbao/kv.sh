#!/bin/sh
# Key-value store, version 2, at secret/ (development servers have one already).
set -eu
bao=${BAO:-bao}

"$bao" secrets list | grep -q '^secret/ ' || "$bao" secrets enable -path=secret -version=2 kv
