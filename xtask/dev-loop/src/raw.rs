//! Every single measurement, as one JSON object in a line.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

use crate::stats::Figures;

/// What was edited.
#[derive(Clone, Copy, Debug, Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    /// A handler of the backend.
    Rust,
    /// A style sheet.
    Style,
    /// A template.
    Template,
    /// A handler, so that it does not compile.
    Mistake,
}

/// One measurement.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub(crate) struct Row {
    /// The loop.
    #[serde(rename = "loop")]
    pub(crate) name: String,
    /// What was edited.
    pub(crate) what: What,
    /// From 1.
    pub(crate) round: u32,
    /// What was measured.
    #[serde(flatten)]
    pub(crate) figures: Figures,
}

/// Where they go.
#[derive(Debug)]
pub(crate) struct Raw(Option<File>);

impl Raw {
    /// Into `file`, or nowhere.
    pub(crate) fn open(file: Option<&Path>) -> anyhow::Result<Self> {
        let open = |file: &Path| File::create(file).with_context(|| format!("cannot write {}", file.display()));
        Ok(Self(file.map(open).transpose()?))
    }

    /// Adds one; what was measured before is there also if the next one fails.
    pub(crate) fn write(&mut self, row: &Row) -> anyhow::Result<()> {
        let Some(file) = &mut self.0 else { return Ok(()) };
        let mut line = serde_json::to_vec(row)?;
        line.push(b'\n');
        file.write_all(&line).context("a measurement cannot be written")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_line_of_json() {
        let mut figures = Figures::default();
        figures.put("total_ms", 12.345_67);
        let row = Row { name: "slipway".to_owned(), what: What::Rust, round: 3, figures };
        assert_eq!(serde_json::to_string(&row).unwrap(), r#"{"loop":"slipway","what":"rust","round":3,"total_ms":12.35}"#);
    }
}
