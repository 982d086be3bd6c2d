// A stranger's SPIFFE client: go-spiffe, unchanged, against the development trust domain and the
// broker. It finds the Workload API by SPIFFE_ENDPOINT_SOCKET and prints JSON lines.
// Never prints a key or a token. The Python twin is in ../py and prints the same.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/jwtbundle"
	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

const usage = `usage: client fetch AUDIENCE        fetch and check everything once
       client watch                 print every X.509 update until killed
       client call ADDRESS BROKER_ID call the broker over mutual TLS`

const patience = 20 * time.Second

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "fetch":
		return fetch(args[1])
	case len(args) == 1 && args[0] == "watch":
		return watch()
	case len(args) == 3 && args[0] == "call":
		return call(args[1], args[2])
	default:
		return fmt.Errorf("%s", usage)
	}
}

// fetched is what one look at the Workload API shows.
type fetched struct {
	x509Update
	DNS         []string       `json:"dns"`
	JWTID       string         `json:"jwt_spiffe_id"`
	JWTAudience []string       `json:"jwt_audience"`
	JWTSeconds  int64          `json:"jwt_seconds"`
	JWTBundles  map[string]int `json:"jwt_bundles"`
	// Validated is the token's subject as the server sees it.
	Validated string `json:"validated"`
}

func fetch(audience string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	x509Context, err := workloadapi.FetchX509Context(ctx)
	if err != nil {
		return err
	}
	svid, err := workloadapi.FetchJWTSVID(ctx, jwtsvid.Params{Audience: audience})
	if err != nil {
		return err
	}
	jwtBundles, err := workloadapi.FetchJWTBundles(ctx)
	if err != nil {
		return err
	}
	// The library's own check against the bundle, then the server's.
	if svid, err = jwtsvid.ParseAndValidate(svid.Marshal(), jwtBundles, []string{audience}); err != nil {
		return err
	}
	validated, err := workloadapi.ValidateJWTSVID(ctx, svid.Marshal(), audience)
	if err != nil {
		return err
	}
	return emit(fetched{
		x509Update:  describe(x509Context),
		DNS:         x509Context.DefaultSVID().Certificates[0].DNSNames,
		JWTID:       svid.ID.String(),
		JWTAudience: svid.Audience,
		JWTSeconds:  int64(time.Until(svid.Expiry).Seconds()),
		JWTBundles:  jwtKeys(jwtBundles),
		Validated:   validated.ID.String(),
	})
}

// x509Update is one message of the X.509 stream.
type x509Update struct {
	ID      string         `json:"spiffe_id"`
	Serial  string         `json:"serial"`
	Bundles map[string]int `json:"bundles"`
}

func describe(x509Context *workloadapi.X509Context) x509Update {
	svid := x509Context.DefaultSVID()
	return x509Update{
		ID:      svid.ID.String(),
		Serial:  fmt.Sprintf("%x", svid.Certificates[0].SerialNumber),
		Bundles: x509Authorities(x509Context.Bundles),
	}
}

// printer prints what the watcher sees. The library reconnects by itself.
type printer struct{}

func (printer) OnX509ContextUpdate(x509Context *workloadapi.X509Context) {
	_ = emit(describe(x509Context))
}

func (printer) OnX509ContextWatchError(err error) {
	fmt.Fprintln(os.Stderr, err)
}

func watch() error {
	return workloadapi.WatchX509Context(context.Background(), printer{})
}

func x509Authorities(bundles *x509bundle.Set) map[string]int {
	counts := map[string]int{}
	for _, bundle := range bundles.Bundles() {
		counts[bundle.TrustDomain().Name()] = len(bundle.X509Authorities())
	}
	return counts
}

func jwtKeys(bundles *jwtbundle.Set) map[string]int {
	counts := map[string]int{}
	for _, bundle := range bundles.Bundles() {
		counts[bundle.TrustDomain().Name()] = len(bundle.JWTAuthorities())
	}
	return counts
}

func emit(value any) error {
	return json.NewEncoder(os.Stdout).Encode(value)
}
