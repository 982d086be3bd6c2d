//! Figures and what must be known to read them.

use crate::plan::{Kind, Load};
use crate::turns::Turns;
use anyhow::Result;
use serde_json::Value;
use xtask::figures::Figure;
use xtask::peers::openbao::OpenBao;

/// Added wall over a held token, in floors.
const ADDED_MAX: f64 = 2.0;
/// Wall over that of a login and a read.
const OVER_LOGIN_MAX: f64 = 1.1;

/// What ran, and on what.
pub(crate) fn machine(bao: &OpenBao) -> Result<()> {
    let seal = bao.must("GET", "sys/seal-status", &Value::Null)?;
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let cores = std::thread::available_parallelism()?;
    println!(
        "machine: {cores} cores, {}, kernel {}",
        model.trim_matches([':', ' ', '\t']),
        read("/proc/sys/kernel/osrelease").trim()
    );
    println!("load before: {}", read("/proc/loadavg").trim());
    println!("engine: version {}, development server, storage {}", seal.text("/version"), seal.text("/storage_type"));
    println!(
        "through: one mTLS connection for all; direct: plain HTTP on loopback with kept connections, no record, no shortening"
    );
    println!(
        "floor: 2 appends through the SQLite store (FULL, batched as in the writer) + 1 GetStatus over the same mTLS connection"
    );
    Ok(())
}

/// The figures of one kind at one load.
pub(crate) fn figures(kind: Kind, load: Load, turns: &Turns) {
    for (name, quantile) in [("p50", 0.5), ("p99", 0.99)] {
        let [through, login, held, floor, in_a_row] = turns.at(quantile);
        // The issue binds the wall of an issue, which is its median; the tail is for information.
        let bound = |most: f64| (name == "p50").then_some(most);
        let figure = |what: &str| format!("issue.{}.{}.{what}.{name}", kind.name(), load.in_flight());
        let added = through - held;
        let plain = |what: &str, value: f64| Figure {
            figure: figure(what),
            value,
            unit: "us".into(),
            floor: None,
            ratio: None,
            bound: None,
        };
        let against = |what: &str, value: f64, floor: f64, over: f64, most: f64| Figure {
            floor: Some(floor),
            ratio: Some(over / floor),
            bound: bound(most),
            ..plain(what, value)
        };
        plain("direct_held", held).print();
        plain("direct_login", login).print();
        plain("floor", floor).print();
        plain("in_a_row", in_a_row).print();
        against("added_wall", added, floor, added, ADDED_MAX).print();
        against("through", through, login, through, OVER_LOGIN_MAX).print();
        // For information: what of the added wall is the broker's own, and not that of waking cold parts.
        let own = Figure { floor: Some(in_a_row), ratio: Some(through / in_a_row), ..plain("over_row", through) };
        own.print();
    }
    let figure = format!("issue.{}.{}.broker_cpu", kind.name(), load.in_flight());
    Figure { figure, value: turns.broker_cpu(), unit: "us".into(), floor: None, ratio: None, bound: None }.print();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load after {} {}: {}", kind.name(), turns.broker_cpu().round(), load.trim());
}
