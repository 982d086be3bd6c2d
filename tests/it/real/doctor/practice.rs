//! A scene without a broker, and an operator with a shell beside it.

use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use xtask::scene::{Options, Scene};

/// The scene, and a folder in which the operator's shell finds `bao` and `leasehold`.
pub(super) struct Practice {
    pub(super) scene: Scene,
    programs: tempfile::TempDir,
}

/// How a run ended, and its document.
pub(super) struct Visit {
    pub(super) code: Option<i32>,
    pub(super) document: Value,
}

impl Practice {
    pub(super) fn open() -> Self {
        let scene = Scene::without_broker(Path::new(BINARY), Options::default()).unwrap();
        scene.write_config().unwrap();
        let programs = tempfile::tempdir().unwrap();
        symlink(xtask::peers::openbao::binary().unwrap(), programs.path().join("bao")).unwrap();
        symlink(BINARY, programs.path().join("leasehold")).unwrap();
        fs::write(scene.file("root.token"), format!("{}\n", scene.bao.root_token)).unwrap();
        Self { scene, programs }
    }

    /// A run in the scene's folder, where the files lie.
    pub(super) fn doctor(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    pub(super) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.args(["doctor", "--estate", "estate.toml"]).args(words);
        command.current_dir(self.scene.file("")).stdin(Stdio::null());
        for variable in ["BAO_TOKEN", "VAULT_TOKEN", "LEASEHOLD_BROKER_ID", "SPIFFE_ENDPOINT_SOCKET"] {
            command.env_remove(variable);
        }
        command
    }

    /// With root's token, as JSON.
    pub(super) fn visit(&self, words: &[&str]) -> Visit {
        self.visit_by("root.token", words)
    }

    pub(super) fn visit_by(&self, token_file: &str, words: &[&str]) -> Visit {
        let output = self.doctor(&[&["--token-file", token_file, "--json"], words].concat());
        let document = serde_json::from_slice(&output.stdout);
        Visit { code: output.status.code(), document: document.unwrap_or_else(|_| panic!("{output:?}")) }
    }

    /// A line of shell, run by the engine's root in the scene's folder; gives its stdout.
    pub(super) fn shell(&self, line: &str) -> String {
        let bao = &self.scene.bao;
        let mut shell = Command::new("sh");
        let path = format!("{}:{}", self.programs.path().display(), std::env::var("PATH").unwrap());
        shell.args(["-c", line]).env("PATH", path).env("HOME", bao.folder()).current_dir(self.scene.file(""));
        shell.env("BAO_ADDR", &bao.address).env("BAO_TOKEN", &bao.root_token).stdin(Stdio::null());
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A token of this policy, in a file of that name.
    pub(super) fn token_of(&self, policy: &str) -> String {
        let token = self.shell(&format!("bao token create -orphan -policy={policy} -field=token"));
        fs::write(self.scene.file(policy), token).unwrap();
        policy.to_owned()
    }

    /// Replaces a text in one of the scene's files.
    pub(super) fn edit(&self, file: &str, old: &str, new: &str) {
        let text = fs::read_to_string(self.scene.file(file)).unwrap();
        assert!(text.contains(old), "{file} has no {old}");
        fs::write(self.scene.file(file), text.replace(old, new)).unwrap();
    }
}

impl Visit {
    pub(super) fn findings(&self) -> &[Value] {
        self.document["findings"].as_array().unwrap()
    }

    pub(super) fn finding(&self, check: &str) -> &Value {
        self.findings().iter().find(|it| it["check"] == check).unwrap_or_else(|| panic!("no {check}"))
    }

    /// Check and severity of everything that is not as it should be.
    pub(super) fn troubles(&self) -> Vec<(&str, &str)> {
        let troubles = self.findings().iter().filter(|it| it["severity"] != "ok");
        troubles.map(|it| (it["check"].as_str().unwrap(), it["severity"].as_str().unwrap())).collect()
    }

    pub(super) fn mends(&self) -> Vec<&str> {
        self.findings().iter().filter_map(|it| it["mend"].as_str()).collect()
    }
}

pub(super) const BINARY: &str = env!("CARGO_BIN_EXE_leasehold");
