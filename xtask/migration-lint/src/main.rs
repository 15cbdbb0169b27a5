//! Reads files of migrations from stdin and says what their statements do to a database that serves.
//!
//! Stdin is a JSON array of texts, stdout an array of the same length: for each text its [`offence::Offence`]s.

mod offence;
mod own;
mod script;
mod squawk;
mod targets;

fn main() -> anyhow::Result<()> {
    let files: Vec<String> = serde_json::from_reader(std::io::stdin().lock())?;
    let judged: Vec<_> = files.iter().map(|text| script::check(text)).collect();
    serde_json::to_writer(std::io::stdout().lock(), &judged)?;
    Ok(())
}

#[cfg(test)]
mod tests;
