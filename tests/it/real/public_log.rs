//! The public log of the whole broker: off unless it is written down, then on a line of its own.

use crate::http::site::client;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use xtask::children::{Children, Running};
use xtask::scene::{Options, Scene};

/// Starts the broker with more of a configuration; gives it and the lines that it says first.
fn start(scene: &Scene, children: &Children, more: &str, lines: usize) -> (Running, Vec<String>) {
    let mut command = scene.serve_command().unwrap();
    let file = scene.write_config().unwrap();
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{config}{more}")).unwrap();
    let log = std::fs::File::create(scene.broker_log()).unwrap();
    let mut broker = children.start(command.stdout(Stdio::piped()).stderr(log)).unwrap();
    let out = BufReader::new(broker.child().stdout.take().unwrap());
    let said = out.lines().take(lines).map(Result::unwrap).collect();
    (broker, said)
}

#[test]
fn the_public_log_is_off_unless_it_is_written_down_and_then_told_on_a_line_of_its_own() {
    let scene = Scene::without_broker(Path::new(env!("CARGO_BIN_EXE_leasehold")), Options::default()).unwrap();
    let children = Children::new().unwrap();
    let (broker, said) = start(&scene, &children, "", 1);
    assert!(said[0].starts_with("LISTENING 127.0.0.1:"), "{said:?}");
    drop(broker);
    let open = "\n[http]\nlisten = \"0.0.0.0:0\"\ndanger_public = true\n";
    let (mut broker, said) = start(&scene, &children, open, 1);
    assert!(said.is_empty() && !broker.wait().unwrap().success(), "a development log is not for everybody: {said:?}");
    let (_broker, said) = start(&scene, &children, "\n[http]\nlisten = \"127.0.0.1:0\"\n", 2);
    assert!(said[0].starts_with("LISTENING 127.0.0.1:"), "{said:?}");
    let address = said[1].strip_prefix("LISTENING_HTTP ").unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let text = runtime.block_on(async {
        let answer = client().get(format!("http://{address}/checkpoint")).send().await.unwrap();
        answer.error_for_status().unwrap().text().await.unwrap()
    });
    assert!(text.starts_with("leasehold.example.org/dev\n"), "{text}");
}
