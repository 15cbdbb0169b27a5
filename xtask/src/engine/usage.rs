//! Processor and memory use of containers, asked of the engine's API. `docker stats` takes two seconds for the same: it waits for samples of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::commands;
use crate::logs::Stamp;

/// So far apart are the two samples of a single look; the processor's share is of this time.
pub(crate) const WINDOW: Duration = Duration::from_millis(250);

/// What one container has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// When it was read.
    at: Stamp,
    /// Nanoseconds of processor time since it was started.
    processor: u64,
    /// Bytes of memory, without files that are only cached.
    pub(crate) memory: u64,
}

impl Sample {
    /// Percent of one processor since `earlier`; nothing where the container was started anew since, or no time has passed.
    pub(crate) fn processor_since(&self, earlier: &Self) -> Option<f64> {
        let time = self.at.0.checked_sub(earlier.at.0).filter(|time| *time > 0)?;
        Some(self.processor.checked_sub(earlier.processor)? as f64 / time as f64 * 100.0)
    }
}

/// What the API says of one container.
#[derive(Deserialize)]
struct Answer {
    read: String,
    cpu_stats: Processor,
    memory_stats: Memory,
}

#[derive(Deserialize)]
struct Processor {
    cpu_usage: ProcessorUsage,
}

#[derive(Deserialize)]
struct ProcessorUsage {
    total_usage: u64,
}

/// Empty for a container that does not run.
#[derive(Deserialize)]
struct Memory {
    usage: Option<u64>,
    #[serde(default)]
    stats: BTreeMap<String, u64>,
}

impl Answer {
    /// Nothing of a container that does not run.
    fn sample(&self) -> Option<Sample> {
        let Memory { usage, stats } = &self.memory_stats;
        // The first name is of cgroup v1, which counts the groups below.
        let cached = ["total_inactive_file", "inactive_file"].iter().find_map(|name| stats.get(*name));
        let memory = (*usage)?.saturating_sub(cached.copied().unwrap_or(0));
        Some(Sample { at: Stamp::parse(self.read.as_bytes())?, processor: self.cpu_stats.cpu_usage.total_usage, memory })
    }
}

/// One sample of each of the containers `ids`; those that do not run any more are left out.
///
/// # Errors
/// When `docker` cannot be started.
pub(crate) fn sample(ids: &[&str]) -> anyhow::Result<BTreeMap<String, Sample>> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let answers = parse(&commands::engine::api().capture_with(requests(ids))?.stdout);
    // Answers come in the order of the requests; not every engine says whose they are.
    Ok(ids.iter().zip(answers).filter_map(|(id, sample)| Some(((*id).to_owned(), sample?))).collect())
}

/// One request for each container, in one connection that ends with the last.
fn requests(ids: &[&str]) -> String {
    let request = |(index, id): (usize, &&str)| {
        let connection = if index + 1 == ids.len() { "close" } else { "keep-alive" };
        let path = format!("/containers/{id}/stats?stream=false&one-shot=true");
        format!("GET {path} HTTP/1.1\r\nHost: docker\r\nConnection: {connection}\r\n\r\n")
    };
    ids.iter().enumerate().map(request).collect()
}

/// The samples in `text`; nothing in place of an answer without one.
fn parse(mut text: &str) -> Vec<Option<Sample>> {
    let mut samples = Vec::new();
    while let Some((body, rest)) = next_body(text) {
        text = rest;
        samples.push(serde_json::from_str::<Answer>(&body).ok().and_then(|answer| answer.sample()));
    }
    samples
}

/// The body of the first response in `text`, and what follows it.
fn next_body(text: &str) -> Option<(String, &str)> {
    let (head, rest) = text.split_once("\r\n\r\n")?;
    let length = head.lines().filter_map(|line| line.split_once(':')).find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let Some((_, length)) = length else { return chunks(rest) };
    let length = length.trim().parse().ok()?;
    Some((rest.get(..length)?.to_owned(), rest.get(length..)?))
}

/// A body that comes in chunks, each with its length in front.
fn chunks(mut text: &str) -> Option<(String, &str)> {
    let mut body = String::new();
    loop {
        let (length, rest) = text.split_once("\r\n")?;
        let length = usize::from_str_radix(length.trim(), 16).ok()?;
        body.push_str(rest.get(..length)?);
        text = rest.get(length..)?.strip_prefix("\r\n")?;
        if length == 0 {
            return Some((body, text));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A sample after `seconds`, with so many seconds of processor time and bytes of memory.
    pub(crate) fn sample(seconds: u64, processor: f64, memory: u64) -> Sample {
        Sample { at: Stamp(seconds * 1_000_000_000), processor: (processor * 1e9) as u64, memory }
    }

    fn body(processor: u64, memory: &str) -> String {
        format!(r#"{{"read":"2026-01-01T00:00:00.5Z","cpu_stats":{{"cpu_usage":{{"total_usage":{processor}}}}},"memory_stats":{memory}}}"#)
    }

    fn whole(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    }

    fn in_chunks(body: &str) -> String {
        let (first, second) = body.split_at(30);
        let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}{}{}", chunk(first), chunk(second), chunk(""))
    }

    #[test]
    fn each_answer_is_read() {
        let text = [
            whole(&body(7, r#"{"usage":5000,"stats":{"total_inactive_file":1000,"inactive_file":1}}"#)),
            whole(r#"{"message":"No such container: b"}"#),
            in_chunks(&body(9, r#"{"usage":5000,"stats":{"inactive_file":400}}"#)),
            whole(&body(0, "{}")),
            in_chunks(&body(11, r#"{"usage":5000}"#)),
        ];
        let samples = parse(&text.concat());
        let read: Vec<Option<(u64, u64)>> = samples.iter().map(|sample| sample.map(|sample| (sample.processor, sample.memory))).collect();
        assert_eq!(read, [Some((7, 4000)), None, Some((9, 4600)), None, Some((11, 5000))]);
        assert_eq!(parse(&text.concat()[..300]).len(), 1, "what was cut off is no answer");
        assert_eq!(parse("docker: 'system dial-stdio' is not a docker command\n"), []);
    }

    #[test]
    fn the_connection_ends_with_the_last_request() {
        let text = requests(&["a", "b"]);
        assert_eq!(text.matches("GET /containers/").count(), 2);
        assert!(text.ends_with("Connection: close\r\n\r\n") && text.matches("close").count() == 1, "{text}");
    }

    #[test]
    fn the_processor_is_a_share_of_the_time_between() {
        let earlier = sample(10, 1.0, 0);
        assert_eq!(sample(12, 2.0, 0).processor_since(&earlier), Some(50.0));
        assert_eq!(sample(12, 0.5, 0).processor_since(&earlier), None, "it was started anew");
        assert_eq!(earlier.processor_since(&earlier), None);
    }
}
