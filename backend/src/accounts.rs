//! Accounts in PostgreSQL: who may sign in, and what they may do.
use crate::jobs::{self, board_stats};
use crate::text;
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgConnection, PgExecutor, PgPool};
use utoipa::ToSchema;
use uuid::Uuid;

/// The most characters of a name.
pub const MAX_NAME_LENGTH: usize = 80;
/// The most characters of an e-mail address (RFC 5321, path without brackets).
pub const MAX_EMAIL_LENGTH: usize = 254;
/// The most people in one answer.
pub const MAX_PEOPLE: i64 = 100;

/// Somebody who can sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, sqlx::FromRow)]
pub struct Account {
    /// UUID version 7.
    pub id: Uuid,
    /// The address, in lower case.
    pub email: String,
    /// How others see this person.
    pub name: String,
    /// What this person may do.
    pub role: Role,
    /// Sessions of an earlier epoch have ended.
    #[serde(skip)]
    pub session_epoch: i32,
}

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, sqlx::Type, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Role {
    /// Works on the board.
    User,
    /// Sees the administration, too.
    Admin,
}

/// An account, as others see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, sqlx::FromRow)]
pub struct Person {
    /// The account's id.
    pub id: Uuid,
    /// The account's name.
    pub name: String,
}

/// An address that may be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Trims, lowers and checks an address. Only a mail can tell whether it exists, so the check is for slips. The error is a sentence for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let email = text.trim().to_lowercase();
        let parts = email.split_once('@').filter(|(local, domain)| {
            let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
            !local.is_empty() && domain.split('.').all(label)
        });
        if email.chars().count() > MAX_EMAIL_LENGTH {
            Err(format!("must have at most {MAX_EMAIL_LENGTH} characters"))
        } else if parts.is_none() || email.chars().any(|c| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"".contains(c)) {
            Err("must be an e-mail address, such as `ada@example.com`".to_owned())
        } else {
            Ok(Email(email))
        }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name that may be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Trims and checks a name. The error is a sentence for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        text::line(text, MAX_NAME_LENGTH).map(Name)
    }
}

/// The columns of an [`Account`], for static statements.
macro_rules! columns {
    () => {
        "id, email, name, role, session_epoch"
    };
}

/// Stores an account. `None`: the address is taken.
pub async fn create(pool: &PgPool, email: &Email, name: &Name, password_hash: &str, role: Role) -> Result<Option<Account>, sqlx::Error> {
    let sql = concat!(
        "INSERT INTO users (id, email, name, password_hash, role) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (email) DO NOTHING RETURNING ",
        columns!()
    );
    let insert = sqlx::query_as(sql).bind(Uuid::now_v7()).bind(&email.0).bind(&name.0).bind(password_hash).bind(role);
    insert.fetch_optional(pool).await
}

/// One account.
pub async fn get(pool: &PgPool, id: Uuid) -> Result<Option<Account>, sqlx::Error> {
    sqlx::query_as(concat!("SELECT ", columns!(), " FROM users WHERE id = $1")).bind(id).fetch_optional(pool).await
}

/// The account of an address, with the hash of its password.
pub async fn by_email(pool: &PgPool, email: &Email) -> Result<Option<(Account, String)>, sqlx::Error> {
    #[derive(sqlx::FromRow)]
    struct Row {
        #[sqlx(flatten)]
        account: Account,
        password_hash: String,
    }
    let sql = concat!("SELECT password_hash, ", columns!(), " FROM users WHERE email = $1");
    let row: Option<Row> = sqlx::query_as(sql).bind(&email.0).fetch_optional(pool).await?;
    Ok(row.map(|row| (row.account, row.password_hash)))
}

/// Whether there is such an account.
pub async fn exists(executor: impl PgExecutor<'_>, id: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM users WHERE id = $1)").bind(id).fetch_one(executor).await
}

/// Changes the name.
pub async fn rename(pool: &PgPool, id: Uuid, name: &Name) -> Result<Option<Account>, sqlx::Error> {
    let sql = concat!("UPDATE users SET name = $2 WHERE id = $1 RETURNING ", columns!());
    sqlx::query_as(sql).bind(id).bind(&name.0).fetch_optional(pool).await
}

