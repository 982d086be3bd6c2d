package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// readLog is what two libraries agree on.
type readLog struct {
	Size        uint64 `json:"size"`
	Root        string `json:"root"`
	Included    int    `json:"included"`
	Consistents int    `json:"consistent"`
}

// head is an older size of the log, and its root.
type head struct {
	size uint64
	root []byte
}

func read(address, vkey string, older []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	root, err := url.Parse(address)
	if err != nil {
		return err
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	heads, err := parseHeads(older)
	if err != nil {
		return err
	}
	files, err := client.NewHTTPFetcher(root, &http.Client{Transport: spoiler{os.Getenv("LEASEHOLD_SPOIL")}})
	if err != nil {
		return err
	}
	// Every tile is made again from the entries, and compared with what is served. Several workers: one
	// that finds a fault ends, and without another the check would wait for it for ever.
	if err := fsck.New(verifier.Name(), verifier, files, leafHashes, fsck.Opts{N: 4}).Check(ctx); err != nil {
		return err
	}
	checkpoint, _, _, err := client.FetchCheckpoint(ctx, files.ReadCheckpoint, verifier, verifier.Name())
	if err != nil {
		return err
	}
	newest := head{checkpoint.Size, checkpoint.Hash}
	leaves, err := client.FetchLeafHashes(ctx, files.ReadTile, 0, newest.size, newest.size)
	if err != nil {
		return err
	}
	for _, reader := range []func() error{
		func() error { return tesseraProves(ctx, files, leaves, newest, heads) },
		func() error { return sumdbProves(ctx, files, leaves, newest, heads) },
	} {
		if err := reader(); err != nil {
			return err
		}
	}
	return emit(readLog{newest.size, base64.StdEncoding.EncodeToString(newest.root), len(leaves), len(heads)})
}

func leafHashes(bundle []byte) ([][]byte, error) {
	var entries api.EntryBundle
	if err := entries.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	var hashes [][]byte
	for _, entry := range entries.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return hashes, nil
}

// tesseraProves proves each leaf in the newest tree, and the older trees with their last leaf.
func tesseraProves(ctx context.Context, files *client.HTTPFetcher, leaves [][]byte, newest head, heads []head) error {
	includes := func(tree head, index uint64) error {
		// A builder of its own for each older tree: it reads the partial tiles of that size.
		builder, err := client.NewProofBuilder(ctx, tree.size, files.ReadTile)
		if err != nil {
			return err
		}
		hashes, err := builder.InclusionProof(ctx, index)
		if err != nil {
			return err
		}
		return proof.VerifyInclusion(rfc6962.DefaultHasher, index, tree.size, leaves[index], hashes, tree.root)
	}
	for index := range leaves {
		if err := includes(newest, uint64(index)); err != nil {
			return fmt.Errorf("tessera: entry %d: %w", index, err)
		}
	}
	builder, err := client.NewProofBuilder(ctx, newest.size, files.ReadTile)
	if err != nil {
		return err
	}
	for _, old := range heads {
		if err := includes(old, old.size-1); err != nil {
			return fmt.Errorf("tessera: the last entry of %d: %w", old.size, err)
		}
		hashes, err := builder.ConsistencyProof(ctx, old.size, newest.size)
		if err != nil {
			return err
		}
		err = proof.VerifyConsistency(rfc6962.DefaultHasher, old.size, newest.size, hashes, old.root, newest.root)
		if err != nil {
			return fmt.Errorf("tessera: from %d: %w", old.size, err)
		}
	}
	return nil
}

// sumdbProves does the same with the code of the Go checksum database.
func sumdbProves(ctx context.Context, files *client.HTTPFetcher, leaves [][]byte, newest head, heads []head) error {
	tree := tlog.Tree{N: int64(newest.size), Hash: tlog.Hash(newest.root)}
	hashes := tlog.TileHashReader(tree, tiles{ctx, files})
	for index, leaf := range leaves {
		record, err := tlog.ProveRecord(tree.N, int64(index), hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(record, tree.N, tree.Hash, int64(index), tlog.Hash(leaf)); err != nil {
			return fmt.Errorf("sumdb: entry %d: %w", index, err)
		}
	}
	for _, old := range heads {
		grown, err := tlog.ProveTree(tree.N, int64(old.size), hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(grown, tree.N, tree.Hash, int64(old.size), tlog.Hash(old.root)); err != nil {
			return fmt.Errorf("sumdb: from %d: %w", old.size, err)
		}
	}
	return nil
}

// tiles gives sumdb its tiles, whose height is part of its own paths but not of ours.
type tiles struct {
	ctx   context.Context
	files *client.HTTPFetcher
}

func (tiles) Height() int                     { return 8 }
func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var read [][]byte
	for _, tile := range wanted {
		bytes, err := t.files.ReadTile(t.ctx, uint64(tile.L), uint64(tile.N), uint8(tile.W))
		if err != nil {
			return nil, err
		}
		// A full tile may stand for a partial one.
		read = append(read, bytes[:min(len(bytes), tile.W*tlog.HashSize)])
	}
	return read, nil
}

func parseHeads(words []string) ([]head, error) {
	var heads []head
	for at := 0; at+1 < len(words); at += 2 {
		size, err := strconv.ParseUint(words[at], 10, 63)
		if err != nil {
			return nil, err
		}
		root, err := base64.StdEncoding.DecodeString(words[at+1])
		if err != nil {
			return nil, err
		}
		heads = append(heads, head{size, root})
	}
	return heads, nil
}

// spoiler flips one bit of what is served under a path.
type spoiler struct{ path string }

func (s spoiler) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil || s.path == "" || strings.TrimPrefix(request.URL.Path, "/") != s.path {
		return answer, err
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil || len(body) == 0 {
		return nil, fmt.Errorf("nothing to spoil at %s: %w", s.path, err)
	}
	body[len(body)-1] ^= 1
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, nil
}
