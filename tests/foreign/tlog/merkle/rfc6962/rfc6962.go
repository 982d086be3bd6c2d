// Package rfc6962 is the released one.
package rfc6962

import released "released.example/merkle/rfc6962"

var DefaultHasher = released.DefaultHasher
