//! `backend admin`: accounts, for whoever can run programs beside the database. The first administrator is made here.
use crate::accounts::{self, Email, Name, Role, RoleChange};
use crate::config::{DatabaseConfig, Env, MigrateConfig};
use crate::database;
use crate::passwords::{MAX_LENGTH, Password, Passwords};
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use sqlx::postgres::PgPool;
use std::io::{self, BufRead, Read, Write};
use tokio::runtime::Builder;

/// The flags of `backend admin`.
#[derive(Debug, Args)]
pub struct Admin {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create an account; its password is the first line of standard input
    CreateUser {
        /// The e-mail address to sign in with
        email: String,
        /// How others see this person
        #[arg(long)]
        name: String,
        /// What this person may do
        #[arg(long, value_enum, default_value_t = Role::User)]
        role: Role,
    },
    /// Change what an account may do
    SetRole {
        /// The account's e-mail address
        email: String,
        /// What this person may do
        #[arg(value_enum)]
        role: Role,
    },
}

impl Admin {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<()> {
        super::block_on(&mut Builder::new_current_thread(), async {
            let MigrateConfig { database, .. } = MigrateConfig::read(Env::process())?;
            match self.action {
                Action::CreateUser { email, name, role } => create(&database, &email, &name, role).await,
                Action::SetRole { email, role } => set_role(&database, &email, role).await,
            }
        })
    }
}

async fn create(config: &DatabaseConfig, email: &str, name: &str, role: Role) -> anyhow::Result<()> {
    let about = [email, name];
    let email = parse("e-mail address", email, Email::parse(email))?;
    let name = parse("name", name, Name::parse(name))?;
    let password = Password::parse(&read_password()?, &about).map_err(|problem| anyhow::anyhow!("the password {problem}"))?;
    let Ok(hash) = Passwords::default().hash(password).await else { bail!("the password cannot be hashed") };
    let pool = pool(config);
    let account = accounts::create(&pool, &email, &name, &hash, role).await.map_err(explain)?;
    let email = email.as_str();
    let account = account
        .with_context(|| format!("`{email}` has an account already: `backend admin set-role {email} admin` changes what it may do"))?;
    writeln!(io::stdout(), "{}", account.id)?;
    Ok(())
}

async fn set_role(config: &DatabaseConfig, email: &str, role: Role) -> anyhow::Result<()> {
    let email = parse("e-mail address", email, Email::parse(email))?;
    let pool = pool(config);
    let known = accounts::by_email(&pool, &email).await.map_err(explain)?;
    let missing = || format!("`{0}` has no account: `backend admin create-user {0} --name NAME` makes one", email.as_str());
    let (account, _) = known.with_context(missing)?;
    match accounts::set_role(&pool, account.id, role).await.map_err(explain)? {
        RoleChange::Done(account) => Ok(writeln!(io::stdout(), "{}", account.id)?),
        RoleChange::Missing => bail!(missing()),
        RoleChange::LastAdmin => bail!("`{}` is the last administrator: make somebody else one first", email.as_str()),
    }
}

fn parse<T>(what: &str, text: &str, parsed: Result<T, String>) -> anyhow::Result<T> {
    parsed.map_err(|problem| anyhow::anyhow!("the {what} `{text}` {problem}"))
}

/// From standard input: arguments and variables can be read by others.
fn read_password() -> anyhow::Result<String> {
    let mut line = String::new();
    // Four bytes for each character, and the line break.
    let bound = MAX_LENGTH as u64 * 4 + 2;
    io::stdin().lock().take(bound).read_line(&mut line).context("the password cannot be read from standard input")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

pub(super) fn pool(config: &DatabaseConfig) -> PgPool {
    database::pool(config, "backend-admin")
}

pub(super) fn explain(error: sqlx::Error) -> anyhow::Error {
    anyhow::anyhow!("the database refuses: {}", database::reason(&error))
}
