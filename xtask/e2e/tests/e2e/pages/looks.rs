//! How the board looks: on phones, in the dark, and in the pictures of the documentation.

use std::path::Path;

use serde_json::json;

use super::board::{List, unique};
use crate::harness::browser::{Browser, Scripts};
use crate::harness::{Stack, alone, shared};

/// A board in the middle of a week, instead of what other tests left.
const WEEK: &str = "
    TRUNCATE tasks, jobs;
    INSERT INTO tasks (id, title, created_at, completed_at)
    SELECT ('01935000-0000-7000-8000-' || lpad(number::text, 12, '0'))::uuid, title, created::timestamptz, completed::timestamptz
    FROM (VALUES
        (1, 'Sand the hull below the waterline', '2026-11-16 08:10Z', '2026-11-18 15:40Z'),
        (2, 'Varnish the tiller',                '2026-11-17 13:30Z', '2026-11-20 16:20Z'),
        (3, 'Order two tins of red antifouling', '2026-11-19 08:45Z', NULL),
        (4, 'Ask Amara to check the rigging',    '2026-11-20 09:15Z', NULL),
        (5, 'Book the crane for Saturday',       '2026-11-20 17:05Z', NULL)
    ) AS week (number, title, created, completed);
    UPDATE board_stats SET open = 3, done = 2, created = 5, last_activity_at = '2026-11-20 17:05Z', updated_at = '2026-11-20 17:05Z';
";

#[tokio::test]
async fn narrow_windows_need_no_sideways_scrolling() {
    let (stack, _turn) = shared().await;
    let browser = stack.browser(Scripts::On).await;
    browser.open_board().await;
    let long = unique(
        "Ask whether the Kittiwake's Fastnetrennenvorbereitungsbesprechungsprotokoll https://example.com/a/very/long/address/without/a/place/to/break has arrived",
    );
    browser.add(&long).await;
    let task = browser.task(List::Open, &long).await;
    for width in [320, 390] {
        browser.resize(width, 844).await;
        browser.until("the screen is narrow", &format!("return screen.width === {width}")).await;
        assert_eq!(browser.script("return document.documentElement.scrollWidth").await, width);
        // Fingers need room, and nothing is cut off at the side.
        for control in ["#title", ".primary", &format!("{task} button")] {
            let place = browser.script(&format!("return document.querySelector('{control}').getBoundingClientRect().toJSON()")).await;
            assert!(
                place["height"].as_f64() >= Some(43.9) && place["width"].as_f64() >= Some(43.9),
                "{control} is small at {width}: {place}"
            );
            assert!(
                place["left"].as_f64() >= Some(0.0) && place["right"].as_f64() <= Some(f64::from(width)),
                "{control} is cut off at {width}: {place}"
            );
        }
    }
}

#[tokio::test]
async fn the_board_is_dark_for_those_who_want_it_dark() {
    let (stack, _turn) = shared().await;
    let browser = stack.browser(Scripts::On).await;
    browser.open_board().await;
    assert!(lightness(&browser, "backgroundColor").await > lightness(&browser, "color").await);
    dark(&browser).await;
    assert!(lightness(&browser, "backgroundColor").await < 64);
    assert!(lightness(&browser, "color").await > 192);
}

#[tokio::test]
async fn pictures_are_taken_of_a_board_in_use() {
    let (stack, _turn) = alone().await;
    stack
        .xtask(&["shell", "db", "--", "psql", "--username=slipway", "--dbname=slipway", "--set=ON_ERROR_STOP=1", "--command", WEEK])
        .good();
    let browser = stack.browser(Scripts::On).await;
    browser.resize(1280, 940).await;
    browser.open_board().await;
    assert_eq!(browser.number("[data-count=open]").await, 3);
    save(&stack, "board.png", &browser, (1280, 940)).await;
    dark(&browser).await;
    // Colours change gradually in a page that is open; in one that is opened dark they are there at once.
    browser.open_board().await;
    save(&stack, "board-dark.png", &browser, (1280, 940)).await;
    let browser = stack.browser(Scripts::On).await;
    browser.resize(390, 844).await;
    browser.open_board().await;
    save(&stack, "board-phone.png", &browser, (390, 844)).await;
}

/// Makes the browser one of somebody who wants it dark.
pub(super) async fn dark(browser: &Browser) {
    let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
    browser.devtools("Emulation.setEmulatedMedia", features).await;
    browser.until("the page is dark", "return matchMedia('(prefers-color-scheme: dark)').matches").await;
}

/// How light a colour of the page is, from 0 to 255.
async fn lightness(browser: &Browser, property: &str) -> u64 {
    let mean = format!(
        "return Math.round(getComputedStyle(document.body).{property}.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3)"
    );
    browser.script(&mean).await.as_u64().expect("a number")
}

/// Takes a picture, checks that something is on it, and writes it to `target/screenshots`, and to the directory `TEST_PICTURES` where that is
/// set: `cargo xtask test e2e --pictures` renews those of the documentation.
async fn save(stack: &Stack, name: &str, browser: &Browser, size: (u32, u32)) {
    let picture = browser.picture().await.expect("a picture");
    assert!(picture.starts_with(b"\x89PNG\r\n\x1a\n"), "{name} is no PNG");
    let number = |at: usize| u32::from_be_bytes(picture[at..at + 4].try_into().expect("four bytes"));
    assert_eq!((number(16), number(20)), size, "{name}");
    // A picture of one colour has some hundred bytes; those of the documentation are loaded by everybody who looks at the README.
    assert!((8_000..150_000).contains(&picture.len()), "{name} has {} bytes", picture.len());
    for directory in ["target/screenshots".to_owned()].into_iter().chain(std::env::var("TEST_PICTURES").ok()) {
        let directory = Path::new(&stack.root).join(directory);
        std::fs::create_dir_all(&directory).expect("the directory can be made");
        std::fs::write(directory.join(name), &picture).expect("the picture can be written");
    }
}
