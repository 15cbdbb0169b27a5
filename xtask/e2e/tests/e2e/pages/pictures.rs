//! The pictures of the documentation: every page by day, by night and on a phone. `cargo xtask test e2e --pictures` renews those in `docs/images`.

use std::path::Path;

use super::looks::dark;
use super::scene::RIGGING;
use crate::harness::browser::{Browser, Scripts};
use crate::harness::{Stack, alone};

/// A window: what the names of its pictures end with, its size, and whether it is night.
const WINDOWS: [(&str, (u32, u32), bool); 3] = [("", (1280, 940), false), ("-dark", (1280, 940), true), ("-phone", (390, 844), false)];
/// Pages that only have to be opened.
const PAGES: [(&str, &str, &str); 7] = [
    ("task", "/tasks/01935000-0000-7000-8000-000000000005", "#files .file"),
    ("account", "/account", "#new_password"),
    ("exports", "/exports", "#exports .export"),
    ("admin", "/admin/", "main table"),
    ("admin-people", "/admin/users", "main table"),
    ("admin-jobs", "/admin/jobs", "main table"),
    ("not-found", "/no/such/page", ".failure"),
];
/// What is different each time it is looked at is the same in pictures: durations, other tests' accounts, the release.
const SETTLE: &str = "
    for (const cell of document.querySelectorAll('td.number')) cell.textContent = '2 ms';
    for (const row of document.querySelectorAll('tbody tr')) if (/@example\\.org/.test(row.textContent)) row.remove();
    const figures = { '/admin/users': '4', '/admin/jobs': '0 waiting, 0 running, 1 failed' };
    for (const [path, text] of Object.entries(figures)) for (const link of document.querySelectorAll(`td a[href='${path}']`)) link.textContent = text;
    for (const code of document.querySelectorAll('main td > code, .bottom p > span:nth-child(3)')) code.textContent = '0123456789ab';
    document.activeElement?.blur();
    scrollTo(0, 0);";

#[tokio::test]
async fn pictures_are_taken_of_every_page() {
    let (stack, _turn) = alone().await;
    let amara = stack.scene().await;
    for window in WINDOWS {
        let browser = opened(stack.browser_of(&amara, Scripts::On).await, window).await;
        browser.open_board().await;
        assert_eq!(browser.number("[data-count=open]").await, 4);
        take(&stack, "board", &browser, window).await;
        browser.open("/?q=teak").await;
        browser.see(".found", "No tasks found").await;
        browser.until_live().await;
        take(&stack, "board-nothing-found", &browser, window).await;
        for (name, path, part) in PAGES {
            browser.open(path).await;
            browser.element(part).await;
            if browser.script("return document.getElementById('live') !== null").await == true {
                browser.until_live().await;
            }
            take(&stack, name, &browser, window).await;
        }
    }
}

#[tokio::test]
async fn pictures_are_taken_of_what_goes_wrong() {
    let (stack, _turn) = alone().await;
    for window in WINDOWS {
        let amara = stack.scene().await;
        let browser = opened(stack.browser_of(&amara, Scripts::On).await, window).await;
        browser.open_task(RIGGING).await;
        stack.meddle(&amara, RIGGING).await;
        browser.fill("#title", "Check the rigging and the winches").await;
        browser.click("#edit .primary").await;
        browser.see("#summary", "Somebody else changed this task").await;
        browser.until_live().await;
        take(&stack, "conflict", &browser, window).await;
        stack.sql("TRUNCATE tasks, jobs, attachments; UPDATE board_stats SET open = 0, done = 0, created = 0, last_activity_at = NULL");
        browser.open_board().await;
        take(&stack, "board-empty", &browser, window).await;

        let stranger = opened(stack.strange_browser(Scripts::On).await, window).await;
        stranger.open("/sign-in").await;
        take(&stack, "sign-in", &stranger, window).await;
        stranger.open("/sign-up").await;
        stranger.fill("#name", "Jonas").await;
        stranger.fill("#email", "jonas at slipway").await;
        stranger.fill("#password", "ahoy").await;
        stranger.click("main .primary").await;
        stranger.see("#email-error", "").await;
        take(&stack, "sign-up", &stranger, window).await;
    }
}

async fn opened(browser: Browser, (_, (width, height), night): (&str, (u32, u32), bool)) -> Browser {
    browser.resize(width, height).await;
    if night {
        dark(&browser).await;
    }
    browser
}

/// Takes a picture, checks that something is on it, and writes it to `target/screenshots`, and to the directory `TEST_PICTURES` where that is set.
async fn take(stack: &Stack, name: &str, browser: &Browser, (ending, size, _): (&str, (u32, u32), bool)) {
    let name = format!("{name}{ending}.png");
    browser.script(SETTLE).await;
    assert_eq!(browser.script("return document.documentElement.scrollWidth <= innerWidth").await, true, "{name} is wider than its window");
    let picture = browser.picture().await.expect("a picture");
    assert!(picture.starts_with(b"\x89PNG\r\n\x1a\n"), "{name} is no PNG");
    let number = |at: usize| u32::from_be_bytes(picture[at..at + 4].try_into().expect("four bytes"));
    assert_eq!((number(16), number(20)), size, "{name}");
    // A picture of one colour has some hundred bytes; those of the documentation are loaded by everybody who looks at it.
    assert!((8_000..100_000).contains(&picture.len()), "{name} has {} bytes", picture.len());
    for directory in ["target/screenshots".to_owned()].into_iter().chain(std::env::var("TEST_PICTURES").ok()) {
        let directory = Path::new(&stack.root).join(directory);
        std::fs::create_dir_all(&directory).expect("the directory can be made");
        std::fs::write(directory.join(&name), &picture).expect("the picture can be written");
    }
}
