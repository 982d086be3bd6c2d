//! X509-SVID.md §2 to §5.2, and the choice of the bundle by the presented trust domain.

use super::{Vector, check_chain};
use crate::fixtures::forge::{
    Authority, CLIENT_AUTH, CRL_SIGN, DIGITAL_SIGNATURE, EMAIL_PROTECTION, Ext, Identity, KEY_CERT_SIGN,
    KEY_ENCIPHERMENT, Profile, SERVER_AUTH, dns_name, key_usage, purposes, sequence, tlv, uri_name, uri_names,
};
use crate::fixtures::ports::now;
use crate::fixtures::world::{ABROAD, FOREIGNER, HOME, WORKLOAD, World, leaf};
use leasehold::domain::reason::Reason;
use rcgen::KeyPair;

struct Forged {
    clause: &'static str,
    name: &'static str,
    reason: Reason,
    make: fn(&World) -> Identity,
}

/// An honest leaf of the home trust domain with one change.
fn changed(world: &World, change: impl FnOnce(&mut Profile)) -> Identity {
    let mut profile = leaf();
    change(&mut profile);
    world.home.issue(profile)
}

/// The same, under an intermediate with one change.
fn under(world: &World, change: impl FnOnce(&mut Profile)) -> Identity {
    let mut profile = Profile::authority(HOME);
    profile.subject = Some("intermediate".into());
    change(&mut profile);
    world.home.intermediate(profile).identity(WORKLOAD)
}

fn names(profile: &mut Profile, elements: &[&[u8]]) {
    profile.names = Some(Ext::plain(sequence(elements)));
}

fn usage(profile: &mut Profile, bits: &[u8]) {
    profile.key_usage = Some(Ext::critical(key_usage(bits)));
}

/// Replaces the last occurrence of `from`, which has the same length as `to`.
fn replaced(mut der: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = der.windows(from.len()).rposition(|window| window == from).unwrap();
    der[at..at + to.len()].copy_from_slice(to);
    der
}

const NAMES: &[Forged] = &[
    Forged {
        clause: "XS §2",
        name: "two SPIFFE IDs",
        reason: Reason::SvidIdInvalid,
        make: |w| changed(w, |p| names(p, &[&uri_name(WORKLOAD), &uri_name("spiffe://example.org/agent/b")])),
    },
    Forged {
        clause: "XS §2",
        name: "one SPIFFE ID twice",
        reason: Reason::SvidIdInvalid,
        make: |w| changed(w, |p| names(p, &[&uri_name(WORKLOAD), &uri_name(WORKLOAD)])),
    },
    Forged {
        clause: "XS §2",
        name: "a second URI of another scheme",
        reason: Reason::SvidIdInvalid,
        make: |w| changed(w, |p| names(p, &[&uri_name(WORKLOAD), &uri_name("https://example.org/")])),
    },
    Forged {
        clause: "XS §2",
        name: "a first URI of another scheme",
        reason: Reason::SvidIdInvalid,
        make: |w| changed(w, |p| names(p, &[&uri_name("https://example.org/"), &uri_name(WORKLOAD)])),
    },
    Forged {
        clause: "XS §2",
        name: "ids of two trust domains",
        reason: Reason::SvidIdInvalid,
        make: |w| changed(w, |p| names(p, &[&uri_name(WORKLOAD), &uri_name(FOREIGNER)])),
    },
    Forged {
        clause: "XS §2",
        name: "two ids apart",
        reason: Reason::SvidIdInvalid,
        make: |w| changed(w, |p| names(p, &[&uri_name(WORKLOAD), &dns_name("a"), &uri_name("spiffe://example.org/b")])),
    },
    Forged {
        clause: "XS §2",
        name: "no alternative names",
        reason: Reason::SvidIdInvalid,
        make: |w| changed(w, |p| p.names = None),
    },
    Forged {
        clause: "XS §2",
        name: "DNS names only",
        reason: Reason::SvidIdInvalid,
        make: |w| changed(w, |p| names(p, &[&dns_name("example.org")])),
    },
    Forged {
        clause: "XS §2",
        name: "the id as DNS name",
        reason: Reason::SvidIdInvalid,
        make: |w| changed(w, |p| names(p, &[&dns_name(WORKLOAD)])),
    },
    Forged {
        clause: "XS §2",
        name: "the id as common name",
        reason: Reason::SvidIdInvalid,
        make: |w| {
            changed(w, |p| {
                p.names = None;
                p.subject = Some(WORKLOAD.into());
            })
        },
    },
    Forged {
        clause: "XS §2",
        name: "alternative names that are not DER",
        reason: Reason::SvidMalformed,
        make: |w| changed(w, |p| p.names = Some(Ext::plain(vec![0x30, 0x05, 0x86]))),
    },
    Forged {
        clause: "XS §3.1",
        name: "empty subject, names not critical",
        reason: Reason::SvidMalformed,
        make: |w| changed(w, |p| p.subject = None),
    },
];

