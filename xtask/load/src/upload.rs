//! Large files: up and down again, with the memory that this takes.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures_util::stream;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, RANGE};
use reqwest::{Body, StatusCode};

use crate::api::{Api, good};
use crate::stack::{Memory, Stack};
use crate::table::{mb, mb_of, ms, print, say};

/// What is sent at once.
const CHUNK: u64 = 256 * 1024;
const BOUNDARY: &str = "a-line-that-is-in-no-file";
/// The part that is read of the middle of a file.
const PART: u64 = 1024 * 1024;
const WATCHED: [&str; 2] = ["backend", "proxy"];

/// Uploads files of these sizes, reads each of them, and a part of each.
pub(crate) async fn measure(stack: &Stack, api: &Api, sizes: &[u64]) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for size in sizes {
        say(&format!("an upload of {} MB", mb(*size)));
        rows.extend(one(stack, api, *size).await?);
    }
    let head = ["what", "MB", "seconds", "MB/s", "backend MB before", "most", "proxy MB before", "most"];
    print("Large files, with the memory of backend and proxy.", head, &rows)
}

async fn one(stack: &Stack, api: &Api, size: u64) -> anyhow::Result<[[String; 8]; 3]> {
    let task = good(api.create("Stow the cargo")).await?.json::<serde_json::Value>().await?;
    let task = task["id"].as_str().context("the task has no id")?;
    let before = stack.memory(&WATCHED).await?;

    let sampling = stack.sample(&WATCHED);
    let begin = Instant::now();
    let upload = good(form(api, task, size)).await?;
    let up = row("upload", size, begin.elapsed(), &before, &sampling.most().await?);
    let file: serde_json::Value = upload.json().await?;
    let (id, url) = file["id"].as_str().zip(file["url"].as_str()).context("the file has no id or address")?;
    ensure!(file["bytes"] == size, "{file} is not {size} bytes long");

    let sampling = stack.sample(&WATCHED);
    let begin = Instant::now();
    let mut answer = good(api.get(url)).await?;
    let mut read = 0;
    while let Some(chunk) = answer.chunk().await? {
        read += chunk.len() as u64;
    }
    let down = row("download", size, begin.elapsed(), &before, &sampling.most().await?);
    ensure!(read == size, "{read} of {size} bytes came back");

    let part = PART.min(size);
    let from = (size - part) / 2;
    let begin = Instant::now();
    let answer = good(api.get(url).header(RANGE, format!("bytes={from}-{}", from + part - 1))).await?;
    ensure!(answer.status() == StatusCode::PARTIAL_CONTENT, "a range is answered {}", answer.status());
    ensure!(answer.bytes().await?.len() as u64 == part, "a range is not as long as it should be");
    let range = row("a part of the middle", part, begin.elapsed(), &before, &stack.memory(&WATCHED).await?);
    api.delete(&format!("/api/v1/attachments/{id}")).await?;
    Ok([up, down, range])
}

/// A form with a text of `size` bytes, made while it is sent.
fn form(api: &Api, task: &str, size: u64) -> reqwest::RequestBuilder {
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"cargo.txt\"\r\nContent-Type: text/plain\r\n\r\n"
    );
    let tail = format!("\r\n--{BOUNDARY}--\r\n");
    let length = head.len() as u64 + size + tail.len() as u64;
    let chunks = (0..size.div_ceil(CHUNK)).map(move |number| vec![b'.'; CHUNK.min(size - number * CHUNK) as usize]);
    let parts = [head.into_bytes()].into_iter().chain(chunks).chain([tail.into_bytes()]);
    api.post(&format!("/api/v1/tasks/{task}/attachments"))
        .header(CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"))
        .header(CONTENT_LENGTH, length)
        .body(Body::wrap_stream(stream::iter(parts.map(anyhow::Ok))))
}

fn row(what: &str, size: u64, time: Duration, before: &Memory, most: &Memory) -> [String; 8] {
    let seconds = time.as_secs_f64();
    let time = if seconds < 0.1 { format!("{} ms", ms(time)) } else { format!("{seconds:.1}") };
    let memory = ["backend", "proxy"].map(|service| [mb_of(before, service), mb_of(most, service)]);
    let [[backend, most_of_backend], [proxy, most_of_proxy]] = memory;
    let speed = format!("{:.0}", size as f64 / 1_048_576.0 / seconds);
    [what.to_owned(), mb(size), time, speed, backend, most_of_backend, proxy, most_of_proxy]
}
