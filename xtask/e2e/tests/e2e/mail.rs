//! Mail does not leave the stack: what the worker hands in is caught, and tests can read it.

use crate::harness::mail::Mail;
use crate::harness::shared;

/// What a program says that hands in a mail.
const TALK: [&str; 6] = ["EHLO worker", "MAIL FROM:<slipway@example.org>", "RCPT TO:<lookout@example.org>", "DATA", "", "QUIT"];
/// The mail, up to its end.
const LETTER: &str =
    "From: Slipway <slipway@example.org>\r\nTo: Lookout <lookout@example.org>\r\nSubject: Ahoy\r\n\r\nLand <in> sight.\r\n.";

#[tokio::test]
async fn what_the_worker_sends_is_caught() {
    let (stack, _turn) = shared().await;
    let talk = TALK.map(|line| if line.is_empty() { LETTER } else { line }).join("\r\n");
    // Line after line, as the other side is ready: whoever talks before it has said hello is turned away.
    let script =
        "exec 3<>/dev/tcp/mail/1025; read -r line <&3; printf '%s\\r\\n' \"$1\" >&3; while read -r line <&3; do echo \"$line\"; done";
    let outcome = stack.beside("worker", script, &[&talk]).good();
    assert!(outcome.stdout.contains("221"), "{outcome:?}");
    let mail = stack.mail_to("lookout@example.org").await;
    let expected = Mail {
        from: "slipway@example.org".to_owned(),
        to: vec!["lookout@example.org".to_owned()],
        subject: "Ahoy".to_owned(),
        text: "Land <in> sight.\r\n".to_owned(),
    };
    assert_eq!(Mail { text: mail.text.replace("\r\n", "\n").replace('\n', "\r\n"), ..mail }, expected);
    assert_eq!(stack.mails_to("nobody@example.org").await.unwrap(), []);
}
