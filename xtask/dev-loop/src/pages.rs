//! Saves of a style and of a template, until the browser has painted them.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use reqwest::Client;
use serde_json::Value;
use tokio::time::Instant;

use crate::browser::Browser;
use crate::edit::{HANDLER, Place, STYLE, TEMPLATE};
use crate::journal::Journal;
use crate::lines;
use crate::now;
use crate::plan::{Kind, Loop};
use crate::rust::logged;
use crate::stats::Figures;

/// A page that anybody may see.
const PATH: &str = "/sign-in";
/// How long the page is left alone before the save, until its scripts have done what they do at the beginning.
const REST: Duration = Duration::from_millis(1500);
/// How often the server is asked whether it has the new page.
const ASK: Duration = Duration::from_millis(5);
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long a loop may take to say that it is done.
const LATE: Duration = Duration::from_secs(30);

/// A page in the browser of a stack.
pub(crate) struct Page<'a> {
    pub(crate) plan: &'a Loop,
    pub(crate) journal: &'a Journal,
    pub(crate) browser: &'a Browser,
}

impl Page<'_> {
    /// A save of a style sheet.
    pub(crate) async fn style(&self, number: u32) -> anyhow::Result<Figures> {
        self.edited(STYLE, number, &format!("|{number}px|")).await
    }

    /// A save of a template.
    pub(crate) async fn template(&self, number: u32) -> anyhow::Result<Figures> {
        self.edited(TEMPLATE, number, &format!("Welcome back {number}|")).await
    }

    /// A save of a type error, until the page shows it, and its mending, until nothing of it is left.
    pub(crate) async fn mistake(&self) -> anyhow::Result<Figures> {
        self.opened().await?;
        let mistake = HANDLER.spoil(&self.plan.root)?;
        let shown = self.browser.painted(mistake.saved, |seen| seen.ends_with("|mismatched types")).await?;
        let said = logged(&self.plan.container("builder"), mistake.saved).await?;
        let emitted = lines::said(&said, "mismatched types").context("the builder does not say what is wrong")?;
        let mended = mistake.mend()?;
        let gone = self.browser.painted(mended, |seen| seen.ends_with('|')).await?;
        let mut figures = Figures::default();
        figures.put("shown_ms", shown - emitted);
        figures.put("total_ms", shown - mistake.saved);
        figures.put("gone_ms", gone - mended);
        Ok(figures)
    }

    /// The page, at rest.
    async fn opened(&self) -> anyhow::Result<()> {
        let opened = now();
        self.browser.open(PATH).await?;
        self.browser.painted(opened, |seen| !seen.starts_with('|')).await?;
        tokio::time::sleep(REST).await;
        if self.plan.kind == Kind::Slipway {
            self.followed().await?;
        }
        Ok(())
    }

    /// `mark` is what the page shows with the edit.
    async fn edited(&self, place: Place, number: u32, mark: &str) -> anyhow::Result<Figures> {
        self.opened().await?;
        let saved = place.put(&self.plan.root, number)?;
        let mut figures = Figures::default();
        if self.plan.kind != Kind::Slipway {
            let served = tokio::select! {
                served = self.served(mark.trim_end_matches('|')) => served?,
                trouble = self.journal.trouble(saved) => return Err(trouble),
            };
            figures.put("served_ms", served - saved);
            self.browser.reload().await?;
        }
        let painted = self.browser.painted(saved, |seen| seen.contains(mark)).await?;
        figures.put("total_ms", painted - saved);
        if self.plan.kind == Kind::Slipway {
            let done = |line: &str| lines::change(&[(saved, line.to_owned())], place.file).is_some();
            self.journal.until(saved, LATE, done).await?;
            let change = lines::change(&self.journal.since(saved), place.file).context("the hub tells of no change")?;
            figures.put("detect_of_loop_ms", change.detect_ms);
            figures.put_if("detect_ms", lines::moment(&change.at).map(|at| at - saved));
        } else {
            figures.put_if("detect_ms", lines::compose_decided(&self.journal.since(saved)).map(|at| at - saved));
        }
        self.browser.leave().await?;
        Ok(figures)
    }

    /// Waits until somebody besides this program follows the events of the hub: the page.
    async fn followed(&self) -> anyhow::Result<()> {
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
        let (url, begin) = (format!("{}/_dev/health", self.plan.url), Instant::now());
        while client.get(&url).send().await?.json::<Value>().await?["browsers"].as_u64().is_none_or(|browsers| browsers < 2) {
            ensure!(begin.elapsed() < LATE, "the page does not follow the events of the hub within {} s", LATE.as_secs());
            tokio::time::sleep(ASK).await;
        }
        Ok(())
    }

    /// The moment at which the server had a page with `text`.
    async fn served(&self, text: &str) -> anyhow::Result<f64> {
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
        let (url, begin) = (format!("{}{PATH}", self.plan.url), Instant::now());
        loop {
            let page = async { client.get(&url).send().await?.error_for_status()?.text().await };
            // While a container is replaced, nothing answers.
            if page.await.is_ok_and(|page| page.contains(text)) {
                return Ok(now());
            }
            if begin.elapsed() > PATIENCE {
                bail!("the server does not have the new page within {} s", PATIENCE.as_secs());
            }
            tokio::time::sleep(ASK).await;
        }
    }
}