const USAGE: &[Forged] = &[
    Forged {
        clause: "XS §4.1",
        name: "cA is true",
        reason: Reason::SvidNotALeaf,
        make: |w| changed(w, |p| p.basic_constraints = Some(Ext::critical(sequence(&[&tlv(0x01, &[0xff])])))),
    },
    Forged {
        clause: "XS §4.1",
        name: "cA is true, not critical",
        reason: Reason::SvidNotALeaf,
        make: |w| changed(w, |p| p.basic_constraints = Some(Ext::plain(sequence(&[&tlv(0x01, &[0xff])])))),
    },
    Forged {
        clause: "XS §4.1",
        name: "no basic constraints",
        reason: Reason::SvidNotALeaf,
        make: |w| changed(w, |p| p.basic_constraints = None),
    },
    Forged {
        clause: "XS §4.1",
        name: "basic constraints that are not DER",
        reason: Reason::SvidMalformed,
        make: |w| changed(w, |p| p.basic_constraints = Some(Ext::critical(vec![0x30, 0x03, 0x01]))),
    },
    Forged {
        clause: "XS §3.2",
        name: "the signing certificate itself",
        reason: Reason::SvidIdInvalid,
        make: |w| {
            let mut profile = Profile::authority(HOME);
            profile.subject = Some("intermediate".into());
            w.home.issue(profile)
        },
    },
    Forged {
        clause: "XS §3.2",
        name: "a signing certificate with a path",
        reason: Reason::SvidNotALeaf,
        make: |w| {
            let mut profile = Profile::authority(HOME);
            profile.names = Some(Ext::plain(uri_names(&[WORKLOAD])));
            w.home.issue(profile)
        },
    },
    Forged {
        clause: "XS §4.3",
        name: "no key usage",
        reason: Reason::SvidKeyUsage,
        make: |w| changed(w, |p| p.key_usage = None),
    },
    Forged {
        clause: "XS §4.3",
        name: "key usage not critical",
        reason: Reason::SvidKeyUsage,
        make: |w| changed(w, |p| p.key_usage = Some(Ext::plain(key_usage(&[DIGITAL_SIGNATURE])))),
    },
    Forged {
        clause: "XS §4.3",
        name: "key usage without a bit",
        reason: Reason::SvidKeyUsage,
        make: |w| changed(w, |p| usage(p, &[])),
    },
    Forged {
        clause: "XS §4.3",
        name: "no digitalSignature",
        reason: Reason::SvidKeyUsage,
        make: |w| changed(w, |p| usage(p, &[KEY_ENCIPHERMENT])),
    },
    Forged {
        clause: "XS §4.3",
        name: "keyCertSign",
        reason: Reason::SvidNotALeaf,
        make: |w| changed(w, |p| usage(p, &[DIGITAL_SIGNATURE, KEY_CERT_SIGN])),
    },
    Forged {
        clause: "XS §4.3",
        name: "keyCertSign alone",
        reason: Reason::SvidNotALeaf,
        make: |w| changed(w, |p| usage(p, &[KEY_CERT_SIGN])),
    },
    Forged {
        clause: "XS §4.3",
        name: "cRLSign",
        reason: Reason::SvidNotALeaf,
        make: |w| changed(w, |p| usage(p, &[DIGITAL_SIGNATURE, CRL_SIGN])),
    },
    Forged {
        clause: "XS §4.3",
        name: "key usage that is not DER",
        reason: Reason::SvidMalformed,
        make: |w| changed(w, |p| p.key_usage = Some(Ext::critical(vec![0x03, 0x04, 0x07]))),
    },
    Forged {
        clause: "XS §4.4",
        name: "serverAuth only",
        reason: Reason::SvidKeyUsage,
        make: |w| changed(w, |p| p.extended_key_usage = Some(Ext::plain(purposes(&[SERVER_AUTH])))),
    },
    Forged {
        clause: "XS §4.4",
        name: "clientAuth only",
        reason: Reason::SvidKeyUsage,
        make: |w| changed(w, |p| p.extended_key_usage = Some(Ext::plain(purposes(&[CLIENT_AUTH])))),
    },
    Forged {
        clause: "XS §4.4",
        name: "neither purpose",
        reason: Reason::SvidKeyUsage,
        make: |w| changed(w, |p| p.extended_key_usage = Some(Ext::plain(purposes(&[EMAIL_PROTECTION])))),
    },
    Forged {
        clause: "XS §4.4",
        name: "critical, without clientAuth",
        reason: Reason::SvidKeyUsage,
        make: |w| {
            changed(w, |p| p.extended_key_usage = Some(Ext::critical(purposes(&[SERVER_AUTH, EMAIL_PROTECTION]))))
        },
    },
    Forged {
        clause: "XS §4.4",
        name: "no purpose at all",
        reason: Reason::SvidKeyUsage,
        make: |w| changed(w, |p| p.extended_key_usage = Some(Ext::plain(purposes(&[])))),
    },
];

