//! Instances of the stack beside the shared one, for tests that start and stop it: each in a little checkout of its own, whose environment
//! and secrets can be changed without disturbing anybody.

use std::fs;
use std::path::{Path, PathBuf};

use super::Stack;

/// A checkout with the images of the shared stack. Everything it started is removed when it goes.
pub(crate) struct Checkout {
    /// To run commands in it.
    pub(crate) stack: Stack,
    root: PathBuf,
}

impl Checkout {
    /// Makes a checkout whose `test` environment has `profiles` and asks for `port`.
    pub(crate) fn new(shared: &Stack, name: &str, profiles: &[&str], port: u16) -> Self {
        let instance = format!("{}-{name}", shared.instance);
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&instance);
        let stack = Stack {
            url: format!("http://localhost:{port}"),
            project: format!("slipway-{instance}"),
            root: root.display().to_string(),
            // Its images are those of the shared stack: nothing is built.
            variables: vec![("IMAGE_TAG".to_owned(), shared.instance.clone())],
            instance,
            ..shared.clone()
        };
        let infra = Path::new(&shared.root).join("infra");
        for file in ["compose.yaml", "compose.source-frontend.yaml", "smoke.toml", "env/base.toml", "images", "observability"] {
            copy(&infra.join(file), &root.join("infra").join(file));
        }
        // The last two give images their tags.
        for path in ["backend/migrations", "rust-toolchain.toml", "xtask/backup"] {
            copy(&Path::new(&shared.root).join(path), &root.join(path));
        }
        let environment = format!(
            "log_level = \"info\"\n[compose]\nprofiles = {profiles:?}\n[proxy]\nport = {port}\nport_fallback = true\n[secrets]\ngenerate = true\n[guard]\nenabled = false\n"
        );
        fs::write(root.join("infra/env/test.toml"), environment).unwrap();
        let checkout = Self { stack, root };
        // A run that was killed may have left its own behind.
        if checkout.left() != Left::default() {
            checkout.stack.xtask(&["clean", "--yes"]).good();
        }
        checkout
    }

    /// Makes a checkout whose `test` environment builds on `production`, on loopback, at `port` and the one after it, with the release images of the
    /// shared stack and a certificate of its own making.
    pub(crate) fn production(shared: &Stack, name: &str, port: u16) -> Self {
        let checkout = Self::new(shared, name, &[], port);
        let infra = Path::new(&shared.root).join("infra");
        for file in ["compose.prod.yaml", "compose.tls.yaml", "env/production.toml"] {
            copy(&infra.join(file), &checkout.path("infra").join(file));
        }
        let environment = format!(
            "base = \"production\"\nsite.aliases = [\"localhost\"]\nimages.tag = {:?}\ntls.mode = \"self-signed\"\nguard.enabled = false\n\
             [proxy]\nbind = \"127.0.0.1\"\nport = {port}\nhttps_port = {}\n",
            shared.instance,
            port + 1
        );
        fs::write(checkout.path("infra/env/test.toml"), environment).unwrap();
        checkout
    }

    /// Linked git worktrees of it, beside it. Whoever runs commands there names no instance: it comes from the directory.
    pub(crate) fn worktrees(&self, count: u32) -> Vec<Self> {
        let git = |args: &[&str]| {
            let identity = ["-c", "user.name=Sailor", "-c", "user.email=sailor@example.org", "-c", "commit.gpgsign=false"];
            self.stack.run("git", &[&identity[..], args].concat(), "").good();
        };
        git(&["init", "--quiet"]);
        git(&["add", "--all"]);
        git(&["commit", "--quiet", "--message=A checkout"]);
        let worktree = |number| {
            let name = format!("{}-{number}", self.stack.instance);
            let root = self.root.with_file_name(&name);
            // A run that was killed may have left it behind.
            let _ = fs::remove_dir_all(&root);
            git(&["worktree", "add", "--force", "--quiet", "--detach", &root.display().to_string()]);
            let instance = format!("{name}-test");
            let stack = Stack { project: format!("slipway-{instance}"), root: root.display().to_string(), instance, ..self.stack.clone() };
            Self { stack, root }
        };
        (1..=count).map(worktree).collect()
    }

    /// A file of the checkout.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Replaces `from` in a file of the checkout.
    pub(crate) fn edit(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(path)).unwrap();
        assert!(text.contains(from), "`{from}` is not in {text}");
        fs::write(self.path(path), text.replace(from, to)).unwrap();
    }

    /// What the engine has of this instance, by kind.
    pub(crate) fn left(&self) -> Left {
        let label = format!("label=com.docker.compose.project={}", self.stack.project);
        let names = |args: &[&str]| -> Vec<String> {
            let args = [args, &["--filter", &label, "--format", "{{.Name}}"]].concat();
            self.stack.docker(&args).good().stdout.lines().map(str::to_owned).collect()
        };
        let containers = ["ps", "--all", "--filter", &label, "--format", "{{.Names}}"];
        Left {
            containers: self.stack.docker(&containers).good().stdout.lines().map(str::to_owned).collect(),
            networks: names(&["network", "ls"]),
            volumes: names(&["volume", "ls"]),
        }
    }
}

/// Names of what the engine has of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) containers: Vec<String>,
    pub(crate) networks: Vec<String>,
    pub(crate) volumes: Vec<String>,
}

impl Drop for Checkout {
    fn drop(&mut self) {
        let outcome = self.stack.xtask(&["clean", "--yes"]);
        let left = if std::thread::panicking() { Left::default() } else { self.left() };
        // A directory that stays does no harm: the next run writes over it.
        let _ = fs::remove_dir_all(&self.root);
        if !std::thread::panicking() {
            assert_eq!(outcome.code, 0, "`clean` failed: {}", outcome.stderr);
            assert_eq!(left, Left::default());
        }
    }
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
}
