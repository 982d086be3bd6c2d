//! The log's disk is full. Takes a small file system of its own, which takes the right to mount one.
//! The room that the store made at its start is used up first: until then a full disk is no outage.

use crate::real::house::{Caller, House, lease_of, until, uuid};
use leasehold::proto::v1::evidence_service_client::EvidenceServiceClient;
use leasehold::proto::v1::{self, LeaseState};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use tonic::{Code, Response};
use xtask::peers::proxy::Behaviour;
use xtask::scene::Options;

/// A file system of three megabytes at first, all of which the store takes as its room.
struct SmallDisk(PathBuf);

#[test]
fn without_room_for_the_log_nothing_is_issued_and_ending_goes_on_when_there_is_room() {
    let Some(disk) = SmallDisk::mount() else {
        println!("NOT RUN: the log on a full disk: no right to mount a small file system");
        return;
    };
    let house = House::with(Options { log_folder: Some(disk.0.clone()), ..Options::default() });
    let (ending, asking) = (house.active_task(), house.active_task());
    let lease = lease_of(&house.issue(&ending, &uuid()).unwrap());
    // Full before the intent.
    let reads = use_up_the_room(&house);
    assert!(reads > 50, "the room held {reads} entries");
    let told = house.issue(&asking, &uuid()).map(drop).unwrap_err();
    assert_eq!((told.code, told.reason.as_str(), told.retry), (Code::Unavailable, "LOG_UNAVAILABLE", true));
    assert!(told.message.contains("without the log nothing is issued"), "{}", told.message);
    assert_eq!(house.bot.complete(&uuid(), &ending).unwrap_err().reason, "LOG_UNAVAILABLE");
    assert_eq!(house.accounts().len(), 1);
    house.lead.status().unwrap();
    // Full between the mint and the seal.
    disk.grow();
    let request = uuid();
    house.proxy.behave(Behaviour::HoldAnswers);
    let asked = house.issue_aside(&asking, &request);
    until("the account to be made", || house.accounts().len() == 2);
    disk.fill();
    house.proxy.behave(Behaviour::Pass);
    assert_eq!(asked.join().unwrap().map(drop).unwrap_err().reason, "LOG_UNAVAILABLE");
    until("the secret without a record to be ended", || house.accounts().len() == 1);
    disk.empty();
    let intent = house.log().last_intended();
    house.finish(&ending);
    house.until_dead(&lease);
    house.until_lease(&intent, LeaseState::NotIssued);
    let lease = lease_of(&house.issue(&asking, &request).unwrap());
    house.finish(&asking);
    house.until_dead(&lease);
    house.check();
}

/// Reads the log until the reading can no longer be recorded; says how often it could.
fn use_up_the_room(house: &House) -> usize {
    let auditor = Caller::of(&house.scene, "auditor");
    let read = async |channel| {
        let one = v1::StreamEntriesRequest { from_index: 0, limit: 1 };
        EvidenceServiceClient::new(channel).stream_entries(one).await.map(|answer: Response<_>| answer.map(drop))
    };
    let told = (0..5_000).find_map(|reads| Some((reads, auditor.call(read).err()?)));
    let (reads, told) = told.expect("three megabytes are used up by then");
    assert_eq!(told.reason, "LOG_UNAVAILABLE");
    reads
}

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = xtask::peers::guard::scratch("small-disk").unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=3m,mode=0700", "leasehold-test"]).arg(&folder);
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
        let mut file = File::create(self.ballast()).unwrap();
        while file.write_all(&[0; 4_096]).is_ok() {}
    }

    fn grow(&self) {
        let grown = Command::new("mount").args(["-o", "remount,size=16m"]).arg(&self.0).status();
        assert!(grown.unwrap().success());
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
