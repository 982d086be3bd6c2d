"""A stranger's SPIFFE client: PyPI `spiffe`, unchanged, against the development trust domain and
the broker. It finds the Workload API by SPIFFE_ENDPOINT_SOCKET and prints JSON lines.

Never prints a key or a token, and writes nothing to disk. The Go twin is in ../go and prints the same.

What grpcio cannot do: check the server's SPIFFE ID, or show its certificate. It checks the chain and
a DNS name only. So `call` looks at the server's certificate first, checks chain and SPIFFE ID itself,
and then lets grpcio trust that one certificate and nothing else. If the server rotates its SVID
between the two, the call fails, and is safe to repeat.
"""

import json
import socket
import ssl
import sys
import threading
import time

import grpc
import spiffe
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

USAGE = """usage: client.py fetch AUDIENCE         fetch and check everything once
       client.py watch                  print every X.509 update until killed
       client.py call ADDRESS BROKER_ID call the broker over mutual TLS"""
PATIENCE_SECONDS = 20
# The broker's SVID carries this name beside its SPIFFE ID, for clients like this one.
BROKER_DNS = "leasehold"


def main(args):
    match args:
        case ["fetch", audience]:
            fetch(audience)
        case ["watch"]:
            watch()
        case ["call", address, broker_id]:
            call(address, broker_id)
        case _:
            sys.exit(USAGE)


def fetch(audience):
    with spiffe.WorkloadApiClient(default_timeout=PATIENCE_SECONDS) as client:
        context = client.fetch_x509_context()
        jwt_bundles = client.fetch_jwt_bundles()
        token = client.fetch_jwt_svid({audience})
        # The library's own check against the bundle, then the server's.
        bundle = jwt_bundles.get_bundle_for_trust_domain(token.spiffe_id.trust_domain)
        svid = spiffe.JwtSvid.parse_and_validate(token.token, bundle, {audience})
        validated = client.validate_jwt_svid(token.token, audience)
    emit(
        describe(context)
        | {
            "dns": names(context.default_svid.leaf, x509.DNSName),
            "jwt_spiffe_id": str(svid.spiffe_id),
            "jwt_audience": sorted(svid.audience),
            "jwt_seconds": int(svid.expiry - time.time()),
            "jwt_bundles": {b.trust_domain.name: len(b.jwt_authorities) for b in jwt_bundles.bundles},
            "validated": str(validated.spiffe_id),
        }
    )


def watch():
    client = spiffe.WorkloadApiClient()
    client.stream_x509_contexts(
        lambda context: emit(describe(context)), lambda error: print(error, file=sys.stderr)
    )
    threading.Event().wait()


def call(address, broker_id):
    """Asks the broker who it is and for its checkpoint, with this workload's SVID."""
    with spiffe.WorkloadApiClient(default_timeout=PATIENCE_SECONDS) as client:
        context = client.fetch_x509_context()
    wanted = spiffe.SpiffeId(broker_id)
    bundle = context.x509_bundle_set.get_bundle_for_trust_domain(wanted.trust_domain)
    if bundle is None:
        sys.exit(f"no bundle for the trust domain {wanted.trust_domain.name}")
    server = look_at(address, bundle)
    proven = names(server, x509.UniformResourceIdentifier)
    if proven != [str(wanted)]:
        sys.exit(f"the server proves {proven}, not {wanted}")
    svid = context.default_svid
    credentials = grpc.ssl_channel_credentials(
        root_certificates=pem([server]),
        private_key=svid.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        certificate_chain=pem(svid.cert_chain),
    )
    options = [("grpc.ssl_target_name_override", BROKER_DNS)]
    with grpc.secure_channel(address, credentials, options) as channel:
        status = invoke(channel, "/leasehold.v1.StatusService/GetStatus")
        checkpoint = invoke(channel, "/leasehold.v1.EvidenceService/GetCheckpoint")
    emit(
        {
            "server_id": proven[0],
            "status": status.hex(),
            "version": first_field(status),
            "checkpoint": first_field(checkpoint),
        }
    )


def look_at(address, bundle):
    """The server's certificate, its chain checked against the bundle of its trust domain alone."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    tls.check_hostname = False  # The SPIFFE ID is the name; the caller checks it.
    tls.load_verify_locations(cadata=pem(bundle.x509_authorities).decode())
    tls.set_alpn_protocols(["h2"])
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), PATIENCE_SECONDS) as plain:
        with tls.wrap_socket(plain) as secure:
            return x509.load_der_x509_certificate(secure.getpeercert(binary_form=True))


def invoke(channel, method):
    """A call whose request has no fields, which is the same as no bytes."""
    return channel.unary_unary(method)(b"", timeout=PATIENCE_SECONDS)


def describe(context):
    svid = context.default_svid
    bundles = context.x509_bundle_set.bundles
    return {
        "spiffe_id": str(svid.spiffe_id),
        "serial": f"{svid.leaf.serial_number:x}",
        "bundles": {b.trust_domain.name: len(b.x509_authorities) for b in bundles},
    }


def names(certificate, kind):
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return extension.value.get_values_for_type(kind)


def pem(certificates):
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def first_field(message):
    """The text of field 1, which is `version` and `checkpoint` here, and always comes first."""
    if not message or message[0] != 0x0A:
        return ""
    size = shift = 0
    for at, byte in enumerate(message[1:], start=1):
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return message[at + 1 : at + 1 + size].decode()
    return ""


def emit(value):
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
