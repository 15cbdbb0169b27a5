//! Command lines that bring a message out of here.

use std::time::Duration;

use super::engine::aside;
use crate::process::Invocation;

/// Runs curl of `image` in the network of this machine, so that it reaches whatever this machine reaches; it reads on its stdin what to do.
pub(crate) fn post(image: &str) -> Invocation {
    aside().args(["--interactive", "--network", "host", "--entrypoint", "curl", image, "--config", "-"])
}

/// What curl is told: to post `body`, which is JSON on one line, to `address`, once, within `time`, and to print the status of the answer. Neither
/// of them stands in a command line, which others can see.
pub(crate) fn request(address: &str, body: &str, time: Duration) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let lines = [
        format!("url = {}", quoted(address)),
        "header = \"content-type: application/json\"".to_owned(),
        format!("data-raw = {}", quoted(body)),
        "fail\nsilent\nshow-error".to_owned(),
        // An answer that sends it elsewhere is no failure for curl.
        "output = \"/dev/null\"\nwrite-out = \"%{http_code}\"".to_owned(),
        format!("max-time = {}", time.as_secs_f64()),
    ];
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_and_what_is_read() {
        insta::assert_snapshot!(post("slipway/proxy:main").to_string(), @"docker run --rm --log-driver none --user 0 --label com.docker.compose.project= --interactive --network host --entrypoint curl slipway/proxy:main --config -");
        insta::assert_snapshot!(request("https://hooks.example.com/a", r#"{"text":"a \"b\" \\ c"}"#, Duration::from_millis(2500)), @r#"
        url = "https://hooks.example.com/a"
        header = "content-type: application/json"
        data-raw = "{\"text\":\"a \\\"b\\\" \\\\ c\"}"
        fail
        silent
        show-error
        output = "/dev/null"
        write-out = "%{http_code}"
        max-time = 2.5
        "#);
    }
}
