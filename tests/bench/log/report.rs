//! Figures and what must be known to read them.

use xtask::figures::Figure;

/// What ran, and on what.
pub(crate) fn machine() -> anyhow::Result<()> {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    println!(
        "machine: {} cores, {}, kernel {}, {}",
        std::thread::available_parallelism()?,
        model.trim_matches([':', ' ', '\t']),
        read("/proc/sys/kernel/osrelease").trim(),
        if cfg!(debug_assertions) { "NOT optimised: no figure counts" } else { "optimised" }
    );
    println!("load before: {}", read("/proc/loadavg").trim());
    Ok(())
}

/// For information.
pub(crate) fn plain(figure: &str, value: f64, unit: &str) {
    named(figure, value, unit).print();
}

/// A value that may not be more than `most`.
pub(crate) fn bound(figure: &str, value: f64, unit: &str, most: f64) {
    Figure { bound: Some(most), ..named(figure, value, unit) }.print();
}

/// A value that may not be more than `most` floors.
pub(crate) fn against(figure: &str, value: f64, floor: f64, unit: &str, most: f64) {
    Figure { floor: Some(floor), ratio: Some(value / floor), bound: Some(most), ..named(figure, value, unit) }.print();
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    quantile(&mut values, 0.5)
}

pub(crate) fn quantile(values: &mut [f64], quantile: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let rank = (values.len() as f64 * quantile) as usize;
    values.get(rank.min(values.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

fn named(figure: &str, value: f64, unit: &str) -> Figure {
    let figure = format!("log.{figure}");
    Figure { figure, value, unit: unit.into(), floor: None, ratio: None, bound: None }
}