/// Changes the password, which ends all sessions and all links of mails that set another. `None`: the account is gone, or its password changed meanwhile.
pub async fn change_password(
    executor: impl PgExecutor<'_>,
    account: &Account,
    password_hash: &str,
) -> Result<Option<Account>, sqlx::Error> {
    let sql = concat!(
        "WITH changed AS (UPDATE users SET password_hash = $2, session_epoch = session_epoch + 1 WHERE id = $1 AND session_epoch = $3 RETURNING *),
              ended AS (DELETE FROM password_resets WHERE user_id IN (SELECT id FROM changed))
         SELECT ",
        columns!(),
        " FROM changed"
    );
    sqlx::query_as(sql).bind(account.id).bind(password_hash).bind(account.session_epoch).fetch_optional(executor).await
}

/// Ends all sessions of an account.
pub async fn end_sessions(pool: &PgPool, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE users SET session_epoch = session_epoch + 1 WHERE id = $1").bind(id).execute(pool).await.map(drop)
}

/// What [`set_role`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleChange {
    /// The account has the role now.
    Done(Account),
    /// There is no such account.
    Missing,
    /// It is the last administrator, who must remain.
    LastAdmin,
}

/// Changes what an account may do. Somebody must always be able to change roles, so the last administrator stays one.
pub async fn set_role(pool: &PgPool, id: Uuid, role: Role) -> Result<RoleChange, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let admins = lock_admins(&mut transaction).await?;
    if role != Role::Admin && admins == [id] {
        return Ok(RoleChange::LastAdmin);
    }
    let sql = concat!("UPDATE users SET role = $2 WHERE id = $1 RETURNING ", columns!());
    let account = sqlx::query_as(sql).bind(id).bind(role).fetch_optional(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(account.map_or(RoleChange::Missing, RoleChange::Done))
}

/// What [`remove`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// The account is gone.
    Done,
    /// There is no such account.
    Missing,
    /// It is the last administrator, who must remain.
    LastAdmin,
}

/// Removes an account with the tasks that nobody else sees. Tasks and files that others see stay, and are nobody's. Files without a row are
/// removed by a job.
pub async fn remove(pool: &PgPool, id: Uuid) -> Result<Removal, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let admins = lock_admins(&mut transaction).await?;
    if admins == [id] {
        return Ok(Removal::LastAdmin);
    }
    let alone = "DELETE FROM tasks WHERE private AND coalesce(created_by, $1) = $1 AND coalesce(assignee_id, $1) = $1
                 AND (created_by IS NOT NULL OR assignee_id IS NOT NULL)";
    sqlx::query(alone).bind(id).execute(&mut *transaction).await?;
    let removed = sqlx::query("DELETE FROM users WHERE id = $1").bind(id).execute(&mut *transaction).await?.rows_affected();
    if removed == 0 {
        return Ok(Removal::Missing);
    }
    jobs::enqueue(&mut transaction, &board_stats::request()).await?;
    transaction.commit().await?;
    Ok(Removal::Done)
}

/// All administrators, in one order: two who demote or remove each other wait for one another instead of both succeeding.
async fn lock_admins(connection: &mut PgConnection) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar("SELECT id FROM users WHERE role = 'admin' ORDER BY id FOR UPDATE").fetch_all(connection).await
}

/// People by name, a bounded number, for choosing one.
pub async fn people(pool: &PgPool, query: &str) -> Result<Vec<Person>, sqlx::Error> {
    // `strpos` has no wildcards that would need escaping.
    let sql = "SELECT id, name FROM users WHERE $1 = '' OR strpos(lower(name), lower($1)) > 0 ORDER BY name, id LIMIT $2";
    sqlx::query_as(sql).bind(query).bind(MAX_PEOPLE).fetch_all(pool).await
}

/// How many accounts there are.
pub async fn count(pool: &PgPool) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(pool).await
}

/// One page of all accounts, oldest first, after an id.
pub async fn list(pool: &PgPool, after: Option<Uuid>, limit: i64) -> Result<Vec<Account>, sqlx::Error> {
    let sql = concat!("SELECT ", columns!(), " FROM users WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2");
    sqlx::query_as(sql).bind(after).bind(limit).fetch_all(pool).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_lowered_and_checked() {
        assert_eq!(Email::parse(" Ada@Example.COM "), Ok(Email("ada@example.com".to_owned())));
        for bad in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@.com",
            "a b@example.com",
            "a\nb@example.com",
            "<a@example.com>",
            &format!("{}@x.y", "a".repeat(251)),
        ] {
            assert!(Email::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_are_one_visible_line() {
        assert_eq!(Name::parse(" Ada Lovelace "), Ok(Name("Ada Lovelace".to_owned())));
        for bad in ["", "\u{200b}", "a\nb", &"x".repeat(81)] {
            assert!(Name::parse(bad).is_err(), "{bad:?}");
        }
    }
}
