//! A witness over HTTP (C2SP tlog-witness): `https` with the authorities that someone named, or plain
//! `http` on loopback. Nothing of an answer is believed here: the service verifies it.

use super::outgoing_tls;
use async_trait::async_trait;
use ports::{Fault, FaultKind, Witness, WitnessAnswer};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, StatusCode, Url};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;
use tlog::witness::{SIZE_MEDIA_TYPE, decimal};

/// One witness at its submission prefix.
pub struct HttpWitness {
    name: String,
    endpoint: Url,
    http: Client,
}

/// From the first byte sent to the last received. A witness reads, verifies and writes one small file.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);
const CONNECT_DEADLINE: Duration = Duration::from_secs(3);
/// A hundred signature lines fit.
const ANSWER_BYTES_MAX: usize = 64 << 10;

impl HttpWitness {
    /// Prepares connections; nothing is sent yet. `url`: its submission prefix, as in the policy.
    ///
    /// # Errors
    /// `Permanent`, with the setting to change.
    pub fn new(name: &str, url: &str, ca_file: Option<&Path>) -> Result<Self, Fault> {
        let prefix = prefix(name, url)?;
        let mut http = Client::builder();
        if prefix.scheme() == "https" {
            let no_file =
                || unusable(format!("witness {name}: name the authority of its certificate: witness.ca_file"));
            http = http.tls_backend_preconfigured(outgoing_tls::believing(ca_file.ok_or_else(no_file)?)?);
        } else {
            http = http.tls_certs_only(Vec::new());
        }
        let http = http.redirect(reqwest::redirect::Policy::none()).no_proxy().http1_only();
        let http = http.connect_timeout(CONNECT_DEADLINE).timeout(ANSWER_DEADLINE).build();
        let http = http.map_err(|error| unusable(format!("witness {name}: no HTTP client")).because(error))?;
        let endpoint = format!("{}/add-checkpoint", prefix.as_str().trim_end_matches('/'));
        let endpoint = Url::parse(&endpoint).map_err(|_| unusable(format!("witness {name}: {url} is not a URL")))?;
        Ok(Self { name: name.to_owned(), endpoint, http })
    }
}

#[async_trait]
impl Witness for HttpWitness {
    fn name(&self) -> &str {
        &self.name
    }

    async fn add_checkpoint(&self, body: String) -> Result<WitnessAnswer, Fault> {
        let sent = self.http.post(self.endpoint.clone()).body(body).send().await;
        let answer = sent.map_err(|error| self.unreached(error))?;
        let status = answer.status();
        let states_size = answer.headers().get(CONTENT_TYPE).is_some_and(|found| found == SIZE_MEDIA_TYPE);
        match status {
            StatusCode::OK => Ok(WitnessAnswer::Cosigned(self.text(answer).await?)),
            StatusCode::CONFLICT if states_size => {
                let text = self.text(answer).await?;
                let size = text.strip_suffix('\n').and_then(decimal);
                size.map(WitnessAnswer::Conflict).ok_or_else(|| self.strange("409 without a size"))
            }
            StatusCode::UNPROCESSABLE_ENTITY => Ok(WitnessAnswer::ProofRefused),
            StatusCode::NOT_FOUND => Err(self.strange("404: it does not know this log, or is not at this address")),
            StatusCode::FORBIDDEN => Err(self.strange("403: it knows this log with another key")),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Err(self.busy(status)),
            status if status.is_server_error() => Err(self.busy(status)),
            status => Err(self.strange(status.as_str())),
        }
    }
}

impl HttpWitness {
    async fn text(&self, mut answer: Response) -> Result<String, Fault> {
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.unreached(error))? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(self.strange("an answer that is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        String::from_utf8(body).map_err(|_| self.strange("an answer that is no text"))
    }

    fn unreached(&self, error: reqwest::Error) -> Fault {
        let sentence = format!("the witness {} cannot be reached", self.name);
        Fault::new(FaultKind::Transient, sentence).because(error.without_url())
    }

    fn busy(&self, status: StatusCode) -> Fault {
        Fault::new(FaultKind::Transient, format!("the witness {} answered {}", self.name, status.as_str()))
    }

    fn strange(&self, answer: &str) -> Fault {
        Fault::new(FaultKind::Permanent, format!("the witness {} answered {answer}", self.name))
    }
}

fn prefix(name: &str, url: &str) -> Result<Url, Fault> {
    let parsed = Url::parse(url).map_err(|_| unusable(format!("witness {name}: {url} is not a URL")))?;
    let host = parsed.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_loopback = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    let plain = parsed.query().is_none() && parsed.fragment().is_none();
    match parsed.scheme() {
        _ if !plain => Err(unusable(format!("witness {name}: {url} is a prefix: no question mark, no #"))),
        "https" => Ok(parsed),
        "http" if is_loopback => Ok(parsed),
        "http" => Err(unusable(format!("witness {name}: http is for loopback only, use https"))),
        _ => Err(unusable(format!("witness {name}: {url} begins with https:// or http://"))),
    }
}

fn unusable(sentence: String) -> Fault {
    Fault::new(FaultKind::Permanent, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_and_https_needs_an_authority() {
        let no = |url: &str| HttpWitness::new("w1", url, None).err().map(|fault| fault.sentence).unwrap_or_default();
        for url in ["http://127.0.0.1:9", "http://localhost:9/", "http://[::1]:9/prefix"] {
            assert_eq!(no(url), "", "{url}");
        }
        for (url, word) in [
            ("http://192.0.2.1", "loopback"),
            ("http://witness.example", "loopback"),
            ("https://witness.example", "ca_file"),
            ("ftp://witness.example", "https://"),
            ("http://127.0.0.1?x", "prefix"),
            ("witness.example", "not a URL"),
        ] {
            let said = no(url);
            assert!(said.contains(word) && said.contains("w1"), "{url}: {said}");
        }
    }

    #[test]
    fn the_call_is_below_the_prefix() {
        let of = |url: &str| HttpWitness::new("w1", url, None).unwrap().endpoint.to_string();
        assert_eq!(of("http://127.0.0.1:9"), "http://127.0.0.1:9/add-checkpoint");
        assert_eq!(of("http://127.0.0.1:9/a/b/"), "http://127.0.0.1:9/a/b/add-checkpoint");
    }
}
