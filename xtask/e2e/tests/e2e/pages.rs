//! The pages in a real browser, through the real proxy.

use crate::harness::browser::Scripts;
use crate::harness::shared;

#[tokio::test]
async fn a_new_task_appears_in_a_second_browser_without_a_reload() {
    let (stack, _turn) = shared().await;
    let (writer, reader) = (stack.browser(Scripts::On).await, stack.browser(Scripts::On).await);
    reader.open("/").await;
    writer.open("/").await;
    writer.fill("input[name=title]", "Paint the hull").await;
    writer.click("form button[type=submit]").await;
    writer.see("li", "Paint the hull").await;
    reader.see("li", "Paint the hull").await;
    assert_eq!(reader.console().await, [""; 0]);
    writer.close().await;
    reader.close().await;
}
