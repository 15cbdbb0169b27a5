//! Builds the crate again when a migration is added: `sqlx::migrate!` notices changes to files, not new ones.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
