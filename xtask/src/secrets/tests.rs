//! Secrets of a checkout in a temporary directory.

use std::path::Path;

use super::*;
use crate::config::load;

struct Checkout {
    root: tempfile::TempDir,
    project: Project,
    environment: Environment,
}

impl Checkout {
    fn new(environment: &str) -> Self {
        let root = tempfile::tempdir().expect("a temporary directory");
        let project = Project { root: root.path().to_owned(), environment: environment.to_owned(), instance: environment.to_owned() };
        let infra = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra");
        Self { root, project, environment: load::load(&infra, environment).expect("valid").environment }
    }

    fn file(&self, environment: &str, name: &str) -> PathBuf {
        self.root.path().join("infra/secrets").join(environment).join(name)
    }

    fn model(&self) -> Model {
        let file = |name: &str| serde_json::json!({ "file": self.file(&self.project.environment, name) });
        let json = serde_json::json!({
            "services": {},
            "secrets": { "password": file("password"), "mail": file("mail"), "elsewhere": { "file": self.root.path().join("other/x") } },
            "x-secrets": { "mail": { "kind": "given" } },
        });
        Model::parse(&json.to_string()).expect("valid")
    }

    fn ensure(&self, has_data: bool) -> Result<(), String> {
        let refused = ensure(&self.project, &self.environment, &self.model(), Volume::Quiet, || Ok(has_data));
        refused.map_err(|error| error.to_string())
    }
}

#[test]
fn a_random_secret_is_made_once_and_never_where_there_is_data() {
    let checkout = Checkout::new("local");
    file::write(&checkout.file("local", "mail"), "from somebody").expect("written");
    let password = checkout.file("local", "password");
    let refused = checkout.ensure(true).expect_err("there is data");
    assert!(
        refused.starts_with("`slipway-local` has data, but the secret that belongs to it is not here: infra/secrets/local/password\n"),
        "{refused}"
    );
    assert!(!password.exists());
    checkout.ensure(false).expect("made");
    let first = std::fs::read_to_string(&password).expect("there");
    assert_eq!(first.trim().len(), 48);
    checkout.ensure(true).expect("nothing to do");
    assert_eq!(std::fs::read_to_string(&password).expect("there"), first);
    assert!(!checkout.root.path().join("other").exists(), "files outside infra/secrets are left alone");
}

#[test]
fn what_only_somebody_else_knows_is_asked_for() {
    let checkout = Checkout::new("local");
    insta::assert_snapshot!(checkout.ensure(false).expect_err("refused"), @r"
    the secret `mail` is missing
      nobody but you knows it: infra/secrets/local/mail

    hint: `cargo xtask secrets rotate mail --instance local` reads it from stdin
    ");
    assert!(!checkout.file("local", "password").exists(), "nothing was made");
}

#[test]
fn where_people_s_data_is_nothing_is_made_and_everything_is_checked_at_once() {
    let checkout = Checkout::new("production");
    insta::assert_snapshot!("missing", checkout.ensure(false).expect_err("refused"));
    file::write(&checkout.file("production", "password"), "changeme-changeme-changeme").expect("written");
    file::write(&checkout.file("production", "mail"), " ").expect("written");
    insta::assert_snapshot!("weak", checkout.ensure(false).expect_err("refused"));
    let value = file::random().expect("random");
    for environment in ["production", "local"] {
        file::write(&checkout.file(environment, "password"), &value).expect("written");
    }
    file::write(&checkout.file("production", "mail"), "what the mail server wants").expect("written");
    insta::assert_snapshot!("of_development", checkout.ensure(false).expect_err("refused"));
    file::write(&checkout.file("production", "password"), &file::random().expect("random")).expect("written");
    checkout.ensure(false).expect("good");
}

#[cfg(unix)]
#[test]
fn others_are_kept_out() {
    use std::os::unix::fs::PermissionsExt as _;
    let checkout = Checkout::new("production");
    for name in ["password", "mail"] {
        file::write(&checkout.file("production", name), &file::random().expect("random")).expect("written");
    }
    checkout.ensure(false).expect("good");
    let dir = checkout.root.path().join("infra/secrets/production");
    assert_eq!(dir.metadata().expect("there").permissions().mode() & 0o777, 0o700);
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).expect("set");
    let refused = checkout.ensure(false).expect_err("refused");
    assert!(
        refused.contains("others on this machine can read infra/secrets/production/: `chmod 700 infra/secrets/production`"),
        "{refused}"
    );
}

#[test]
fn a_new_value_stays_in_the_same_file() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("secrets/x");
    file::write(&path, "one").expect("written");
    let mounted = std::fs::File::open(&path).expect("open");
    file::write(&path, "two").expect("written");
    assert_eq!(std::io::read_to_string(mounted).expect("readable"), "two\n", "who has the file open sees the new value");
}