const PATHS: &[Forged] = &[
    Forged {
        clause: "XS §5.1",
        name: "another authority of the same name",
        reason: Reason::SvidUntrusted,
        make: |_| Authority::root(HOME).identity(WORKLOAD),
    },
    Forged {
        clause: "XS §5.1",
        name: "self-signed",
        reason: Reason::SvidUntrusted,
        make: |_| {
            let profile = leaf();
            let key = profile.key.serialize_der();
            Identity { chain: vec![Authority::root_of(profile).der], key }
        },
    },
    Forged {
        clause: "XS §5.1",
        name: "self-signed, brings its own root",
        reason: Reason::SvidUntrusted,
        make: |_| {
            let root = Authority::root(HOME);
            let mut identity = root.identity(WORKLOAD);
            identity.chain.push(root.der);
            identity
        },
    },
    Forged {
        clause: "XS §5.1",
        name: "expired a second ago",
        reason: Reason::SvidExpired,
        make: |w| changed(w, |p| p.ends = now() - 1),
    },
    Forged {
        clause: "XS §5.1",
        name: "expired a year ago",
        reason: Reason::SvidExpired,
        make: |w| changed(w, |p| (p.begins, p.ends) = (now() - 40_000_000, now() - 31_000_000)),
    },
    Forged {
        clause: "XS §5.1",
        name: "not yet valid",
        reason: Reason::SvidNotYetValid,
        make: |w| changed(w, |p| p.begins = now() + 30),
    },
    Forged {
        clause: "XS §5.1",
        name: "ends before it begins",
        reason: Reason::SvidMalformed,
        make: |w| changed(w, |p| (p.begins, p.ends) = (now() + 60, now() - 60)),
    },
    Forged {
        clause: "XS §5.1",
        name: "signature changed",
        reason: Reason::SvidUntrusted,
        make: |w| {
            changed(w, |p| {
                p.tamper = |mut der| {
                    *der.last_mut().unwrap() ^= 1;
                    der
                }
            })
        },
    },
    Forged {
        clause: "XS §5.1",
        name: "id changed after signing",
        reason: Reason::SvidUntrusted,
        make: |w| changed(w, |p| p.tamper = |der| replaced(der, b"/agent/a", b"/agent/b")),
    },
    Forged {
        clause: "XS §5.1",
        name: "signature of another algorithm",
        reason: Reason::SvidUntrusted,
        make: |w| {
            // ecdsa-with-SHA256 becomes ecdsa-with-SHA384 outside the signed part.
            changed(w, |p| {
                p.tamper = |der| {
                    replaced(der, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2], &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3])
                }
            })
        },
    },
    Forged {
        clause: "XS §5.1",
        name: "trailing byte",
        reason: Reason::SvidMalformed,
        make: |w| {
            changed(w, |p| {
                p.tamper = |mut der| {
                    der.push(0);
                    der
                }
            })
        },
    },
    Forged {
        clause: "XS §5.1",
        name: "no certificate at all but bytes",
        reason: Reason::SvidMalformed,
        make: |w| changed(w, |p| p.tamper = |_| b"not a certificate".to_vec()),
    },
    Forged {
        clause: "XS §5.1",
        name: "cut short",
        reason: Reason::SvidMalformed,
        make: |w| {
            changed(w, |p| {
                p.tamper = |mut der| {
                    der.truncate(der.len() / 2);
                    der
                }
            })
        },
    },
    Forged {
        clause: "XS §5.1",
        name: "unknown critical extension",
        reason: Reason::SvidMalformed,
        make: |w| changed(w, |p| p.others.push((vec![1, 3, 6, 1, 4, 1, 99_999, 1], Ext::critical(vec![5, 0])))),
    },
    Forged {
        clause: "XS §5.1",
        name: "an extension twice",
        reason: Reason::SvidMalformed,
        make: |w| changed(w, |p| p.others.push((vec![2, 5, 29, 15], Ext::critical(key_usage(&[DIGITAL_SIGNATURE]))))),
    },
    Forged {
        clause: "XS §5.1",
        name: "alternative names twice",
        reason: Reason::SvidMalformed,
        make: |w| {
            let second = Ext::plain(uri_names(&["spiffe://example.org/agent/b"]));
            changed(w, |p| p.others.push((vec![2, 5, 29, 17], second)))
        },
    },
    Forged {
        clause: "XS §5.1",
        name: "intermediate left out",
        reason: Reason::SvidUntrusted,
        make: |w| {
            let mut identity = under(w, |_| {});
            identity.chain.truncate(1);
            identity
        },
    },
    Forged {
        clause: "XS §5.1",
        name: "intermediate expired",
        reason: Reason::SvidExpired,
        make: |w| under(w, |p| p.ends = now() - 1),
    },
    Forged {
        clause: "XS §5.1",
        name: "intermediate not yet valid",
        reason: Reason::SvidNotYetValid,
        make: |w| under(w, |p| p.begins = now() + 30),
    },
    Forged {
        clause: "XS §5.1",
        name: "path longer than allowed",
        reason: Reason::SvidUntrusted,
        make: |w| {
            let mut first = Profile::authority(HOME);
            first.subject = Some("first".into());
            first.basic_constraints = Some(Ext::critical(sequence(&[&tlv(0x01, &[0xff]), &tlv(0x02, &[0])])));
            let mut second = Profile::authority(HOME);
            second.subject = Some("second".into());
            w.home.intermediate(first).intermediate(second).identity(WORKLOAD)
        },
    },
    Forged {
        clause: "XS §5.1",
        name: "eleven certificates",
        reason: Reason::SvidMalformed,
        make: |w| {
            let mut identity = w.home.identity(WORKLOAD);
            identity.chain.extend((0..10).map(|_| w.home.der.clone()));
            identity
        },
    },
    Forged {
        clause: "XS §3.2",
        name: "intermediate is no authority",
        reason: Reason::SvidUntrusted,
        make: |w| under(w, |p| p.basic_constraints = Some(Ext::critical(sequence(&[])))),
    },
    Forged {
        clause: "XS §3.2",
        name: "a leaf as issuer",
        reason: Reason::SvidUntrusted,
        make: |w| w.home.intermediate(leaf()).identity("spiffe://example.org/agent/b"),
    },
    Forged {
        clause: "XS §4.3",
        name: "intermediate without keyCertSign",
        reason: Reason::SvidUntrusted,
        make: |w| under(w, |p| usage(p, &[DIGITAL_SIGNATURE])),
    },
    Forged {
        clause: "XS §3.2",
        name: "intermediate with a path",
        reason: Reason::SvidUntrusted,
        make: |w| under(w, |p| p.names = Some(Ext::plain(uri_names(&["spiffe://example.org/authority"])))),
    },
    Forged {
        clause: "XS §3.2",
        name: "intermediate of another domain",
        reason: Reason::SvidUntrusted,
        make: |w| under(w, |p| p.names = Some(Ext::plain(uri_names(&["spiffe://federated.example"])))),
    },
    Forged {
        clause: "XS §4.4",
        name: "intermediate for serverAuth only",
        reason: Reason::SvidKeyUsage,
        make: |w| under(w, |p| p.extended_key_usage = Some(Ext::plain(purposes(&[SERVER_AUTH])))),
    },
    Forged {
        clause: "WA §4.6",
        name: "a domain without bundle",
        reason: Reason::TrustDomainUnknown,
        make: |w| w.home.identity("spiffe://unknown.example/agent/a"),
    },
    Forged {
        clause: "WA §4.6",
        name: "a parent domain",
        reason: Reason::TrustDomainUnknown,
        make: |w| w.home.identity("spiffe://org/agent/a"),
    },
    Forged {
        clause: "WA §4.6",
        name: "a sub-domain",
        reason: Reason::TrustDomainUnknown,
        make: |w| w.home.identity("spiffe://a.example.org/agent/a"),
    },
    Forged {
        clause: "FD §7.3",
        name: "home id, foreign authority",
        reason: Reason::SvidUntrusted,
        make: |w| w.abroad.identity(WORKLOAD),
    },
    Forged {
        clause: "FD §7.3",
        name: "foreign id, home authority",
        reason: Reason::SvidUntrusted,
        make: |w| w.home.identity(FOREIGNER),
    },
    Forged {
        clause: "FD §7.3",
        name: "foreign root brought along",
        reason: Reason::SvidUntrusted,
        make: |w| {
            let mut identity = w.abroad.identity(WORKLOAD);
            identity.chain.push(w.abroad.der.clone());
            identity
        },
    },
    Forged {
        clause: "FD §7.3",
        name: "foreign root cross-signed by home",
        reason: Reason::SvidUntrusted,
        make: |w| {
            let mut identity = w.abroad.identity(WORKLOAD);
            identity.chain.push(w.abroad.cross_signed_by(&w.home, Profile::authority(ABROAD)));
            identity
        },
    },
    Forged {
        clause: "FD §7.3",
        name: "home root cross-signed by foreign",
        reason: Reason::SvidUntrusted,
        make: |w| {
            let mut identity = w.home.identity(FOREIGNER);
            identity.chain.push(w.home.cross_signed_by(&w.abroad, Profile::authority(HOME)));
            identity
        },
    },
];

