//! Options that every verb takes, and what they say together: which broker, under which identity.

use super::complaint::{Complaint, Result};
use super::text::plain;
use domain::base::SpiffeId;

/// Options of every verb.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Global options")]
pub struct Globals {
    /// Print data as JSON (one document, or one object a line for streams).
    #[arg(long, global = true)]
    pub json: bool,
    /// Where the broker listens, such as 127.0.0.1:8443.
    #[arg(long, global = true, env = "LEASEHOLD_ADDRESS", hide_env_values = true, value_name = "HOST:PORT")]
    pub address: Option<String>,
    /// The broker's SPIFFE ID; anybody else at that address is turned away.
    #[arg(long, global = true, env = "LEASEHOLD_BROKER_ID", hide_env_values = true, value_name = "SPIFFE_ID")]
    pub broker_id: Option<String>,
    /// The Workload API that gives you your identity, such as unix:///run/spire/agent.sock.
    #[arg(long, global = true, env = "SPIFFE_ENDPOINT_SOCKET", hide_env_values = true, value_name = "URI")]
    pub socket: Option<String>,
    /// With `leasehold dev`, in the same folder: act under this declared name. Finds the broker too, unless
    /// it is named.
    #[arg(long = "as", global = true, value_name = "NAME")]
    pub as_name: Option<String>,
}

/// A broker to call and the identity to call it with: complete and well formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// `host:port`.
    pub address: String,
    /// Who must answer there.
    pub broker_id: SpiffeId,
    /// URI of the Workload API: `unix:` and a path, or `tcp:` and an IP address with port.
    pub socket: String,
}

impl Globals {
    /// What the options say together.
    ///
    /// # Errors
    /// A usage complaint that names the missing or malformed option.
    pub fn target(&self) -> Result<Target> {
        let near = if self.as_name.is_some() { Near::read() } else { Near::default() };
        let address = self.address.as_deref().or(near.address.as_deref());
        let address = required(address, "--address", "LEASEHOLD_ADDRESS", "127.0.0.1:8443")?;
        let address = address.strip_prefix("https://").unwrap_or(address).trim_end_matches('/');
        if address.contains("://") || address.rsplit_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
            let what = format!("\"{}\" is not the address of a broker", plain(address));
            return Err(Complaint::usage(what, "write --address as HOST:PORT, such as 127.0.0.1:8443"));
        }
        let id = required(
            self.broker_id.as_deref().or(near.broker_id.as_deref()),
            "--broker-id",
            "LEASEHOLD_BROKER_ID",
            "spiffe://example.org/leasehold",
        )?;
        let broker_id = SpiffeId::parse(id).map_err(|error| {
            let what = format!("\"{}\" is not a SPIFFE ID: {error}", plain(id));
            Complaint::usage(what, "write --broker-id like spiffe://example.org/leasehold")
        })?;
        Ok(Target { address: address.to_owned(), broker_id, socket: self.socket_uri()? })
    }

    fn socket_uri(&self) -> Result<String> {
        let Some(name) = &self.as_name else {
            let example = "unix:///run/spire/agent.sock";
            return Ok(required(self.socket.as_deref(), "--socket", "SPIFFE_ENDPOINT_SOCKET", example)?.to_owned());
        };
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
            let what = format!("\"{}\" is not a name of the development trust domain", plain(name));
            return Err(Complaint::usage(what, "name an identity of the estate, such as --as payments-lead"));
        }
        let here = std::env::current_dir().map_err(|error| {
            Complaint::usage(format!("the working directory is not readable: {error}"), "use --socket instead of --as")
        })?;
        Ok(format!("unix://{}", here.join(".leasehold/sockets").join(format!("{name}.sock")).display()))
    }
}

/// The broker of `leasehold dev` in this folder, as it says itself in `.leasehold/dev.json`.
#[derive(Debug, Default, PartialEq, Eq, serde::Deserialize)]
struct Near {
    address: Option<String>,
    broker_id: Option<String>,
}

impl Near {
    /// Nothing without that file: a broker that is named needs none.
    fn read() -> Self {
        let text = std::fs::read_to_string(".leasehold/dev.json").unwrap_or_default();
        Self::parse(&text).unwrap_or_default()
    }

    fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

fn required<'a>(value: Option<&'a str>, option: &str, variable: &str, example: &str) -> Result<&'a str> {
    match value {
        Some(value) if !value.is_empty() => Ok(value),
        _ => Err(Complaint::usage(
            format!("{option} is not set"),
            format!("set {variable} or give {option}, such as {example}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> Globals {
        Globals {
            json: false,
            address: Some("127.0.0.1:8443".into()),
            broker_id: Some("spiffe://example.org/leasehold".into()),
            socket: Some("unix:///run/agent.sock".into()),
            as_name: None,
        }
    }

    #[test]
    fn complete_options_name_a_broker() {
        let target = complete().target().unwrap();
        assert_eq!(target.address, "127.0.0.1:8443");
        assert_eq!(target.broker_id.path(), "/leasehold");
        assert_eq!(target.socket, "unix:///run/agent.sock");
        let address = Some("https://broker.example.org:8443/".into());
        assert_eq!(Globals { address, ..complete() }.target().unwrap().address, "broker.example.org:8443");
    }

    #[test]
    fn a_name_of_the_development_trust_domain_stands_for_its_socket() {
        let target = Globals { as_name: Some("payments-lead".into()), ..complete() }.target().unwrap();
        assert!(target.socket.starts_with("unix:///"), "{}", target.socket);
        assert!(target.socket.ends_with("/.leasehold/sockets/payments-lead.sock"), "{}", target.socket);
        for name in ["", "../x", "a/b", ".hidden"] {
            assert!(Globals { as_name: Some(name.into()), ..complete() }.target().is_err(), "{name}");
        }
    }

    #[test]
    fn the_broker_of_the_folder_says_where_it_is() {
        let near = Near::parse(r#"{"address":"127.0.0.1:1","broker_id":"spiffe://example.org/leasehold"}"#).unwrap();
        assert_eq!(near.address.as_deref(), Some("127.0.0.1:1"));
        assert_eq!(near.broker_id.as_deref(), Some("spiffe://example.org/leasehold"));
        assert_eq!(Near::parse("half a fi"), None);
    }

    #[test]
    fn what_is_missing_or_malformed_is_named_with_an_example() {
        for (globals, word) in [
            (Globals { address: None, ..complete() }, "LEASEHOLD_ADDRESS"),
            (Globals { broker_id: None, ..complete() }, "LEASEHOLD_BROKER_ID"),
            (Globals { socket: None, ..complete() }, "SPIFFE_ENDPOINT_SOCKET"),
            (Globals { address: Some("nonsense".into()), ..complete() }, "HOST:PORT"),
            (Globals { address: Some("http://127.0.0.1:80".into()), ..complete() }, "HOST:PORT"),
            (Globals { broker_id: Some("leasehold".into()), ..complete() }, "spiffe://"),
        ] {
            let complaint = globals.target().unwrap_err();
            assert_eq!(complaint.exit_code(), 2);
            assert!(complaint.text().contains(word), "{}", complaint.text());
        }
    }
}
