//! Which benches and examples the product has, as cargo knows them.

use super::cargo;
use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// The names of the product's targets of that kind: `bench`, `example`.
pub(super) fn targets(kind: &str) -> Result<Vec<String>> {
    let output = cargo(&["metadata", "--no-deps", "--format-version", "1"]).output().context("starting cargo")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(named(&serde_json::from_slice(&output.stdout)?, kind))
}

fn named(metadata: &Value, kind: &str) -> Vec<String> {
    let list = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let packages = list(metadata, "packages");
    let product = packages.iter().filter(|package| package.get("name").and_then(Value::as_str) == Some("leasehold"));
    let targets = product.flat_map(|package| list(package, "targets"));
    let fitting = targets.filter(|target| list(target, "kind").iter().any(|found| found == kind));
    fitting.filter_map(|target| Some(target.get("name")?.as_str()?.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_of_the_product_are_found() {
        assert_eq!(targets("bin").unwrap(), ["leasehold"]);
        assert!(targets("test").unwrap().contains(&"it".to_owned()));
        assert_eq!(targets("no-such-kind").unwrap(), Vec::<String>::new());
    }
}