/// No fault in the chain itself, so only the handshake can tell.
const POSSESSION: &str = "somebody else's certificate";

pub(super) fn vectors() -> Vec<Vector> {
    let tables = [NAMES, USAGE, PATHS].into_iter().flatten();
    let mut all: Vec<_> = tables.map(|v| Vector { clause: v.clause, name: v.name.to_owned() }).collect();
    all.push(Vector { clause: "XS §5.1", name: POSSESSION.to_owned() });
    all
}

async fn check(table: &[Forged]) {
    let world = World::new().await;
    for vector in table {
        let forged = (vector.make)(&world);
        check_chain(&world, vector.name, &forged, vector.reason).await;
    }
}

#[tokio::test]
async fn a_leaf_without_exactly_one_uri_is_turned_away() {
    check(NAMES).await;
}

#[tokio::test]
async fn a_certificate_that_is_no_leaf_for_both_sides_is_turned_away() {
    check(USAGE).await;
}

#[tokio::test]
async fn a_path_that_does_not_lead_to_the_own_bundle_is_turned_away() {
    check(PATHS).await;
}

#[tokio::test]
async fn a_certificate_without_its_key_is_turned_away() {
    let world = World::new().await;
    let mut identity = world.home.identity(WORKLOAD);
    assert_eq!(world.knock(Some(&identity)).await.as_deref(), Some(WORKLOAD));
    identity.key = KeyPair::generate().unwrap().serialize_der();
    assert_eq!(world.knock(Some(&identity)).await, None, "{POSSESSION}");
}

