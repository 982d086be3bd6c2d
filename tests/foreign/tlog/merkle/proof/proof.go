// Package proof is the released one, and the name of a function that it lacks.
package proof

import (
	"errors"

	"github.com/transparency-dev/merkle"
	released "released.example/merkle/proof"
)

type Nodes = released.Nodes

var (
	Consistency       = released.Consistency
	Inclusion         = released.Inclusion
	VerifyConsistency = released.VerifyConsistency
	VerifyInclusion   = released.VerifyInclusion
)

// VerifySubtreeConsistency refuses: nobody calls it here.
func VerifySubtreeConsistency(merkle.LogHasher, uint64, uint64, uint64, [][]byte, []byte, []byte) error {
	return errors.New("there is no sign-subtree here")
}
