//! What can be tested without SPIRE: the words that are said to it, and what is said without it.

use super::*;
use crate::peers::http;
use serde_json::{Value, json};

fn places() -> Places {
    Places::below(Path::new("/run/scene"), 8081)
}

#[test]
fn the_server_listens_on_loopback_and_keeps_its_keys_in_memory() {
    let expected = include_str!("golden/server.conf");
    assert_eq!(config::server(&places()), expected);
}

#[test]
fn the_agent_is_attested_by_a_token_and_attests_by_user_id() {
    let expected = include_str!("golden/agent.conf");
    assert_eq!(config::agent(&places()), expected);
}

#[test]
fn each_identity_has_one_entry_with_a_user_id_of_its_own() {
    let broker = Identity::of(("broker", "spiffe://example.org/leasehold:dns=leasehold"), 61_101);
    let words = "-parentID spiffe://example.org/spire-node/this-machine -spiffeID spiffe://example.org/leasehold \
                 -selector unix:uid:61101 -x509SVIDTTL 3600 -jwtSVIDTTL 300 -dns leasehold";
    assert_eq!(broker.entry().join(" "), words);
    let bot = Identity::of(("billing-bot", "spiffe://example.org/agent/billing-bot"), 60_102);
    assert!(!bot.entry().contains(&"-dns".to_owned()));
    let all: Vec<_> =
        crate::scene::IDENTITIES.iter().zip(FIRST_UID..).map(|(it, uid)| Identity::of(*it, uid)).collect();
    let uids: std::collections::BTreeSet<_> = all.iter().map(|it| it.uid).collect();
    assert_eq!(uids.len(), all.len());
}

#[test]
fn what_the_agent_prints_is_read() {
    let told = "Received 1 svid after 4.8ms\n\nSPIFFE ID:\t\tspiffe://example.org/leasehold\nSVID Valid After:\t2026\n";
    assert_eq!(spiffe_ids(told), ["spiffe://example.org/leasehold"]);
    assert!(spiffe_ids("rpc error: code = PermissionDenied desc = no identity issued\n").is_empty());
}

#[test]
fn only_the_keys_of_tokens_are_shown_to_the_engine() {
    let bundle = json!({
        "keys": [
            { "use": "x509-svid", "kty": "EC", "crv": "P-256", "x": "a", "y": "b", "x5c": ["c"] },
            { "use": "jwt-svid", "kid": "k1", "kty": "EC", "crv": "P-256", "x": "d", "y": "e" },
        ],
        "spiffe_sequence": 1,
        "spiffe_refresh_hint": 300,
    });
    let shown: Value = serde_json::from_str(&jwks::jwt_keys(&bundle.to_string()).unwrap()).unwrap();
    assert_eq!(shown, json!({ "keys": [bundle["keys"][1]] }));
    assert!(jwks::jwt_keys("{}").is_err() && jwks::jwt_keys("").is_err());
}

#[test]
fn keys_are_fresh_at_each_request_and_a_failure_is_told() {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let keys = KeyServer::serve(move || match count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
        2 => bail!("no server"),
        n => Ok(json!({ "keys": [n] }).to_string()),
    })
    .unwrap();
    let (host, path) = keys.url().trim_start_matches("http://").split_once('/').unwrap();
    let ask = || http::call(host, "GET", &format!("/{path}"), &[], &Value::Null);
    assert_eq!(ask().unwrap().body, json!({ "keys": [0] }));
    assert_eq!(ask().unwrap().body, json!({ "keys": [1] }));
    assert_eq!(ask().unwrap().status, 503);
    let host = host.to_owned();
    drop(keys);
    assert!(std::net::TcpStream::connect(host).is_err(), "it is gone with its owner");
}

