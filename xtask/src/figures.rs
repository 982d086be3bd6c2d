//! The figures of a bench: one JSON object per line from the bench, a table for people, and the verdict.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// One measured number.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// A stable dotted name, such as `issue.kv.in_flight_32.added_wall`.
    pub figure: String,
    /// What was measured.
    pub value: f64,
    /// Its unit, such as `us` or `1/s`.
    pub unit: String,
    /// What the same run measured as unavoidable, in the same unit.
    pub floor: Option<f64>,
    /// The figure against its floor, or against whatever `figure` names: less is better.
    pub ratio: Option<f64>,
    /// The ratio (without one: the value) may not be more than this.
    pub bound: Option<f64>,
}

impl Figure {
    /// Prints the line that `cargo xtask bench` reads.
    pub fn print(&self) {
        println!("{}", self.to_json());
    }

    /// The object of that line.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let Self { figure, value, unit, floor, ratio, bound } = self;
        json!({ "figure": figure, "value": value, "unit": unit, "floor": floor, "ratio": ratio, "bound": bound })
    }

    /// Reads such a line; `None` for anything else that a bench may say.
    ///
    /// # Errors
    /// When it is a figure with a part missing or of the wrong kind.
    pub fn read(line: &str) -> Result<Option<Self>> {
        let Ok(object @ Value::Object(_)) = serde_json::from_str::<Value>(line) else { return Ok(None) };
        let Some(figure) = object.get("figure").and_then(Value::as_str) else { return Ok(None) };
        let optional = |name: &str| match object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(number) => number.as_f64().map(Some).with_context(|| format!("{figure}: `{name}` is no number")),
        };
        Ok(Some(Self {
            figure: figure.to_owned(),
            value: optional("value")?.with_context(|| format!("{figure}: no value"))?,
            unit: object.get("unit").and_then(Value::as_str).with_context(|| format!("{figure}: no unit"))?.to_owned(),
            floor: optional("floor")?,
            ratio: optional("ratio")?,
            bound: optional("bound")?,
        }))
    }

    /// Whether the bound is kept; true without one.
    #[must_use]
    pub fn keeps_its_bound(&self) -> bool {
        self.bound.is_none_or(|bound| self.ratio.unwrap_or(self.value) <= bound)
    }
}

/// A table for people.
#[must_use]
pub fn table(figures: &[Figure]) -> String {
    let width = figures.iter().map(|figure| figure.figure.len()).max().unwrap_or_default().max(6);
    let mut text = format!(
        "{:width$}  {:>12}  {:6}  {:>12}  {:>7}  {:>7}\n",
        "figure", "value", "unit", "floor", "ratio", "bound"
    );
    let cell = |number: Option<f64>| number.map_or_else(|| "–".to_owned(), |number| format!("{number:.2}"));
    for figure in figures {
        let missed = if figure.keeps_its_bound() { "" } else { "  missed" };
        let Figure { figure, value, unit, floor, ratio, bound } = figure;
        // Writing to a string cannot fail.
        let _written = writeln!(
            text,
            "{figure:width$}  {value:>12.2}  {unit:6}  {:>12}  {:>7}  {:>7}{missed}",
            cell(*floor),
            cell(*ratio),
            cell(*bound)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure() -> Figure {
        Figure {
            figure: "issue.kv".into(),
            value: 900.0,
            unit: "us".into(),
            floor: Some(600.0),
            ratio: Some(1.5),
            bound: Some(2.0),
        }
    }

    #[test]
    fn a_figure_is_read_as_it_was_printed() {
        let figure = figure();
        assert_eq!(Figure::read(&figure.to_json().to_string()).unwrap(), Some(figure));
        let bare = Figure { floor: None, ratio: None, bound: None, ..self::figure() };
        assert_eq!(Figure::read(&bare.to_json().to_string()).unwrap(), Some(bare));
    }

    #[test]
    fn chatter_is_no_figure_and_half_a_figure_is_an_error() {
        for chatter in ["", "warming up", "[1]", "{\"machine\":\"2 cores\"}"] {
            assert_eq!(Figure::read(chatter).unwrap(), None, "{chatter}");
        }
        for half in [
            "{\"figure\":\"a\"}",
            "{\"figure\":\"a\",\"value\":1}",
            "{\"figure\":\"a\",\"value\":\"1\",\"unit\":\"us\"}",
        ] {
            assert!(Figure::read(half).is_err(), "{half}");
        }
    }

    #[test]
    fn a_missed_bound_is_seen_and_shown() {
        assert!(figure().keeps_its_bound());
        let missed = Figure { ratio: Some(2.1), ..figure() };
        assert!(!missed.keeps_its_bound());
        assert!(!Figure { ratio: None, ..figure() }.keeps_its_bound(), "without a ratio the value is bound");
        assert!(Figure { bound: None, ..missed.clone() }.keeps_its_bound());
        assert!(table(&[missed]).contains("missed"));
        assert!(!table(&[figure()]).contains("missed"));
    }
}
