package main

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/encoding/protowire"
)

// called is what the broker answered; messages in hex, because no code is generated here.
type called struct {
	ServerID   string `json:"server_id"`
	Status     string `json:"status"`
	Version    string `json:"version"`
	Checkpoint string `json:"checkpoint"`
}

// call asks the broker who it is and for its checkpoint, over mutual TLS with this workload's SVID.
// The server must prove exactly brokerID; its DNS names and address do not matter.
func call(address, brokerID string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	id, err := spiffeid.FromString(brokerID)
	if err != nil {
		return err
	}
	source, err := workloadapi.NewX509Source(ctx)
	if err != nil {
		return err
	}
	defer source.Close()
	tls := tlsconfig.MTLSClientConfig(source, source, tlsconfig.AuthorizeID(id))
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(tls)))
	if err != nil {
		return err
	}
	defer connection.Close()
	var server peer.Peer
	status, err := invoke(ctx, connection, "/leasehold.v1.StatusService/GetStatus", &server)
	if err != nil {
		return err
	}
	checkpoint, err := invoke(ctx, connection, "/leasehold.v1.EvidenceService/GetCheckpoint", &server)
	if err != nil {
		return err
	}
	serverID, err := provenID(&server)
	if err != nil {
		return err
	}
	return emit(called{
		ServerID:   serverID,
		Status:     hex.EncodeToString(status),
		Version:    firstField(status),
		Checkpoint: firstField(checkpoint),
	})
}

// invoke makes a call whose request has no fields, which is the same as no bytes.
func invoke(ctx context.Context, connection *grpc.ClientConn, method string, server *peer.Peer) ([]byte, error) {
	var request, response []byte
	err := connection.Invoke(ctx, method, &request, &response, grpc.ForceCodec(raw{}), grpc.Peer(server))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	return response, nil
}

func provenID(server *peer.Peer) (string, error) {
	info, ok := server.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.PeerCertificates) == 0 {
		return "", fmt.Errorf("the connection is not TLS")
	}
	id, err := x509svid.IDFromCert(info.State.PeerCertificates[0])
	return id.String(), err
}

// raw passes message bytes through.
type raw struct{}

func (raw) Name() string { return "proto" }

func (raw) Marshal(message any) ([]byte, error) { return *message.(*[]byte), nil }

func (raw) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = append([]byte(nil), data...)
	return nil
}

// firstField is the text of a message's field 1: `version` and `checkpoint` here.
func firstField(message []byte) string {
	for len(message) > 0 {
		number, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			return ""
		}
		message = message[size:]
		if number == 1 && kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message)
			return string(value)
		}
		size = protowire.ConsumeFieldValue(number, kind, message)
		if size < 0 {
			return ""
		}
		message = message[size:]
	}
	return ""
}
