//! A board in the middle of a week, with its crew: what pictures are taken of and what is searched for barriers, instead of what other tests left.

use http::Method;
use serde_json::json;

use crate::harness::Stack;
use crate::harness::account::Account;
use crate::harness::client::read;

/// People and their week. The dates are fixed: one that is over stays over, and one is always today.
const WEEK: &str = "
    TRUNCATE tasks, jobs, attachments, exports;
    DELETE FROM users WHERE email LIKE '%@slipway.example';
    INSERT INTO users (id, email, name, role, password_hash, created_at)
    SELECT ('01935000-0000-7000-9000-' || lpad(number::text, 12, '0'))::uuid, lower(name) || '@slipway.example', name, role, '', '2026-11-02 08:00Z'
    FROM (VALUES (1, 'Amara', 'admin'), (2, 'Jonas', 'user'), (3, 'Mei', 'user'), (4, 'Tomasz', 'user')) AS crew (number, name, role);
    UPDATE users SET password_hash = (SELECT password_hash FROM users WHERE id = '{skipper}') WHERE password_hash = '';
    INSERT INTO tasks (id, title, notes, private, due_on, assignee_id, created_by, created_at, updated_at, completed_at, reminded_for)
    SELECT ('01935000-0000-7000-8000-' || lpad(number::text, 12, '0'))::uuid, title, notes, private, due, ('01935000-0000-7000-9000-' || lpad(who::text, 12, '0'))::uuid,
        '01935000-0000-7000-9000-000000000001', created::timestamptz, created::timestamptz, completed::timestamptz, due
    FROM (VALUES
        (1, 'Sand the hull below the waterline', '', false, NULL::date, 2, '2026-11-16 08:10Z', '2026-11-18 15:40Z'),
        (2, 'Varnish the tiller',                '', false, '2026-11-20', NULL, '2026-11-17 13:30Z', '2026-11-20 16:20Z'),
        (3, 'Order two tins of red antifouling', '', false, '2026-11-19', 3, '2026-11-19 08:45Z', NULL),
        (4, 'Ask about the insurance',           '', true,  NULL, NULL, '2026-11-19 18:20Z', NULL),
        (5, 'Check the rigging', E'Start with the forestay: the lower terminal looked tired in spring.\\n\\n- split pins\\n- turnbuckles, with grease\\n- spare shackles are in the blue box',
            false, (now() AT TIME ZONE 'UTC')::date, 2, '2026-11-20 09:15Z', NULL),
        (6, 'Book the crane for Saturday',       '', false, NULL, NULL, '2026-11-20 17:05Z', NULL)
    ) AS week (number, title, notes, private, due, who, created, completed);
    INSERT INTO jobs (id, kind, state, attempts, max_attempts, last_error, created_at, finished_at) VALUES
        ('01935000-0000-7000-a000-000000000001', 'send_mail', 'failed', 20, 20, 'the mail server refused the recipient: 550 no such mailbox', '2026-11-18 06:00Z', '2026-11-19 07:12Z');
    INSERT INTO exports (id, user_id, state, rows_done, rows_total, created_at, finished_at) VALUES
        ('01935000-0000-7000-b000-000000000001', '01935000-0000-7000-9000-000000000001', 'done', 214, 214, '2026-11-16 07:30Z', '2026-11-16 07:30Z'),
        ('01935000-0000-7000-b000-000000000002', '01935000-0000-7000-9000-000000000001', 'failed', 80, 214, '2026-11-18 07:30Z', '2026-11-18 07:31Z'),
        ('01935000-0000-7000-b000-000000000003', '01935000-0000-7000-9000-000000000001', 'running', 131, 220, '2026-11-20 17:10Z', NULL);
    UPDATE board_stats SET open = 3, done = 2, created = 5, last_activity_at = '2026-11-20 17:05Z', updated_at = '2026-11-20 17:05Z';
";

/// Where whoever is signed in goes on this board.
pub(super) const PAGES: [&str; 12] = [
    "/",
    "/?q=rigging&status=open",
    "/?q=teak",
    "/?status=done",
    "/tasks/01935000-0000-7000-8000-000000000005",
    "/account",
    "/exports",
    "/admin/",
    "/admin/users",
    "/admin/jobs",
    "/api/v1/docs",
    "/no/such/page",
];
/// The task with notes, a date, an assignee and files.
pub(super) const RIGGING: &str = "01935000-0000-7000-8000-000000000005";
/// A picture of 8 by 8 points.
pub(super) const PICTURE: &[u8] = b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x08\x00\x00\x00\x08\x08\x02\x00\x00\x00Km)\xdc\x00\x00\x00\x11IDATx\xdac\x10I\xcb\xc6\x8a\x18\x86\x96\x04\x00IR9A\x16]7#\x00\x00\x00\x00IEND\xaeB`\x82";

impl Stack {
    /// Sets the scene, with nobody else on the board; returns Amara, who is an administrator.
    pub(super) async fn scene(&self) -> Account {
        let skipper = self.skipper().await;
        self.sql(&WEEK.replace("{skipper}", &skipper.id));
        let amara = self.sign_in("amara@slipway.example").await;
        let notes = "Terminal  Torque\nforestay  40 Nm\nshrouds   35 Nm\n".repeat(300);
        self.attach(&amara, RIGGING, "torque.txt", notes.as_bytes()).await;
        self.attach(&amara, RIGGING, "lower terminal.png", PICTURE).await;
        // What the files changed is told by their own moments only.
        self.sql("UPDATE attachments SET created_at = '2026-11-20 16:58Z'; UPDATE tasks SET updated_at = created_at");
        amara
    }

    /// What makes a form that was opened before be too late.
    pub(super) async fn meddle(&self, account: &Account, task: &str) {
        let version = self.api(account, Method::GET, &format!("/tasks/{task}"), json!(null)).await.with(200).header("etag").to_owned();
        let request = account.client().patch(format!("{}/api/v1/tasks/{task}", self.url)).header("if-match", version);
        let change = json!({ "title": "Check the rigging before Saturday", "due_on": "2027-04-01" });
        read(request.json(&change)).await.unwrap().with(200);
    }
}