/// Every forged chain, for the oracle.
pub(crate) fn forgeries(world: &World) -> Vec<(&'static str, Identity)> {
    [NAMES, USAGE, PATHS].into_iter().flatten().map(|forged| (forged.name, (forged.make)(world))).collect()
}

/// Honest leaves as different as the standard permits.
pub(crate) fn permitted(world: &World) -> Vec<Identity> {
    vec![
        changed(world, |p| names(p, &[&dns_name("a.example.org"), &uri_name(WORKLOAD), &dns_name("b")])),
        changed(world, |p| {
            p.subject = None;
            p.names = Some(Ext::critical(uri_names(&[WORKLOAD])));
        }),
        changed(world, |p| p.extended_key_usage = None),
        changed(world, |p| p.extended_key_usage = Some(Ext::critical(purposes(&[SERVER_AUTH, CLIENT_AUTH])))),
        changed(world, |p| usage(p, &[DIGITAL_SIGNATURE, KEY_ENCIPHERMENT])),
        changed(world, |p| p.key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap()),
        changed(world, |p| p.key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap()),
        changed(world, |p| p.others.push((vec![1, 3, 6, 1, 4, 1, 99_999, 1], Ext::plain(vec![5, 0])))),
        under(world, |_| {}),
        under(world, |p| p.names = None),
        under(world, |p| p.key_usage = None),
    ]
}

#[tokio::test]
async fn what_the_standard_permits_is_let_in() {
    let world = World::new().await;
    for identity in &permitted(&world) {
        assert_eq!(world.judge(identity).as_deref(), Ok(WORKLOAD));
        assert_eq!(world.knock(Some(identity)).await.as_deref(), Some(WORKLOAD));
    }
    let foreigner = world.abroad.identity(FOREIGNER);
    assert_eq!(world.knock(Some(&foreigner)).await.as_deref(), Some(FOREIGNER));
}
