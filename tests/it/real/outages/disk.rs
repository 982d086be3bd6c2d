//! The log's disk is full. Takes a small file system of its own, which takes the right to mount one.
//! The blocks that the store took at its start are used up first: until then a full disk is no outage.

use crate::real::house::{Caller, House, Refused, lease_of, task_request, until, uuid};
use leasehold::proto::v1::evidence_service_client::EvidenceServiceClient;
use leasehold::proto::v1::task_service_client::TaskServiceClient;
use leasehold::proto::v1::{self, HealthState, LeaseState};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use tonic::{Code, Response};
use xtask::peers::proxy::Behaviour;
use xtask::scene::Options;

/// A file system of 64 megabytes: 32 for endings, 17 for what is written next, and some for the log.
struct SmallDisk(PathBuf);

#[test]
fn on_a_full_disk_nothing_is_issued_every_end_is_proven_and_issuing_goes_on_by_itself() {
    let Some(disk) = SmallDisk::mount() else {
        println!("NOT RUN: the log on a full disk: no right to mount a small file system");
        return;
    };
    let mut house = House::with(Options { log_folder: Some(disk.0.clone()), ..Options::default() });
    let tasks: [String; 3] = std::array::from_fn(|_| house.active_task());
    let [first, second, asking] = &tasks;
    let leases = [first, first, second].map(|task| lease_of(&house.issue(task, &uuid()).unwrap()));
    // Full between the mint and the seal. Most of the blocks that are taken are used up before: the
    // engine's answer is not waited for any length of time.
    disk.fill();
    record_reads(&house, 1_000).expect("what is on the disk already is no outage");
    let request = uuid();
    house.proxy.behave(Behaviour::HoldAnswers);
    let asked = house.issue_aside(asking, &request);
    until("the account to be made", || house.accounts().len() == 4);
    is_told_that_the_disk_is_full(&record_reads(&house, 9_000).unwrap_err());
    house.proxy.behave(Behaviour::Pass);
    let told = asked.join().unwrap().map(drop).unwrap_err();
    if told.reason == "ENGINE_UNAVAILABLE" {
        println!(
            "NOT RUN: full between mint and seal: filling the disk took longer than an engine's answer is awaited"
        );
    } else {
        is_told_that_the_disk_is_full(&told);
    }
    until("the secret without a record to be ended", || house.accounts().len() == 3);
    house.until_lease(&house.log().last_intended(), LeaseState::NotIssued);
    // Full before the intent.
    is_told_that_the_disk_is_full(&house.issue(asking, &uuid()).map(drop).unwrap_err());
    let new = task_request(&uuid());
    let told = house.bot.call(async |channel| TaskServiceClient::new(channel).request_task(new).await);
    is_told_that_the_disk_is_full(&told.map(drop).unwrap_err());
    until("the status to say so", || log_health(&house).0 == HealthState::Unready);
    assert!(log_health(&house).1.starts_with("its disk is full"), "{:?}", log_health(&house));
    // Ending goes on, before and after a start on the full disk.
    house.bot.revoke(&uuid(), &leases[0]).unwrap();
    house.until_dead(&leases[0]);
    house.finish(first);
    house.until_dead(&leases[1]);
    disk.fill();
    house.restart(None);
    disk.fill();
    is_told_that_the_disk_is_full(&house.issue(asking, &uuid()).map(drop).unwrap_err());
    house.finish(second);
    house.until_dead(&leases[2]);
    assert!(house.accounts().is_empty());
    let log = house.log();
    assert!(leases.iter().all(|lease| log.of("lease.revoked", lease).len() == 1));
    assert!([first, second].iter().all(|task| log.of("task.completed", task).len() == 1));
    // Room comes back, and nobody does a thing.
    disk.empty();
    until("the status to be well", || log_health(&house).0 == HealthState::Ready);
    let lease = lease_of(&house.issue(asking, &uuid()).unwrap());
    house.finish(asking);
    house.until_dead(&lease);
    house.check();
}

fn is_told_that_the_disk_is_full(told: &Refused) {
    assert_eq!((told.code, told.reason.as_str(), told.retry), (Code::Unavailable, "LOG_UNAVAILABLE", true));
    assert!(told.message.contains("the log's disk is full"), "{}", told.message);
    assert!(told.message.contains("revoking still work"), "{}", told.message);
}

fn log_health(house: &House) -> (HealthState, String) {
    let log = house.lead.status().unwrap().log.unwrap();
    (log.state(), log.sentence)
}

/// Reads the log, which is recorded each time.
fn record_reads(house: &House, times: usize) -> Result<(), Refused> {
    let auditor = Caller::of(&house.scene, "auditor");
    let read = async |channel| {
        let one = v1::StreamEntriesRequest { from_index: 0, limit: 1 };
        EvidenceServiceClient::new(channel).stream_entries(one).await.map(|answer: Response<_>| answer.map(drop))
    };
    (0..times).try_for_each(|_| auditor.call(read))
}

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = xtask::peers::guard::scratch("small-disk").unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64m,mode=0700", "leasehold-test"]).arg(&folder);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            std::fs::remove_dir(&folder).unwrap();
        }
        mounted.then_some(Self(folder))
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    fn fill(&self) {
        let mut file = OpenOptions::new().append(true).create(true).open(self.ballast()).unwrap();
        while file.write_all(&[0; 4_096]).is_ok() {}
    }

    fn empty(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: whoever still has the log open keeps it until it is gone.
        let _gone = Command::new("umount").arg("-l").arg(&self.0).status();
        let _gone = std::fs::remove_dir(Path::new(&self.0));
    }
}
