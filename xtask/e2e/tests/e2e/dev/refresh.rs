//! Saves as whoever has a page of the site open sees them: new styles in place, new pages and new programs with what was typed kept.

use serde_json::json;

use super::windows::connections;
use super::{VERSION, eventually, name};
use crate::harness::browser::{Browser, PATIENCE, Scripts};
use crate::harness::workshop::Workshop;

const STYLE: &str = "frontend/static/app.css";
const SCRIPT: &str = "frontend/static/app.js";
const BOARD: &str = "frontend/templates/board.html";
const ACCOUNT: &str = "frontend/templates/account.html";
const TYPED: &str = "Splice the mainbrace";
/// So far is the page scrolled.
const SCROLL: u32 = 240;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn saves_are_seen_and_what_was_typed_stays() {
    let mut workshop = Workshop::open().await;
    workshop.stack.query("TRUNCATE tasks, jobs, attachments, exports");
    for number in 0..12 {
        workshop.stack.create_task(&format!("Caulk seam {number}")).await.with(201);
    }
    let browser = workshop.stack.browser(Scripts::On).await;
    browser.resize(1280, 600).await;
    browser.open("/").await;
    begin(&workshop, &browser).await;

    // Twice, because a page whose style was replaced has another address of it.
    for spacing in ["1px", "2px"] {
        workshop.save(STYLE, &format!("{}\nh1 {{ letter-spacing: {spacing}; }}\n", workshop.text(STYLE)));
        let seen = format!("return getComputedStyle(document.querySelector('h1')).letterSpacing === '{spacing}'");
        browser.until("the new style is seen", &seen).await;
        same(&browser, true).await;
        browser.until("the old style is gone", "return document.querySelectorAll('link[rel=stylesheet]').length === 1").await;
    }

    workshop.edit(BOARD, "<h1>On the slip</h1>", "<h1>On the ship</h1>");
    browser.until("the new template is seen", "return document.querySelector('h1').textContent === 'On the ship'").await;
    same(&browser, false).await;
    assert_eq!(browser.script("return getComputedStyle(document.querySelector('h1')).letterSpacing").await, "2px");

    begin(&workshop, &browser).await;
    workshop.save(SCRIPT, &format!("{}\ndocument.documentElement.dataset.script = 'new';\n", workshop.text(SCRIPT)));
    browser.until("the new script runs", "return document.documentElement.dataset.script === 'new'").await;
    same(&browser, false).await;

    // Nobody tells the page of this: it learns of it because the programs that it heard from are others.
    begin(&workshop, &browser).await;
    workshop.stack.query("UPDATE tasks SET title = 'Pay the seam with pitch' WHERE title = 'Caulk seam 0'");
    assert!(browser.texts("#open-tasks .task-title").await.unwrap().contains(&"Caulk seam 0".to_owned()));
    super::rename(&workshop, "refitted");
    workshop.see("version.rs → built");
    assert_eq!(name(&workshop.stack).await, "refitted", "{VERSION}");
    browser.see("#open-tasks .task-title", "Pay the seam with pitch").await;
    same(&browser, false).await;
    browser.see("#live[data-state=live]", "Live").await;
    assert_eq!(browser.console().await, [""; 0]);

    read_twice(&browser).await;

    // A secret is nowhere but in the page that it was typed into.
    browser.open("/account").await;
    connections(&workshop.stack, 1).await;
    browser.fill("#name", "Amara of the Kittiwake").await;
    browser.fill("#current_password", "correct horse battery staple").await;
    workshop.edit(ACCOUNT, "<h2>You</h2>", "<h2>Who you are</h2>");
    browser.see("h2", "Who you are").await;
    browser.until("the name is kept", "return document.getElementById('name').value === 'Amara of the Kittiwake'").await;
    assert_eq!(browser.script("return document.getElementById('current_password').value + JSON.stringify(sessionStorage)").await, "{}");
}

/// Types, scrolls, and leaves a mark that is gone as soon as the page is read again.
async fn begin(workshop: &Workshop, browser: &Browser) {
    browser.see("#live[data-state=live]", "Live").await;
    connections(&workshop.stack, 1).await;
    browser.fill("#title", TYPED).await;
    browser.script(&format!("window.marked = true; document.getElementById('title').setSelectionRange(3, 8); scrollTo(0, {SCROLL})")).await;
    assert_eq!(browser.script("return scrollY").await, SCROLL);
}

/// Waits until the page has what was typed, selected and scrolled; it was read anew unless it is the `marked` one.
async fn same(browser: &Browser, marked: bool) {
    let script = "const title = document.getElementById('title');
        return [title.value, title.selectionStart, title.selectionEnd, document.activeElement.id, scrollY]";
    let wanted = json!([TYPED, 3, 8, "title", SCROLL]);
    eventually("the page is as it was", PATIENCE, || async {
        let now = browser.client().execute(script, Vec::new()).await?;
        anyhow::ensure!(now == wanted, "it is {now} instead of {wanted}");
        Ok(())
    })
    .await;
    assert_eq!(browser.script("return window.marked === true").await, marked);
}

/// Reads the page again before it had back what was typed into it, as two saves in a row do.
async fn read_twice(browser: &Browser) {
    browser.fill("#title", TYPED).await;
    let script = "Object.defineProperty(document, 'readyState', { value: 'interactive', configurable: true });
        return import('/_dev/keep.js').then(({ keep, restore }) => {
          keep();
          restore();
          document.getElementById('title').value = '';
          keep();
          return true;
        })";
    assert_eq!(browser.script(script).await, true);
    browser.open("/").await;
    let typed = format!("return document.getElementById('title').value === {}", json!(TYPED));
    browser.until("what was typed is there", &typed).await;
}
