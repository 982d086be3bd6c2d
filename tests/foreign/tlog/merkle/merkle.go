// Package merkle is the released v0.0.2 under its own path, and one function that v0.0.2 lacks.
//
// github.com/transparency-dev/witness asks for a commit of it that the module proxy does not have, for
// the sake of that function: it serves the optional call sign-subtree, which Leasehold does not use.
// When a release has it, this folder and both `replace` lines of ../go.mod go.
package merkle

import released "released.example/merkle"

type LogHasher = released.LogHasher
