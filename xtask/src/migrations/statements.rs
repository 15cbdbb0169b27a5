//! What the statements of migrations do to a database that serves, as the program `migration-lint` says.

use serde::Deserialize;

use super::{File, Finding, Kind};
use crate::process::Invocation;
use crate::report::Failure;

/// What the program says of one statement; its kinds are some of [`Kind`].
#[derive(Deserialize)]
struct Offence {
    line: usize,
    kind: Kind,
    text: String,
    table: Option<String>,
}

/// Asks `program` about the up files among `files`.
///
/// # Errors
/// When the program cannot be compiled or run.
pub(crate) fn check<'a>(program: &Invocation, files: impl Iterator<Item = &'a File>) -> anyhow::Result<Vec<Finding>> {
    let files: Vec<&File> = files.filter(|file| file.is_up()).collect();
    let texts: Vec<&str> = files.iter().map(|file| file.text.as_str()).collect();
    let output = program.attend_with(serde_json::to_string(&texts)?)?;
    if output.code != 0 {
        return Err(program.failed(&output).into());
    }
    let judged: Vec<Vec<Offence>> = serde_json::from_str(&output.stdout)
        .map_err(|error| Failure::new(format!("`{}` says what is not known here: {error}", program.short())))?;
    let findings = files.iter().zip(judged).flat_map(|(file, offences)| {
        let finding = |Offence { line, kind, text, table }| Finding { line: Some(line), table, ..Finding::of(&file.name, kind, text) };
        offences.into_iter().map(finding)
    });
    Ok(findings.collect())
}
