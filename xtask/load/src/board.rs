//! The board with many tasks: lists, searches, pages and changes, beside a static file.

use anyhow::Context as _;

use crate::api::{Api, good};
use crate::rate::{self, Pace, Rate, Target};
use crate::stack::{SERVICES, Stack};
use crate::table::{mb_of, ms, print, say};

/// How many connections ask at once.
const CONNECTIONS: [usize; 3] = [1, 16, 64];
/// How many connections create tasks.
const WRITERS: usize = 16;

/// How many tasks come before a late page.
const DEEP: u32 = 50_000;

/// What is searched for: words of the made-up tasks.
const SEARCHES: [(&str, &str); 8] = [
    ("one task", "q=(7777)"),
    ("a word of one task in twenty", "q=keel"),
    ("a word of every task", "q=the"),
    ("the beginning of a word of every task, and a rare one", "q=th+7777"),
    ("a word of every task, done ones", "q=the&status=done"),
    ("a word of one task in twenty, mine", "q=keel&assignee=me"),
    ("mine", "assignee=me"),
    ("due within a week", "due=week"),
];

/// Fills the board and measures it.
pub(crate) async fn measure(stack: &Stack, api: &Api, tasks: u32, pace: Pace) -> anyhow::Result<()> {
    let there = api.counted().await?;
    let missing = u64::from(tasks).saturating_sub(there);
    say(&format!("{tasks} tasks, {missing} of them new"));
    stack.seed(u32::try_from(missing)?).await?;
    let tasks = there + missing;
    api.until_counted(tasks).await?;
    stack.settle().await?;

    let before = stack.memory(&SERVICES).await?;
    let asset = asset(api).await?;
    let mut targets = Vec::new();
    for connections in CONNECTIONS {
        targets.push(target(api, "static file", &asset, connections));
        targets.push(target(api, "list, 50 tasks", "/api/v1/tasks?limit=50", connections));
        targets.push(target(api, "board, a page of 100", "/", connections));
    }
    targets.extend(SEARCHES.map(|(name, query)| target(api, name, &format!("/api/v1/tasks?{query}&limit=50"), 1)));
    let deep = DEEP.min(u32::try_from(tasks / 2)?);
    for (name, query) in [("list", ""), ("a word of every task", "q=the&")] {
        targets.push(target(api, &format!("{name}, after {deep} others"), &api.page_after(query, deep).await?, 1));
    }
    let rates = rate::in_turn(&targets, pace).await?;
    show(tasks, &targets, &rates)?;
    let after = stack.memory(&SERVICES).await?;

    let writes = writes(api, tasks, pace).await?;
    let end = stack.memory(&SERVICES).await?;
    print(
        &format!("Creating tasks, {tasks} there before."),
        ["connections", "tasks/s", "p50 ms", "p99 ms", "failed", "figures right after"],
        &[writes],
    )?;
    let rows = SERVICES.map(|service| [service.to_owned(), mb_of(&before, service), mb_of(&after, service), mb_of(&end, service)]);
    print(&format!("Memory in MB, {tasks} tasks."), ["service", "before", "after reading", "after writing"], &rows)
}

fn target<'a>(api: &'a Api, name: &str, path: &str, connections: usize) -> Target<'a> {
    let path = path.to_owned();
    Target { name: name.to_owned(), connections, request: Box::new(move || api.get(&path)) }
}

/// The address of the style sheet, as the board names it.
async fn asset(api: &Api) -> anyhow::Result<String> {
    let page = good(api.get("/")).await?.text().await?;
    let links = page.split('"').filter(|text| text.starts_with("/static/") && text.ends_with(".css"));
    links.map(str::to_owned).next().context("the board names no style sheet")
}

fn show(tasks: u64, targets: &[Target<'_>], rates: &[Rate]) -> anyhow::Result<()> {
    // The static file over as many connections.
    let static_p50 = |connections: usize| {
        let reference = targets.iter().zip(rates).find(|(target, _)| target.connections == connections);
        reference.map_or(0.0, |(_, rate)| rate.p50.as_secs_f64())
    };
    let row = |(target, rate): (&Target<'_>, &Rate)| {
        let ratio = rate.p50.as_secs_f64() / static_p50(target.connections).max(f64::EPSILON);
        let figures = [format!("{:.0}", rate.per_second), ms(rate.p50), ms(rate.p99), format!("{ratio:.1}"), rate.failed.to_string()];
        let [per_second, p50, p99, ratio, failed] = figures;
        [target.name.clone(), target.connections.to_string(), per_second, p50, p99, ratio, failed]
    };
    let rows: Vec<[String; 7]> = targets.iter().zip(rates).map(row).collect();
    let head = ["what", "connections", "requests/s", "p50 ms", "p99 ms", "p50 to static", "failed"];
    print(&format!("{tasks} tasks."), head, &rows)
}

/// Creates tasks, and waits until the worker has counted them.
async fn writes(api: &Api, tasks: u64, pace: Pace) -> anyhow::Result<[String; 6]> {
    let request = Box::new(|| api.create("Weigh the anchor"));
    let rates = [Target { name: "creating tasks".to_owned(), connections: WRITERS, request }];
    let rate = rate::in_turn(&rates, pace).await?.into_iter().next().unwrap_or_default();
    let figures = api.until_counted(tasks + rate.good as u64).await?;
    let failed = rate.failed.to_string();
    Ok([WRITERS.to_string(), format!("{:.0}", rate.per_second), ms(rate.p50), ms(rate.p99), failed, format!("{} ms", ms(figures))])
}
