// A stranger's reader, witness and witness client: the libraries of transparency-dev (tessera,
// formats, merkle, witness) and of the Go team (sumdb), unchanged, against Leasehold's log.
// What is ours here hands arguments to them, and prints what they say as one line of JSON.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

const usage = `usage: tlog read URL VKEY [SIZE ROOT]...            prove all of a log from its public files
       tlog judge POLICY VKEY CHECKPOINT             hold a cosigned checkpoint against a policy
       tlog receipt POLICY VKEY PROOF ENTRY          the same for a receipt, and its entry
       tlog ask URL OLD_SIZE CHECKPOINT [HASH]...    show a witness a checkpoint
       tlog witness NAME VKEY                        be a witness of a log until killed

POLICY, CHECKPOINT, PROOF and ENTRY are files. LEASEHOLD_SPOIL=PATH flips a bit of what is read there.`

const patience = 20 * time.Second

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) >= 3 && args[0] == "read" && len(args)%2 == 1:
		return read(args[1], args[2], args[3:])
	case len(args) == 4 && args[0] == "judge":
		return judge(args[1], args[2], args[3])
	case len(args) == 5 && args[0] == "receipt":
		return receipt(args[1], args[2], args[3], args[4])
	case len(args) >= 4 && args[0] == "ask":
		return ask(args[1], args[2], args[3], args[4:])
	case len(args) == 3 && args[0] == "witness":
		return serve(args[1], args[2])
	default:
		return fmt.Errorf("%s", usage)
	}
}

func emit(line any) error {
	return json.NewEncoder(os.Stdout).Encode(line)
}
