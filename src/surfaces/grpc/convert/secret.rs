//! Room seven, reply: the secret leaves, once. Our copy is wiped when this returns; the buffers of
//! gRPC and TLS are beyond our reach.

use domain::base::Secret;
use domain::reason::{Denial, Reason};
use ports::Minted;
use proto::v1;
use v1::issue_secret_response::Secret as Wire;

/// The secret as a message.
pub(in crate::grpc) fn revealed(minted: Minted) -> Result<Wire, Denial> {
    Ok(match minted {
        Minted::Database { username, password } => {
            Wire::UsernamePassword(v1::UsernamePassword { username, password: text(&password)? })
        }
        Minted::Certificate { certificate_pem, chain_pem, serial } => {
            Wire::Certificate(v1::Certificate { certificate_pem, chain_pem, serial_number: serial })
        }
        Minted::KeyValue { value, version } => Wire::KeyValue(v1::KeyValue { json: value.reveal().to_vec(), version }),
    })
}

fn text(secret: &Secret) -> Result<String, Denial> {
    let no = || Denial::new(Reason::Internal, "the engine gave a password that is not text");
    secret.reveal_text().map(str::to_owned).ok_or_else(no)
}
