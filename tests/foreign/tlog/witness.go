package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"

	"github.com/transparency-dev/formats/note"
	calls "github.com/transparency-dev/witness/client/http"
	"github.com/transparency-dev/witness/persistence/inmemory"
	"github.com/transparency-dev/witness/witness"
	sumdb "golang.org/x/mod/sumdb/note"
)

// answer is what a witness said, in the words of the foreign client.
type answer struct {
	Lines   string `json:"lines"`
	Refusal string `json:"refusal"`
	// Size that it cosigned last, of a conflict.
	Size uint64 `json:"size"`
}

func ask(address, oldSize, checkpointFile string, proof []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	root, err := url.Parse(address)
	if err != nil {
		return err
	}
	old, err := strconv.ParseUint(oldSize, 10, 64)
	if err != nil {
		return err
	}
	checkpoint, err := os.ReadFile(checkpointFile)
	if err != nil {
		return err
	}
	var hashes [][]byte
	for _, line := range proof {
		hash, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			return err
		}
		hashes = append(hashes, hash)
	}
	lines, size, err := calls.NewWitness(root, http.DefaultClient).Update(ctx, old, checkpoint, hashes)
	for _, refusal := range []error{
		witness.ErrCheckpointStale, witness.ErrRootMismatch, witness.ErrUnknownLog, witness.ErrNoValidSignature,
		witness.ErrOldSizeInvalid, witness.ErrInvalidProof, witness.ErrPushback,
	} {
		if errors.Is(err, refusal) {
			return emit(answer{Refusal: refusal.Error(), Size: size})
		}
	}
	if err != nil {
		return err
	}
	return emit(answer{Lines: string(lines)})
}

// started is a witness's line in a policy.
type started struct {
	Address string `json:"address"`
	Key     string `json:"key"`
}

// serve forgets everything when it ends: one test, one witness.
func serve(name, vkey string) error {
	log, err := sumdb.NewVerifier(vkey)
	if err != nil {
		return err
	}
	secret, public, err := sumdb.GenerateKey(rand.Reader, name)
	if err != nil {
		return err
	}
	signer, err := note.NewSignerForCosignatureV1(secret)
	if err != nil {
		return err
	}
	key, err := note.VKeyToCosignatureV1(public)
	if err != nil {
		return err
	}
	itself, err := witness.New(context.Background(), witness.Opts{
		Persistence: inmemory.New(),
		Signers:     []sumdb.Signer{signer},
		VerifierForLog: func(_ context.Context, origin string) (sumdb.Verifier, bool, error) {
			return log, origin == log.Name(), nil
		},
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := emit(started{listener.Addr().String(), key}); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", witness.NewHTTPHandler(itself).AddCheckpoint)
	return http.Serve(listener, mux)
}
