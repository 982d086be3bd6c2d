// Package compact is the released one.
package compact

import released "released.example/merkle/compact"

type (
	NodeID       = released.NodeID
	Range        = released.Range
	RangeFactory = released.RangeFactory
	VisitFn      = released.VisitFn
)

var (
	Decompose  = released.Decompose
	NewNodeID  = released.NewNodeID
	RangeNodes = released.RangeNodes
	RangeSize  = released.RangeSize
)
