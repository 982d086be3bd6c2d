//! A line of the engine's audit file (Vault's and OpenBao's file device: one JSON object a line), as far
//! as it is looked at. Values that the engine hashes are not needed.

use domain::base::Time;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A line.
pub(super) struct Line<'a> {
    /// When, by the engine's clock.
    pub(super) time: Option<Time>,
    /// Written after the call; the other kind is written before it.
    pub(super) is_answer: bool,
    /// The engine refused or failed.
    pub(super) failed: bool,
    pub(super) request_id: Option<&'a str>,
    pub(super) operation: &'a str,
    pub(super) path: Cow<'a, str>,
    raw: Raw<'a>,
}

/// What a call is, by its path and operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// A secret is drawn from a declared path.
    Draw { path: String },
    /// A task token is made.
    TokenMade,
    /// A lease is prolonged.
    Renewed { under: String },
    /// A lease is ended.
    Revoked { under: String },
    /// A token is ended by its accessor.
    TokenEnded,
    /// A lease or token is looked up, or leases are listed.
    LookedUp,
    /// A policy is read.
    PolicyRead,
    /// Anything else.
    Foreign,
}

/// What a call says of the entry that it was made for.
pub(super) enum Header {
    /// Its index.
    Clear(u64),
    /// It is there, but the engine hashed it.
    Hashed,
    /// None.
    None,
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    time: Option<Cow<'a, str>>,
    #[serde(borrow)]
    r#type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    error: Option<Cow<'a, str>>,
    #[serde(borrow)]
    auth: Option<Auth<'a>>,
    #[serde(borrow)]
    request: Option<Request<'a>>,
    #[serde(borrow)]
    response: Option<Response<'a>>,
}

#[derive(Deserialize)]
struct Auth<'a> {
    #[serde(borrow)]
    display_name: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    id: Option<&'a str>,
    #[serde(borrow)]
    operation: Option<&'a str>,
    #[serde(borrow)]
    path: Option<Cow<'a, str>>,
    #[serde(borrow)]
    headers: Option<BTreeMap<Cow<'a, str>, Vec<Cow<'a, str>>>>,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    auth: Option<Auth<'a>>,
}

const HEADER: &str = "x-leasehold-entry";
/// Display name of the tokens that the broker makes for its own short reads.
const OWN: &str = "token-leasehold-own";
/// With which the display names of task tokens begin.
const TAG: &str = "token-lh";
const TOKEN_ROLE: &str = "auth/token/create/leasehold-task";

impl<'a> Line<'a> {
    /// `None` for what is no line of an audit file.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let mut raw: Raw<'a> = serde_json::from_str(text).ok()?;
        let kind = raw.r#type.as_deref()?;
        let (is_answer, known) = (kind == "response", matches!(kind, "request" | "response"));
        let micros = raw.time.as_deref().and_then(|time| time.parse::<jiff::Timestamp>().ok());
        let time = micros.map(|time| Time::from_unix_micros(time.as_microsecond()));
        let failed = raw.error.as_deref().is_some_and(|error| !error.is_empty());
        let request = raw.request.as_mut().filter(|_| known)?;
        let path = request.path.take().unwrap_or_default();
        let (request_id, operation) = (request.id, request.operation.unwrap_or_default());
        Some(Self { time, is_answer, failed, request_id, operation, path, raw })
    }

    /// What it is, where `draws` says by which operation a secret is drawn from a declared path.
    pub(super) fn what(&self, draws: impl Fn(&str) -> Option<&'static str>) -> What {
        let path = self.path.as_ref();
        let after = |prefix: &str| path.strip_prefix(prefix).filter(|rest| !rest.is_empty()).map(str::to_owned);
        match (path, self.operation) {
            (TOKEN_ROLE, "update") => What::TokenMade,
            ("auth/token/revoke-accessor", "update") => What::TokenEnded,
            ("auth/token/lookup-accessor" | "sys/leases/lookup", _) => What::LookedUp,
            _ if path.starts_with("sys/leases/lookup/") => What::LookedUp,
            _ if path.starts_with("sys/policies/acl/") => What::PolicyRead,
            _ if draws(path) == Some(self.operation) => What::Draw { path: path.to_owned() },
            _ => after("sys/leases/renew/")
                .map(|under| What::Renewed { under })
                .or_else(|| after("sys/leases/revoke/").map(|under| What::Revoked { under }))
                .or_else(|| after("sys/leases/revoke-prefix/").map(|under| What::Revoked { under }))
                .or_else(|| after("sys/leases/revoke-force/").map(|under| What::Revoked { under }))
                .unwrap_or(What::Foreign),
        }
    }

    pub(super) fn header(&self) -> Header {
        let headers = self.raw.request.as_ref().and_then(|request| request.headers.as_ref());
        let named = |(name, _): &(&Cow<'_, str>, &Vec<Cow<'_, str>>)| name.eq_ignore_ascii_case(HEADER);
        let values = headers.and_then(|headers| headers.iter().find(named)).map(|(_, values)| values);
        match values.and_then(|values| values.first()) {
            None => Header::None,
            Some(value) => value.parse().map_or(Header::Hashed, Header::Clear),
        }
    }

    /// The engine's id of the call; empty if it has none.
    pub(super) fn request(&self) -> &'a str {
        self.request_id.unwrap_or_default()
    }

    /// Display name of the token that was presented.
    pub(super) fn who(&self) -> &str {
        let auth = self.raw.auth.as_ref().and_then(|auth| auth.display_name.as_deref());
        auth.filter(|name| !name.is_empty()).unwrap_or("somebody")
    }

    /// Presented a token that the broker made for a read of its own.
    pub(super) fn is_own(&self) -> bool {
        self.who() == OWN
    }

    /// Presented a task token.
    pub(super) fn is_tagged(&self) -> bool {
        self.who().starts_with(TAG)
    }

    /// Made a token for the broker's own reads.
    pub(super) fn makes_own(&self) -> bool {
        let auth = self.raw.response.as_ref().and_then(|response| response.auth.as_ref());
        auth.and_then(|auth| auth.display_name.as_deref()) == Some(OWN)
    }

    pub(super) fn words(&self) -> String {
        format!("{} {}", self.operation, self.path)
    }
}
