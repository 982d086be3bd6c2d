//! SPIFFE-ID.md §2: each malformed id once as URI SAN of a certificate, once as `sub` of a token,
//! both signed by the real authority of the trust domain.

use super::{Vector, check_chain, check_token};
use crate::fixtures::forge::{Ext, uri_names};
use crate::fixtures::world::{World, claims, header, leaf};
use leasehold::domain::base::{SpiffeId, TrustDomain};
use leasehold::domain::reason::Reason;

/// Clause, name, id.
fn malformed() -> Vec<(&'static str, &'static str, String)> {
    let fixed = [
        ("ID §2", "https", "https://example.org/agent/a"),
        ("ID §2", "upper case scheme", "SPIFFE://example.org/agent/a"),
        ("ID §2", "capital scheme", "Spiffe://example.org/agent/a"),
        ("ID §2", "one slash", "spiffe:/example.org/agent/a"),
        ("ID §2", "no slashes", "spiffe:example.org/agent/a"),
        ("ID §2", "no scheme", "//example.org/agent/a"),
        ("ID §2", "bare", "example.org/agent/a"),
        ("ID §2", "empty", ""),
        ("ID §2", "leading space", " spiffe://example.org/agent/a"),
        ("ID §2", "longer scheme", "spiffes://example.org/agent/a"),
        ("ID §2", "urn", "urn:spiffe:example.org:agent:a"),
        ("ID §2", "query", "spiffe://example.org/agent/a?x=1"),
        ("ID §2", "empty query", "spiffe://example.org/agent/a?"),
        ("ID §2", "query without path", "spiffe://example.org?x=1"),
        ("ID §2", "fragment", "spiffe://example.org/agent/a#f"),
        ("ID §2", "empty fragment", "spiffe://example.org/agent/a#"),
        ("ID §2", "fragment without path", "spiffe://example.org#"),
        ("ID §2.1", "no trust domain", "spiffe:///agent/a"),
        ("ID §2.1", "user", "spiffe://user@example.org/agent/a"),
        ("ID §2.1", "user and password", "spiffe://user:pw@example.org/agent/a"),
        ("ID §2.1", "empty user", "spiffe://@example.org/agent/a"),
        ("ID §2.1", "port", "spiffe://example.org:443/agent/a"),
        ("ID §2.1", "empty port", "spiffe://example.org:/agent/a"),
        ("ID §2.1", "capital in the trust domain", "spiffe://Example.org/agent/a"),
        ("ID §2.1", "upper case trust domain", "spiffe://EXAMPLE.ORG/agent/a"),
        ("ID §2.1", "percent in the trust domain", "spiffe://ex%61mple.org/agent/a"),
        ("ID §2.1", "IPv6", "spiffe://[::1]/agent/a"),
        ("ID §2.1", "comma", "spiffe://example,org/agent/a"),
        ("ID §2.1", "space in the trust domain", "spiffe://exam ple.org/agent/a"),
        ("ID §2.1", "wildcard", "spiffe://*.org/agent/a"),
        ("ID §2.1", "backslash", "spiffe://example.org\\agent/a"),
        ("ID §2.1", "homoglyph in the trust domain", "spiffe://ex\u{430}mple.org/agent/a"),
        ("ID §2.2", "percent in the path", "spiffe://example.org/agent/%61"),
        ("ID §2.2", "encoded slash", "spiffe://example.org/agent%2fa"),
        ("ID §2.2", "encoded dots", "spiffe://example.org/agent/%2e%2e/a"),
        ("ID §2.2", "empty first segment", "spiffe://example.org//agent/a"),
        ("ID §2.2", "empty segment", "spiffe://example.org/agent//a"),
        ("ID §2.2", "trailing slash", "spiffe://example.org/agent/a/"),
        ("ID §2.2", "dot", "spiffe://example.org/agent/./a"),
        ("ID §2.2", "leading dot", "spiffe://example.org/./agent/a"),
        ("ID §2.2", "dot dot", "spiffe://example.org/agent/../a"),
        ("ID §2.2", "trailing dot dot", "spiffe://example.org/agent/a/.."),
        ("ID §2.2", "space in the path", "spiffe://example.org/agent/a b"),
        ("ID §2.2", "trailing space", "spiffe://example.org/agent/a "),
        ("ID §2.2", "tab", "spiffe://example.org/agent/a\t"),
        ("ID §2.2", "line break", "spiffe://example.org/agent/a\n"),
        ("ID §2.2", "nul", "spiffe://example.org/agent/a\0"),
        ("ID §2.2", "homoglyph in the path", "spiffe://example.org/\u{430}gent/a"),
        ("ID §2.2", "star", "spiffe://example.org/agent/*"),
        ("ID §2.2", "colon", "spiffe://example.org/agent:a"),
        ("ID §2.2", "semicolon", "spiffe://example.org/agent/a;v=1"),
        ("ID §2.2", "plus", "spiffe://example.org/agent/a+b"),
        ("ID §2.2", "tilde", "spiffe://example.org/~agent/a"),
        ("ID §2.2", "at sign", "spiffe://example.org/agent@a"),
        ("ID §2.2", "backslash in the path", "spiffe://example.org/agent\\a"),
        ("XS §3.1", "no path", "spiffe://example.org"),
        ("XS §3.1", "root path", "spiffe://example.org/"),
    ];
    let long = [
        ("ID §2.3", "2049 bytes", format!("spiffe://example.org/{}", "a".repeat(2_049 - 21))),
        ("ID §2.3", "trust domain of 256 bytes", format!("spiffe://{}/agent/a", "d".repeat(256))),
    ];
    fixed.into_iter().map(|(clause, name, id)| (clause, name, id.to_owned())).chain(long).collect()
}

pub(super) fn vectors() -> Vec<Vector> {
    let both =
        |(clause, name, _)| ["certificate", "token"].map(|kind| Vector { clause, name: format!("{name} ({kind})") });
    malformed().into_iter().flat_map(both).collect()
}

#[tokio::test]
async fn a_malformed_id_in_a_certificate_is_turned_away() {
    let world = World::new().await;
    for (_, name, id) in malformed() {
        let mut profile = leaf();
        profile.names = Some(Ext::plain(uri_names(&[&id])));
        check_chain(&world, name, &world.home.issue(profile), Reason::SvidIdInvalid).await;
    }
}

#[tokio::test]
async fn a_malformed_id_in_a_token_is_turned_away() {
    let world = World::new().await;
    let channel = world.channel(None);
    for (_, name, id) in malformed() {
        let forged = world.home_key.token(&header(), &claims(&id));
        check_token(&world, &channel, name, &forged, Reason::SvidIdInvalid).await;
    }
}

#[tokio::test]
async fn ids_at_the_edge_of_the_grammar_are_let_in_as_written() {
    let world = World::new().await;
    let longest = format!("spiffe://example.org/{}", "a".repeat(2_048 - 21));
    for id in [
        "spiffe://example.org/a",
        "spiffe://example.org/Agent/A",
        "spiffe://example.org/.../a",
        "spiffe://example.org/-_.0/..a",
        &longest,
    ] {
        let identity = world.home.identity(id);
        assert_eq!(world.judge(&identity).as_deref(), Ok(id));
        assert_eq!(world.knock(Some(&identity)).await.as_deref(), Some(id));
    }
    // Names that look like addresses are names (§2.1); 255 bytes are allowed (§2.3).
    assert_eq!(SpiffeId::parse("spiffe://10.0.0.1/a").unwrap().trust_domain().as_str(), "10.0.0.1");
    assert!(TrustDomain::parse(&"d".repeat(255)).is_ok());
}