#[test]
fn missing_programs_are_named_with_the_way_to_get_them() {
    let folder = crate::peers::guard::scratch("spire-programs").unwrap();
    let both = |_: &str| Some(PathBuf::from("/bin/sh"));
    assert!(Programs::find_in(None, both).is_ok());
    let none = Programs::find_in(None, |_| None).unwrap_err().to_string();
    assert!(none.contains("no spire-server and no spire-agent on PATH"), "{none}");
    assert!(none.contains("spiffe/spire") && none.contains("LEASEHOLD_SPIRE_BIN"), "{none}");
    // A folder that was named is the only place.
    fs::write(folder.join("spire-server"), "").unwrap();
    let one = Programs::find_in(Some(folder.as_os_str()), both).unwrap_err().to_string();
    assert!(one.contains("no spire-agent in") && !one.contains("no spire-server"), "{one}");
    fs::write(folder.join("spire-agent"), "").unwrap();
    let found = Programs::find_in(Some(folder.as_os_str()), |_| None).unwrap();
    assert_eq!(found.server, folder.join("spire-server"));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn folders_let_others_reach_the_agent_and_nothing_else() {
    let folder = crate::peers::guard::scratch("spire-places").unwrap();
    let places = Places::below(&folder, 8081);
    places.make().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(&places.folder), mode(places.agent_socket.parent().unwrap())), (0o711, 0o755));
    assert_eq!((mode(places.server_socket.parent().unwrap()), mode(&places.folder.join("data-agent"))), (0o700, 0o700));
    assert_eq!(mode(&places.write("server.conf", "x").unwrap()), 0o600);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_program_that_ends_is_not_waited_for_and_its_last_words_are_told() {
    let folder = crate::peers::guard::scratch("spire-ends").unwrap();
    let places = Places::below(&folder, 8081);
    places.make().unwrap();
    let program = |name: &str, script: &str| {
        let file = folder.join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        file
    };
    let healthy = program("healthy", r#"[ "$1" = healthcheck ] || sleep 60"#);
    let ends = program(
        "ends",
        r#"[ "$1" = healthcheck ] && exit 1; seq 1 30; echo 'msg="No identity issued"'; echo 'no such key' >&2; exit 3"#,
    );
    let children = Children::new().unwrap();
    let start = |server: &Path| {
        let programs = Programs { server: server.to_owned(), agent: server.to_owned() };
        Cli { programs: &programs, places: &places }.start_server(&children)
    };
    assert!(start(&healthy).is_ok());
    let begin = std::time::Instant::now();
    let told = format!("{:#}", start(&ends).unwrap_err());
    assert!(begin.elapsed() < PATIENCE / 2, "{told}");
    assert!(told.contains("30\nno such key") && told.contains("exit status: 3"), "{told}");
    assert!(!told.contains("\n11\n"), "only the end of it: {told}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_folder_too_deep_for_a_socket_is_named_before_anything_starts() {
    let folder = crate::peers::guard::scratch("spire-deep").unwrap();
    let deep = folder.join("d".repeat(100));
    fs::create_dir(&deep).unwrap();
    let told = Places::below(&deep, 8081).make().unwrap_err().to_string();
    assert!(told.contains("TMPDIR"), "{told}");
    assert!(Places::below(&folder, 8081).make().is_ok());
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_identity_runs_under_its_user_id_and_enters_no_other_desk() {
    if let Err(why) = only_root() {
        crate::not_run("desks of SPIRE's identities", &why.to_string());
        return;
    }
    let folder = crate::peers::guard::scratch("spire-desks").unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o711)).unwrap();
    let children = Children::new().unwrap();
    let process = || children.start(Command::new("sleep").arg("60")).unwrap();
    let spire = Spire {
        identities: vec![
            Identity::of(("a", "spiffe://example.org/a"), FIRST_UID),
            Identity::of(("b", "spiffe://example.org/b"), FIRST_UID + 1),
        ],
        places: Places::below(&folder, 8081),
        folder: folder.clone(),
        keys: KeyServer::serve(|| bail!("nobody asks")).unwrap(),
        _agent: process(),
        _server: process(),
    };
    spire.furnish().unwrap();
    let runs = |who: &str, script: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        spire.dress(who, &mut shell).unwrap();
        let output = shell.output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(runs("a", "echo x >mine && id -u && id -G"), (true, "61101\n61101\n".to_owned()));
    assert_eq!(runs("b", "cat ../desk-b/mine || cat ../desk-a/mine"), (false, String::new()));
    assert_eq!(runs("a", "cat ../desk-a/mine"), (true, "x\n".to_owned()));
    let mut child = Command::new("sh");
    spire.dress("b", child.args(["-c", "echo x >mine"])).unwrap();
    assert!(children.run(&mut child).unwrap().success(), "the broker's way: in the group of the scene");
    assert_eq!(fs::metadata(spire.desk("b").unwrap().join("mine")).unwrap().uid(), FIRST_UID + 1);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    spire.identities.iter().for_each(|it| fs::remove_dir_all(spire.desk(&it.name).unwrap()).unwrap());
    assert!(spire.furnish().unwrap_err().to_string().contains("TMPDIR"));
    assert_eq!(spire.typed("b").unwrap(), "setpriv --reuid=61102 --regid=61102 --clear-groups");
    assert!(spire.dress("c", &mut Command::new("sh")).is_err());
    drop(spire);
    fs::remove_dir_all(folder).unwrap();
}
