//! A backup is of one moment, whatever people do meanwhile: no transfer is half done in it, and each file that a row names is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::Ship;
use crate::harness::client::read;
use crate::harness::{Stack, eventually, shared};
use crate::routes::files::attach;

/// How many backups are made and looked at; `TEST_RUNS` says otherwise.
fn runs() -> u32 {
    std::env::var("TEST_RUNS").map_or(2, |count| count.parse().expect("TEST_RUNS is a number"))
}

/// Moves money between accounts all the time, in transactions that take a while.
const TRANSFERS: &str = "while :; do psql -q -U slipway -d slipway -c \"BEGIN; \
    UPDATE accounts SET balance = balance - 1 WHERE id = (SELECT 1 + (random() * 198)::int); SELECT pg_sleep(0.002); \
    UPDATE accounts SET balance = balance + 1 WHERE id = 200; COMMIT\" >/dev/null; echo moved; done";

/// Attaches files, removes them again, and counts what was attached; ends with its test.
async fn attach_and_remove(stack: Stack, attached: Arc<AtomicU32>) {
    let skipper = stack.skipper().await;
    let task = stack.create_task("Weigh the cargo").await.with(201).json()["id"].as_str().unwrap().to_owned();
    let mut there = std::collections::VecDeque::new();
    for number in 0_u32.. {
        let content = number.to_string().repeat(usize::try_from(number % 50 + 1).unwrap() * 1000);
        let answer = attach(&stack, Some(&skipper), &task, "cargo.txt", content.into_bytes()).await;
        match answer.status.as_u16() {
            201 => {
                attached.fetch_add(1, Ordering::Relaxed);
                there.push_back(answer.json()["id"].as_str().unwrap().to_owned());
            }
            // Too much at once, or the database is slow: people try again.
            429 | 503 => tokio::time::sleep(Duration::from_millis(100)).await,
            _ => panic!("{answer:?}"),
        }
        if there.len() > 5 {
            let url = format!("{}/api/v1/attachments/{}", stack.url, there.pop_front().unwrap());
            read(skipper.client().delete(url)).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn campaign_a_backup_of_a_stack_at_work_is_of_one_moment() {
    let (shared, _turn) = shared().await;
    let (ship, harbour) = (Ship::under_way(&shared, "moment"), Ship::new(&shared, "harbour"));
    ship.sql("CREATE TABLE accounts AS SELECT g AS id, 1000::bigint AS balance FROM generate_series(1, 200) g");
    let mut transfers = ship.stack().xtask_start(&["shell", "db", "--", "sh", "-c", TRANSFERS]);
    let attached = Arc::new(AtomicU32::new(0));
    ship.stack().skipper().await;
    let people: Vec<_> = (0..2).map(|_| tokio::spawn(attach_and_remove(ship.stack().clone(), attached.clone()))).collect();
    let mut files = 0;
    for run in 1..=runs() {
        transfers.see("moved", Duration::from_secs(30));
        let before = attached.load(Ordering::Relaxed);
        eventually("files are attached", Duration::from_secs(60), || async {
            if attached.load(Ordering::Relaxed) > before + 5 { Ok(()) } else { Err("nothing new") }
        })
        .await;
        // Without it a file whose row was removed meanwhile may be gone.
        let quiesce = run % 2 == 1;
        let id = ship.backup(if quiesce { &["--quiesce"] } else { &[] });
        harbour.stack().xtask(&["restore", "--at", &ship.file(&id).display().to_string(), "--yes"]).good();
        assert_eq!(harbour.sql("SELECT sum(balance) FROM accounts"), ["200000"], "run {run}: a transfer is half done");
        let rows = harbour.sql("SELECT sha256 || '  ' || right(id::text, 2) || '/' || id FROM attachments");
        assert!(!rows.is_empty());
        if quiesce {
            let check = harbour.within(&format!("cd /media/attachments; sha256sum --quiet --check - <<'END'\n{}\nEND", rows.join("\n")));
            assert_eq!(check.code, 0, "run {run}: rows without their file: {check:?}");
            files += rows.len();
        }
        std::fs::remove_file(ship.file(&id)).unwrap();
    }
    assert!(people.iter().all(|person| !person.is_finished()), "people were at work all the time");
    people.iter().for_each(tokio::task::JoinHandle::abort);
    transfers.signal("KILL");
    eprintln!("{} backups of a stack at work: {files} attachments looked at, {} made meanwhile", runs(), attached.load(Ordering::Relaxed));
}
