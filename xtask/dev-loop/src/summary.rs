//! The tables: what was measured, ours beside the others, and what ours should reach.

use std::io::Write as _;

use crate::raw::{Row, What};
use crate::stats::{Spread, spread};

/// The name of ours.
const OURS: &str = "slipway";

/// What the table has, in its order: what was edited, a figure, and words for it.
const MEASURES: [(What, &str, &str); 17] = [
    (What::Rust, "total_ms", "Rust save → new code answers"),
    (What::Rust, "detect_ms", "… save → decision to build"),
    (What::Rust, "cargo_ms", "… cargo"),
    (What::Rust, "compile_ms", "…… of it before the linker"),
    (What::Rust, "link_ms", "…… of it the linker"),
    (What::Rust, "linked_to_live_ms", "… linked → new code answers"),
    (What::Rust, "built_to_live_ms", "… cargo ended → new code answers"),
    (What::Rust, "rest_ms", "… all but cargo"),
    (What::Rust, "away_ms", "… first to last failed request"),
    (What::Rust, "slowest_ms", "… slowest good answer"),
    (What::Style, "total_ms", "style save → painted"),
    (What::Template, "total_ms", "template save → painted"),
    (What::Template, "detect_ms", "… save → decision"),
    (What::Template, "served_ms", "… save → served, then reloaded by hand"),
    (What::Mistake, "total_ms", "type error saved → painted over the page"),
    (What::Mistake, "shown_ms", "… said by the compiler → painted over the page"),
    (What::Mistake, "gone_ms", "… mended → gone from the page"),
];

/// What ours should reach: what was edited (nothing: everything), a figure, words for it, which value, and the most that it may be.
const TARGETS: [(Option<What>, &str, &str, Value, f64); 7] = [
    (Some(What::Rust), "rest_ms", "Rust save, all but cargo: median", Value::Median, 400.0),
    (Some(What::Rust), "linked_to_live_ms", "linked → new code answers: median", Value::Median, 300.0),
    (Some(What::Rust), "failed", "failed requests in a swap: most", Value::Most, 0.0),
    (None, "detect_of_loop_ms", "first event → decision: p95", Value::P95, 40.0),
    (Some(What::Style), "total_ms", "style save → painted: p95", Value::P95, 100.0),
    (Some(What::Template), "total_ms", "template save → painted: p95", Value::P95, 250.0),
    (Some(What::Mistake), "shown_ms", "compiler's message → painted: p95", Value::P95, 200.0),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Median,
    P95,
    Most,
}

/// Prints the tables to stdout.
///
/// # Errors
/// When stdout is gone.
pub(crate) fn print(rows: &[Row]) -> anyhow::Result<()> {
    Ok(std::io::stdout().lock().write_all(render(rows).as_bytes())?)
}

/// Says on stderr what is going on.
pub(crate) fn say(text: &str) {
    // Nobody is left to tell where stderr is gone.
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn render(rows: &[Row]) -> String {
    let mut names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    // Ours first.
    names.sort_unstable_by_key(|name| (*name != OURS, *name));
    names.dedup();
    let mut compared = Vec::new();
    for (what, figure, words) in MEASURES {
        let ours = of(rows, OURS, Some(what), figure);
        for name in &names {
            let Some(found) = of(rows, name, Some(what), figure) else { continue };
            let ratio = ours.filter(|ours| ours.median > 0.0).map_or("-".to_owned(), |ours| format!("{:.1}", found.median / ours.median));
            compared.push([
                words.to_owned(),
                (*name).to_owned(),
                format!("{} ({} to {})", ms(found.median), ms(found.least), ms(found.most)),
                ms(found.p95),
                ratio,
            ]);
        }
    }
    let sum = |name: &str, figure: &str| -> f64 {
        rows.iter().filter(|row| row.name == name && row.what == What::Rust).filter_map(|row| row.figures.get(figure)).sum()
    };
    let failed: Vec<[String; 4]> = names
        .iter()
        .map(|name| {
            let saves = rows.iter().filter(|row| row.name == *name && row.what == What::Rust).count();
            [(*name).to_owned(), saves.to_string(), sum(name, "asked").to_string(), sum(name, "failed").to_string()]
        })
        .collect();
    let targets: Vec<[String; 4]> = TARGETS
        .iter()
        .filter_map(|(what, figure, words, value, limit)| {
            let found = pick(of(rows, OURS, *what, figure)?, *value);
            let verdict = if found <= *limit { "met" } else { "missed" };
            Some([(*words).to_owned(), ms(found), ms(*limit), verdict.to_owned()])
        })
        .collect();
    let mut out = table(["ms", "loop", "median (least to most)", "p95", "to ours"], &compared);
    out += &table(["loop", "Rust saves", "requests", "failed"], &failed);
    if !targets.is_empty() {
        out += &table(["ours", "measured", "target", ""], &targets);
    }
    out
}

fn of(rows: &[Row], name: &str, what: Option<What>, figure: &str) -> Option<Spread> {
    let rows = rows.iter().filter(|row| row.name == name && what.is_none_or(|what| row.what == what));
    spread(rows.filter_map(|row| row.figures.get(figure)))
}

fn pick(spread: Spread, value: Value) -> f64 {
    match value {
        Value::Median => spread.median,
        Value::P95 => spread.p95,
        Value::Most => spread.most,
    }
}

/// Milliseconds, or whatever else is counted, as precise as it matters.
fn ms(value: f64) -> String {
    if value.abs() < 10.0 && value.fract() != 0.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

/// A table in Markdown.
fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let lines = rows.iter().map(|row| format!("| {} |\n", row.join(" | ")));
    format!("| {} |\n|{}\n{}\n", head.join(" | "), "---|".repeat(N), lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Figures;

    fn row(name: &str, what: What, figures: &[(&'static str, f64)]) -> Row {
        let mut found = Figures::default();
        figures.iter().for_each(|(name, value)| found.put(name, *value));
        Row { name: name.to_owned(), what, round: 1, figures: found }
    }

    #[test]
    fn ours_stands_beside_the_others() {
        let rust = |name, total, failed| {
            row(name, What::Rust, &[("total_ms", total), ("rest_ms", total - 1000.0), ("asked", 100.0), ("failed", failed)])
        };
        let rows = [
            rust("rebuild", 9000.0, 7.0),
            rust("slipway", 1300.0, 0.0),
            rust("slipway", 1510.0, 0.0),
            row("slipway", What::Style, &[("total_ms", 120.25), ("detect_of_loop_ms", 21.0)]),
        ];
        insta::assert_snapshot!(render(&rows), @r"
        | ms | loop | median (least to most) | p95 | to ours |
        |---|---|---|---|---|
        | Rust save → new code answers | slipway | 1405 (1300 to 1510) | 1510 | 1.0 |
        | Rust save → new code answers | rebuild | 9000 (9000 to 9000) | 9000 | 6.4 |
        | … all but cargo | slipway | 405 (300 to 510) | 510 | 1.0 |
        | … all but cargo | rebuild | 8000 (8000 to 8000) | 8000 | 19.8 |
        | style save → painted | slipway | 120 (120 to 120) | 120 | 1.0 |

        | loop | Rust saves | requests | failed |
        |---|---|---|---|
        | slipway | 2 | 200 | 0 |
        | rebuild | 1 | 100 | 7 |

        | ours | measured | target |  |
        |---|---|---|---|
        | Rust save, all but cargo: median | 405 | 400 | missed |
        | failed requests in a swap: most | 0 | 0 | met |
        | first event → decision: p95 | 21 | 40 | met |
        | style save → painted: p95 | 120 | 100 | missed |
        ");
    }
}
