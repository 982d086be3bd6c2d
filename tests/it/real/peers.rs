//! The peers themselves: gone when their owner is killed, and able to misbehave on demand.

use super::world::world;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use xtask::peers::openbao::{OpenBao, Options};
use xtask::peers::postgres::Postgres;
use xtask::peers::proxy::{Behaviour, Proxy};
use xtask::peers::{http, wait_for};

/// The test runs itself a second time as the owner, and kills that one with SIGKILL.
#[test]
fn servers_are_gone_when_their_owner_is_killed() {
    const OWNER: &str = "LEASEHOLD_TEST_OWNS_SERVERS";
    if std::env::var_os(OWNER).is_some() {
        let bao = OpenBao::start(&Options::default()).unwrap();
        let postgres = Postgres::start().unwrap();
        println!("OWNED {} {} {}", bao.host(), postgres.port, bao.folder().display());
        loop {
            std::thread::park();
        }
    }
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "real::peers::servers_are_gone_when_their_owner_is_killed", "--nocapture"])
        .env(OWNER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines().map_while(Result::ok);
    let told = lines.filter_map(|line| line.split_once("OWNED ").map(|(_, told)| told.to_owned())).next().unwrap();
    let [bao, port, folder] = told.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let answers = |address: &str| std::net::TcpStream::connect(address).is_ok();
    let postgres = format!("127.0.0.1:{port}");
    assert!(answers(bao) && answers(&postgres) && Path::new(folder).is_dir());

    owner.kill().unwrap();
    owner.wait().unwrap();
    wait_for("both servers and the folder to be gone", Duration::from_secs(10), || {
        (!answers(bao) && !answers(&postgres) && !Path::new(folder).exists()).then_some(())
    })
    .unwrap();
}

#[test]
fn postgres_comes_back_with_its_data_after_an_immediate_stop() {
    let mut postgres = Postgres::start().unwrap();
    postgres.psql("CREATE TABLE kept (n int); CHECKPOINT").unwrap();
    postgres.stop().unwrap();
    assert!(postgres.psql("SELECT 1").is_err());
    postgres.start_again().unwrap();
    assert_eq!(postgres.psql("SELECT count(*) FROM kept").unwrap(), "0");
}

#[test]
fn a_sealed_openbao_says_503_and_comes_back_when_unsealed() {
    let bao = OpenBao::start(&Options::default()).unwrap();
    assert_eq!(bao.health().unwrap().status, 200);
    bao.seal().unwrap();
    assert_eq!(bao.health().unwrap().status, 503);
    bao.unseal().unwrap();
    assert_eq!(bao.call("GET", "auth/token/lookup-self", &Value::Null).unwrap().status, 200);
}

#[test]
fn the_proxy_behaves_as_told() {
    let proxy = Proxy::start(world().bao.host()).unwrap();
    let address = proxy.address.to_string();
    let ask = move || http::call(&address, "GET", "/v1/sys/health", &[], &Value::Null).map(|answer| answer.status);
    assert_eq!(ask().unwrap(), 200);
    proxy.behave(Behaviour::DropAnswers);
    assert!(ask().is_err());
    assert_eq!(proxy.dropped_answers(), 1);
    proxy.behave(Behaviour::Refuse);
    assert!(ask().is_err());
    proxy.behave(Behaviour::Pause);
    let held = std::thread::spawn(ask);
    assert!(wait_for("nothing", Duration::from_millis(200), || held.is_finished().then_some(())).is_err());
    proxy.behave(Behaviour::Pass);
    assert_eq!(held.join().unwrap().unwrap(), 200);
}
