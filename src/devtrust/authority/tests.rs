//! What an authority signs is to the letter of the standards, looked at with another parser.

use super::*;
use jsonwebtoken::{DecodingKey, Validation};
use x509_parser::prelude::{FromDer as _, GeneralName, ParsedExtension, X509Certificate};

const NOW: Time = Time::from_unix_micros(1_800_000_000_500_000);

fn authority() -> Authority {
    Authority::generate(&TrustDomain::parse("example.org").unwrap(), NOW).unwrap()
}

fn issue(authority: &Authority, identity: &str) -> X509Svid {
    let validity = Validity::beginning(NOW, Span::from_seconds(3_600));
    authority.issue_x509(&identity.parse().unwrap(), &validity).unwrap()
}

fn parse(der: &[u8]) -> X509Certificate<'_> {
    X509Certificate::from_der(der).unwrap().1
}

#[test]
fn leaf_is_to_the_letter_of_the_standard() {
    let authority = authority();
    let svid = issue(&authority, "broker=spiffe://example.org/leasehold:dns=leasehold");
    let leaf = parse(&svid.certificate);
    let names = &leaf.subject_alternative_name().unwrap().unwrap().value.general_names;
    assert_eq!(names[..], [GeneralName::URI("spiffe://example.org/leasehold"), GeneralName::DNSName("leasehold")]);
    let usage = leaf.key_usage().unwrap().unwrap();
    assert!(usage.critical);
    assert_eq!(usage.value.flags, 1, "digitalSignature alone");
    let extended = leaf.extended_key_usage().unwrap().unwrap().value;
    assert!(extended.server_auth && extended.client_auth && !extended.any && extended.other.is_empty());
    let constraints = leaf.basic_constraints().unwrap().unwrap();
    assert!(constraints.critical && !constraints.value.ca && constraints.value.path_len_constraint.is_none());
    assert_eq!(leaf.subject().to_string(), "O=Leasehold development, CN=leasehold");
}

#[test]
fn authority_signs_certificates_and_names_no_workload() {
    let authority = authority();
    let root = parse(authority.certificate());
    assert_eq!(root.subject().to_string(), "O=Leasehold development, CN=example.org");
    let names = &root.subject_alternative_name().unwrap().unwrap().value.general_names;
    assert_eq!(names[..], [GeneralName::URI("spiffe://example.org")]);
    let usage = root.key_usage().unwrap().unwrap();
    assert!(usage.critical && usage.value.key_cert_sign() && !usage.value.digital_signature());
    assert!(root.basic_constraints().unwrap().unwrap().value.ca);
    let svid = issue(&authority, "a=spiffe://example.org/a");
    let leaf = parse(&svid.certificate);
    assert_eq!(leaf.issuer(), root.subject());
    leaf.verify_signature(Some(root.public_key())).unwrap();
    let key_ids = leaf.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.as_ref(),
        _ => None,
    });
    let own = root.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(id) => Some(id),
        _ => None,
    });
    assert!(own.is_some() && key_ids == own);
}

#[test]
fn svids_live_for_their_lifetime_in_whole_seconds_and_never_share_a_key_or_serial() {
    let authority = authority();
    let (one, two) = (issue(&authority, "a=spiffe://example.org/a"), issue(&authority, "a=spiffe://example.org/a"));
    let (first, second) = (parse(&one.certificate), parse(&two.certificate));
    assert_eq!(first.validity().not_before.timestamp(), NOW.unix_seconds() - BACKDATE_SECONDS);
    assert_eq!(first.validity().not_after.timestamp(), NOW.unix_seconds() + 1 + 3_600);
    assert_ne!(first.serial, second.serial);
    assert_ne!(first.public_key(), second.public_key());
    assert!(first.serial.bits() <= 160, "RFC 5280 §4.1.2.2: at most 20 bytes");
}

#[test]
fn tokens_carry_what_the_standard_asks_for_and_nothing_in_the_header_beside() {
    let authority = authority();
    let id = SpiffeId::parse("spiffe://example.org/a").unwrap();
    let now = super::super::clock::now();
    let token = authority.sign_jwt(&id, &["vault".to_owned()], now, Span::from_seconds(300)).unwrap();
    let header = jsonwebtoken::decode_header(&token).unwrap();
    assert_eq!(header, Header { kid: authority.jwk().common.key_id.clone(), ..Header::new(Algorithm::ES256) });
    assert_eq!(header.typ.as_deref(), Some("JWT"));
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&["vault"]);
    let key = DecodingKey::from_jwk(authority.jwk()).unwrap();
    let claims = jsonwebtoken::decode::<serde_json::Value>(&token, &key, &validation).unwrap().claims;
    assert_eq!(claims["sub"], "spiffe://example.org/a");
    assert_eq!(claims["aud"], serde_json::json!(["vault"]));
    assert_eq!(claims["iat"], now.unix_seconds());
    assert!((300..=301).contains(&(claims["exp"].as_i64().unwrap() - now.unix_seconds())));
    let other = Authority::generate(&TrustDomain::parse("example.org").unwrap(), NOW).unwrap();
    let wrong = DecodingKey::from_jwk(other.jwk()).unwrap();
    assert!(jsonwebtoken::decode::<serde_json::Value>(&token, &wrong, &validation).is_err());
}
