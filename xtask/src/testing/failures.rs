//! What failed tests had to say, taken from the output of test programs to be said again at the end.

/// The most lines of one test: reports of whole stacks are long, and complete further up.
const LINES: usize = 40;

/// The sections of failed tests in the output of `cargo test`, each with its heading.
pub(crate) fn of(lines: &[String]) -> Vec<String> {
    let mut sections: Vec<Vec<&str>> = Vec::new();
    // The word stands alone above the sections, and once more above the bare list of names.
    let mut among = false;
    for line in lines {
        match line.as_str() {
            "failures:" => among = !among,
            heading if among && heading.starts_with("---- ") && heading.ends_with(" stdout ----") => sections.push(vec![heading]),
            line if among && let Some(section) = sections.last_mut() => section.push(line),
            _ => {}
        }
    }
    sections.iter().map(|section| shortened(section)).collect()
}

fn shortened(section: &[&str]) -> String {
    let end = section.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1);
    let shown = section[..end.min(LINES)].join("\n");
    let more = end.saturating_sub(LINES);
    if more == 0 { shown } else { format!("{shown}\n({more} more lines above, where it ran)") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    const OUTPUT: &str = "\
running 3 tests
.F.
failures:

---- start::from_nothing stdout ----
thread 'start::from_nothing' panicked at start.rs:80:5:
took 31 s

---- start::other stdout ----
Error: \"refused\"


failures:
    start::from_nothing
    start::other

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
running 1 test
test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    #[test]
    fn each_failed_test_is_said_with_its_message() {
        assert_eq!(
            of(&lines(OUTPUT)),
            [
                "---- start::from_nothing stdout ----\nthread 'start::from_nothing' panicked at start.rs:80:5:\ntook 31 s",
                "---- start::other stdout ----\nError: \"refused\"",
            ]
        );
    }

    #[test]
    fn what_passed_says_nothing() {
        let passed = "successes:\n\n---- one stdout ----\nfigures\n\nsuccesses:\n    one\n\ntest result: ok. 1 passed; 0 failed;";
        assert_eq!(of(&lines(passed)), Vec::<String>::new());
    }

    #[test]
    fn a_long_report_is_cut_and_says_so() {
        let report: String = (0..100).map(|number| format!("line {number}\n")).collect();
        let said = of(&lines(&format!("failures:\n\n---- long stdout ----\n{report}\nfailures:\n    long\n")));
        assert_eq!(said.len(), 1);
        assert!(said[0].ends_with("line 38\n(61 more lines above, where it ran)"), "{}", said[0]);
    }
}
