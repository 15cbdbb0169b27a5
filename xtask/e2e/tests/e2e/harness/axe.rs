//! Barriers in pages, as axe-core finds them: the script comes from the service `checks` and runs in the page that a browser shows.

use std::fmt::{self, Display};

use serde_json::Value;
use tokio::sync::OnceCell;

use super::browser::Browser;
use super::client::{client, read};

/// What is looked for: WCAG 2.0 to 2.2, levels A and AA, and what is good practice beside them.
const RUN: &str = "return axe.run(document, {
    runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'] },
    resultTypes: ['violations'],
}).then(({ violations }) => violations)";

/// A rule that a page breaks.
#[derive(Clone, Debug)]
pub(crate) struct Barrier {
    /// The rule, for example `color-contrast`.
    pub(crate) id: String,
    /// `minor`, `moderate`, `serious` or `critical`.
    pub(crate) impact: String,
    /// The rule in words.
    pub(crate) help: String,
    /// The elements that break it: their selector and their HTML.
    pub(crate) nodes: Vec<(String, String)>,
}

impl Barrier {
    fn from(violation: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let nodes = violation["nodes"].as_array().into_iter().flatten();
        Self {
            id: text(&violation["id"]),
            impact: text(&violation["impact"]),
            help: text(&violation["help"]),
            nodes: nodes.map(|node| (node["target"].to_string(), text(&node["html"]))).collect(),
        }
    }

    /// Whether it is more than a nuisance.
    pub(crate) fn keeps_people_out(&self) -> bool {
        matches!(self.impact.as_str(), "serious" | "critical")
    }
}

impl Display for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.id, self.impact, self.help)?;
        self.nodes.iter().try_for_each(|(target, html)| write!(f, "\n    {target} {html}"))
    }
}

impl Browser {
    /// Every rule that the page breaks as it is now.
    pub(crate) async fn barriers(&self) -> Vec<Barrier> {
        if self.script("return typeof axe").await == "undefined" {
            self.script(self.axe().await).await;
        }
        let violations = self.script(RUN).await;
        violations.as_array().unwrap_or_else(|| panic!("axe-core found {violations}")).iter().map(Barrier::from).collect()
    }

    /// The script, which is fetched once.
    async fn axe(&self) -> &'static str {
        static SCRIPT: OnceCell<String> = OnceCell::const_new();
        let fetch = || async { read(client().get(&self.axe_url)).await.expect("the service `checks` answers").with(200).body };
        SCRIPT.get_or_init(fetch).await
    }
}
