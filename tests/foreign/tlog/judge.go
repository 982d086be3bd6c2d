package main

import (
	"fmt"
	"os"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/formats/witness"
	merkle "github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	sumdb "golang.org/x/mod/sumdb/note"
)

// judged is what a checkpoint is worth under a policy.
type judged struct {
	Size uint64 `json:"size"`
	// Satisfied: enough witnesses cosigned.
	Satisfied bool `json:"satisfied"`
	// Cosigned is when, in seconds since 1970, by the witness's key name.
	Cosigned map[string]int64 `json:"cosigned"`
	Index    *uint64          `json:"index,omitempty"`
}

func judge(policyFile, vkey, checkpointFile string) error {
	checkpoint, err := os.ReadFile(checkpointFile)
	if err != nil {
		return err
	}
	said, _, err := open(policyFile, vkey, checkpoint)
	if err != nil {
		return err
	}
	return emit(said)
}

func receipt(policyFile, vkey, proofFile, entryFile string) error {
	text, err := os.ReadFile(proofFile)
	if err != nil {
		return err
	}
	entry, err := os.ReadFile(entryFile)
	if err != nil {
		return err
	}
	var shown proof.TLogProof
	if err := shown.Unmarshal(text); err != nil {
		return err
	}
	if again := string(shown.Marshal()); again != string(text) {
		return fmt.Errorf("it would be written otherwise:\n%s", again)
	}
	said, checkpoint, err := open(policyFile, vkey, shown.Checkpoint)
	if err != nil {
		return err
	}
	hasher, hashes := rfc6962.DefaultHasher, [][]byte{}
	for _, hash := range shown.Hashes {
		hashes = append(hashes, hash[:])
	}
	leaf := hasher.HashLeaf(entry)
	if err := merkle.VerifyInclusion(hasher, shown.Index, said.Size, leaf, hashes, checkpoint.Hash); err != nil {
		return err
	}
	said.Index = &shown.Index
	return emit(said)
}

// open verifies the log's signature, and every cosignature by a witness of the policy.
func open(policyFile, vkey string, checkpoint []byte) (*judged, *log.Checkpoint, error) {
	text, err := os.ReadFile(policyFile)
	if err != nil {
		return nil, nil, err
	}
	policy, err := witness.ParsePolicy(text)
	if err != nil {
		return nil, nil, err
	}
	verifier, err := sumdb.NewVerifier(vkey)
	if err != nil {
		return nil, nil, err
	}
	var witnesses []sumdb.Verifier
	for _, key := range policy.Endpoints() {
		witnesses = append(witnesses, key)
	}
	parsed, _, opened, err := log.ParseCheckpoint(checkpoint, verifier.Name(), verifier, witnesses...)
	if err != nil {
		return nil, nil, err
	}
	said := judged{Size: parsed.Size, Satisfied: policy.Satisfied(checkpoint), Cosigned: map[string]int64{}}
	for _, signature := range opened.Sigs {
		if signature.Hash == verifier.KeyHash() {
			continue
		}
		at, err := note.CoSigV1Timestamp(signature)
		if err != nil {
			return nil, nil, err
		}
		said.Cosigned[signature.Name] = at.Unix()
	}
	return &said, parsed, nil
}
