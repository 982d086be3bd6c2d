//! JWT-SVID, the rules that need no key (JWT-SVID.md §2–§5.1). [`read_jwt`] is the second, stricter
//! reading of a token beside the library's: compact JWS only, closed header, no repeated member.
//! No error here carries any part of the token.

use super::strict_json::StrictObject;
use crate::base::{SpiffeId, Time};
use crate::reason::{Denial, Reason};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// The longest token that is read, in bytes. SPIRE's are under 1 KiB.
pub const JWT_BYTES_MAX: usize = 8_192;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentedJwt {
    /// `sub`: the claimed identity.
    pub subject: SpiffeId,
    /// `kid`: names the key in the bundle of the subject's trust domain.
    pub key_id: String,
    /// `aud`, in order.
    pub audiences: Vec<String>,
    /// `exp`.
    pub expires: Time,
    /// `nbf`, if there.
    pub not_before: Option<Time>,
}

/// Whom a token must be meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience<'a> {
    /// This one and nobody else: who else is named could replay the token to us (JWT-SVID.md §6.2).
    Only(&'a str),
    /// This one among others: the least that the standard asks (§3.2).
    Among(&'a str),
}

impl<'a> Audience<'a> {
    /// The name to be found in `aud`.
    #[must_use]
    pub const fn name(self) -> &'a str {
        match self {
            Self::Only(name) | Self::Among(name) => name,
        }
    }
}

/// Reads a token without believing it. The signature is not looked at.
///
/// # Errors
/// `SVID_MALFORMED`, `JWT_HEADER`, `JWT_ALGORITHM`, `SVID_ID_INVALID`, `JWT_AUDIENCE` or
/// `JWT_CLAIMS`, by the first clause broken.
pub fn read_jwt(token: &str) -> Result<PresentedJwt, Denial> {
    let [header, payload, _signature] = split(token)?;
    let key_id = read_header(&object(header)?)?;
    let claims = object(payload)?;
    Ok(PresentedJwt {
        subject: read_subject(&claims)?,
        key_id,
        audiences: read_audiences(&claims)?,
        expires: read_expiry(&claims)?,
        not_before: read_not_before(&claims)?,
    })
}

pub(super) fn check(token: &PresentedJwt, audience: Audience<'_>, now: Time) -> Result<(), Denial> {
    let refuse = |sentence: &str| Err(Denial::new(Reason::JwtAudience, sentence));
    if !token.audiences.iter().any(|named| named == audience.name()) {
        return refuse("the token is meant for somebody else");
    }
    if matches!(audience, Audience::Only(_)) && token.audiences.len() != 1 {
        return refuse("the token has more than one audience");
    }
    if now >= token.expires {
        return Err(Denial::new(Reason::SvidExpired, format!("the token expired at {}", token.expires)));
    }
    match token.not_before {
        Some(begin) if now < begin => Err(Denial::new(Reason::SvidNotYetValid, format!("the token begins at {begin}"))),
        _ => Ok(()),
    }
}

/// §5.1: three parts of base64url joined by dots; no JSON serialization, no white space, no padding.
fn split(token: &str) -> Result<[&str; 3], Denial> {
    if token.len() > JWT_BYTES_MAX {
        return Err(malformed("the token is longer than 8192 bytes"));
    }
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    let mut parts = token.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(a), Some(b), Some(c), None) if [a, b, c].iter().all(|part| !part.is_empty() && plain(part)) => {
            Ok([a, b, c])
        }
        _ => Err(malformed("the token is not a compact JWS")),
    }
}

fn object(part: &str) -> Result<Map<String, Value>, Denial> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed("a part of the token is not base64url"))?;
    let StrictObject(members) = serde_json::from_slice(&bytes)
        .map_err(|_| malformed("a part of the token is not a JSON object with distinct members"))?;
    Ok(members)
}

/// §2: only `alg`, `kid` and `typ`. `kid` is optional in the standard and required here, as in
/// SPIRE and go-spiffe: without it every key of the bundle would have to be tried.
fn read_header(header: &Map<String, Value>) -> Result<String, Denial> {
    if header.keys().any(|name| !matches!(name.as_str(), "alg" | "kid" | "typ")) {
        return Err(Denial::new(Reason::JwtHeader, "the token has another header than alg, kid and typ"));
    }
    match header.get("alg").and_then(Value::as_str) {
        Some("RS256" | "RS384" | "RS512" | "ES256" | "ES384" | "PS256" | "PS384" | "PS512") => {}
        Some("ES512") => return Err(Denial::new(Reason::JwtAlgorithm, "ES512 is not supported")),
        _ => return Err(Denial::new(Reason::JwtAlgorithm, "the token's algorithm is not permitted")),
    }
    match header.get("typ") {
        None => {}
        Some(Value::String(typ)) if typ == "JWT" || typ == "JOSE" => {}
        Some(_) => return Err(Denial::new(Reason::JwtHeader, "the token's typ is neither JWT nor JOSE")),
    }
    match header.get("kid").and_then(Value::as_str) {
        Some(kid) if !kid.is_empty() => Ok(kid.to_owned()),
        _ => Err(Denial::new(Reason::JwtHeader, "the token names no key (kid)")),
    }
}

/// §3.1.
fn read_subject(claims: &Map<String, Value>) -> Result<SpiffeId, Denial> {
    let text = claims.get("sub").and_then(Value::as_str).ok_or_else(|| bad_claim("the token has no sub"))?;
    SpiffeId::parse(text).map_err(|clause| Denial::new(Reason::SvidIdInvalid, clause.to_string()))
}

/// §3.2: a string or a list of strings, at least one.
fn read_audiences(claims: &Map<String, Value>) -> Result<Vec<String>, Denial> {
    let missing = || Denial::new(Reason::JwtAudience, "the token has no audience");
    let one = |value: &Value| match value {
        Value::String(name) if !name.is_empty() => Ok(name.clone()),
        _ => Err(Denial::new(Reason::JwtAudience, "an audience is not a string")),
    };
    match claims.get("aud") {
        Some(Value::Array(names)) if !names.is_empty() => names.iter().map(one).collect(),
        Some(name @ Value::String(_)) => Ok(vec![one(name)?]),
        _ => Err(missing()),
    }
}

/// §3.3. Whole seconds since 1970 only, as the library demands.
fn read_expiry(claims: &Map<String, Value>) -> Result<Time, Denial> {
    let seconds = claims.get("exp").and_then(Value::as_i64).filter(|seconds| *seconds >= 0);
    seconds.map(Time::from_unix_seconds).ok_or_else(|| bad_claim("the token has no exp in whole seconds"))
}

/// §4, by RFC 7519 §4.1.5. A fraction of a second rounds up: never valid too early.
fn read_not_before(claims: &Map<String, Value>) -> Result<Option<Time>, Denial> {
    match claims.get("nbf") {
        None => Ok(None),
        Some(Value::Number(number)) => {
            let seconds = number.as_i64().or_else(|| number.as_f64().map(ceil_seconds));
            seconds.map(|s| Some(Time::from_unix_seconds(s))).ok_or_else(|| bad_claim("the token's nbf is no time"))
        }
        Some(_) => Err(bad_claim("the token's nbf is no time")),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the cast saturates, and a time that far off is refused anyway")]
fn ceil_seconds(seconds: f64) -> i64 {
    seconds.ceil() as i64
}

fn malformed(sentence: &str) -> Denial {
    Denial::new(Reason::SvidMalformed, sentence)
}

fn bad_claim(sentence: &str) -> Denial {
    Denial::new(Reason::JwtClaims, sentence)
}
