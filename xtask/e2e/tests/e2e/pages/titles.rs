//! Titles of every kind: what they say is shown as it is, whoever renders it.

use serde_json::json;

use super::board::{List, unique};
use crate::harness::browser::{Browser, Scripts};
use crate::harness::shared;

#[tokio::test]
async fn markup_in_a_title_is_text() {
    let (stack, _turn) = shared().await;
    let (writer, reader) = (stack.browser(Scripts::On).await, stack.browser(Scripts::On).await);
    writer.open_board().await;
    reader.open_board().await;
    for markup in [
        "<img src=x onerror=alert(1)>",
        "</script><script>alert(1)</script>",
        "\"><svg onload=alert(1)>",
        "' autofocus onfocus='alert(1)",
        "</template></li>{{ 7 * 7 }}",
        "&lt;b&gt; &amp;amp;",
    ] {
        let title = unique(markup);
        writer.add(&title).await;
        // Rendered by the script that gets the answer, by the script that gets the update, and by the server.
        shows(&writer, &title).await;
        shows(&reader, &title).await;
        reader.open_board().await;
        shows(&reader, &title).await;
    }
    for browser in [&writer, &reader] {
        assert_eq!(browser.console().await, [""; 0]);
    }
}

#[tokio::test]
async fn titles_of_all_scripts_and_lengths_are_shown_whole() {
    let (stack, _turn) = shared().await;
    let browser = stack.browser(Scripts::On).await;
    browser.open_board().await;
    let stem = unique("");
    let filler = |letter: &str| format!("{}{stem}", letter.repeat(200 - stem.chars().count()));
    for title in [
        // The most characters that a title has, not bytes: once without a place to break, once with four bytes each.
        filler("m"),
        filler("🚢"),
        unique("صيانة المحرك قبل الرحلة"),
        unique("בדיקת המפרש"),
        unique("船を塗る"),
        unique("Ça coûte 5 € – naïve Übung"),
        unique("👩‍🔧 fixes the ⚓️"),
    ] {
        browser.add(&title).await;
        shows(&browser, &title).await;
        browser.client().refresh().await.expect("the page loads again");
        shows(&browser, &title).await;
        let fits = "return document.documentElement.scrollWidth <= innerWidth";
        assert_eq!(browser.script(fits).await, true, "`{title}` makes the page wider than the window");
        // The next one is not made harder to find by two hundred letters.
        browser.complete(&title).await;
        browser.gone(List::Open, &title).await;
    }
}

#[tokio::test]
async fn a_refused_title_is_said_next_to_the_field_and_kept() {
    let (stack, _turn) = shared().await;
    let browser = stack.browser(Scripts::On).await;
    browser.open_board().await;
    browser.mark().await;
    let long = "🚢".repeat(201);
    for (title, reason) in [("", "must not be empty"), (" \u{3000} ", "must not be empty"), (&*long, "must have at most 200 characters")] {
        browser.add(title).await;
        browser.see("#title-error", reason).await;
        assert_eq!(browser.script("return document.getElementById('title').value").await, title);
        browser.until("the focus is in the field", "return document.activeElement.id === 'title'").await;
        // The reason belongs to the field for those who do not see it below, and goes away with the next key.
        assert_eq!(browser.script("return document.getElementById('title').getAttribute('aria-invalid')").await, "true");
        assert_eq!(browser.script("return document.getElementById('title').getAttribute('aria-describedby')").await, "title-error");
        browser.press(['x']).await;
        browser.until("the reason is gone", "return document.getElementById('title-error').textContent === ''").await;
    }
    browser.still_marked().await;
}

/// The task is open, its title and the name of its button are exactly `title`, and the board has nothing in it that a title could have brought.
async fn shows(browser: &Browser, title: &str) {
    let task = browser.task(List::Open, title).await;
    let label = browser.script(&format!("return document.querySelector('{task} button').getAttribute('aria-label')")).await;
    assert_eq!(label, json!(format!("Complete: {title}")));
    let strange = "return document.querySelectorAll('#board :is(img, script, b, template, [onload], [onfocus], [autofocus])').length";
    assert_eq!(browser.script(strange).await, 0);
}
