//! Secrets by name: files in `infra/secrets/<environment>/`, which git ignores, mounted into containers as files.

mod certificate;
pub(crate) mod file;
mod remembered;
mod strength;

pub(crate) use self::certificate::pair;

use std::path::PathBuf;

use crate::config::environment::{Environment, TlsMode};
use crate::model::{Kind, Model, Note};
use crate::project::Project;
use crate::report::{Failure, Volume};

/// A secret of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Secret {
    /// Its name in the compose files.
    pub(crate) name: String,
    /// The file that holds it.
    pub(crate) file: PathBuf,
    /// What the compose files say about it.
    pub(crate) note: Note,
}

/// What is wrong with a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing.
    Good,
    /// There is no file.
    Missing,
    /// Services were learning a new value when that was interrupted.
    Rotating,
    /// It could be guessed, or it is another environment's: the reason.
    Weak(String),
}

/// The secrets of `model` whose files belong in `infra/secrets/`.
pub(crate) fn of(project: &Project, model: &Model) -> Vec<Secret> {
    let dir = project.infra().join("secrets");
    let files = model.secrets.iter().filter_map(|(name, secret)| Some((name, secret.file.as_ref()?)));
    let own = files.filter(|(_, file)| file.starts_with(&dir));
    own.map(|(name, file)| Secret {
        name: name.clone(),
        file: file.clone(),
        note: model.secret_notes.get(name).cloned().unwrap_or_default(),
    })
    .collect()
}

impl Secret {
    /// Whether it is good enough where people's data is.
    pub(crate) fn state(&self) -> State {
        let Ok(value) = std::fs::read_to_string(&self.file) else { return State::Missing };
        if self.is_half_rotated() {
            return State::Rotating;
        }
        let weakness = match self.note.kind {
            Kind::Random | Kind::Passphrase => strength::weakness(&value),
            Kind::Given if value.trim().is_empty() => Some("is empty".to_owned()),
            Kind::Certificate if !value.contains("-----BEGIN CERTIFICATE-----") => Some("is no certificate in PEM".to_owned()),
            Kind::Key if !value.contains("PRIVATE KEY-----") => Some("is no private key in PEM".to_owned()),
            _ => None,
        };
        match weakness.or_else(|| self.twin(&value)) {
            Some(reason) => State::Weak(reason),
            None => State::Good,
        }
    }

    /// Another environment that has the same value: it was copied, and whoever knows that one knows this one.
    fn twin(&self, value: &str) -> Option<String> {
        let (own, name) = (self.file.parent()?, self.file.file_name()?);
        let others = std::fs::read_dir(own.parent()?).ok()?.flatten().map(|entry| entry.path()).filter(|dir| dir != own);
        let mut same = others.filter(|dir| std::fs::read_to_string(dir.join(name)).is_ok_and(|other| other.trim() == value.trim()));
        Some(format!("is the same as in infra/secrets/{}", same.next()?.file_name()?.to_string_lossy()))
    }

    /// Its file, from the root of the checkout.
    pub(crate) fn shown(&self, project: &Project) -> String {
        self.file.strip_prefix(&project.root).unwrap_or(&self.file).display().to_string()
    }

    /// Whether xtask itself can make a value.
    pub(crate) fn can_be_made(&self, environment: &Environment) -> bool {
        match self.note.kind {
            Kind::Random | Kind::Passphrase => true,
            Kind::Given => false,
            Kind::Certificate | Kind::Key => environment.tls.mode == TlsMode::SelfSigned,
        }
    }
}

/// Sees to the secrets of a start, before anything is made: where the environment says so, makes random ones that are missing; elsewhere refuses
/// what is missing, weak or another environment's. Certificates come later ([`ensure_certificate`]). `has_data` says whether the project has volumes: a
/// new secret would lock their owner out, and they may be another checkout's of the same name.
///
/// # Errors
/// When a secret is not good enough, there is data that an older secret belongs to, or a file cannot be written.
pub(crate) fn ensure(
    project: &Project,
    environment: &Environment,
    model: &Model,
    volume: Volume,
    has_data: impl FnOnce() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let secrets = of(project, model);
    if !environment.secrets.generate {
        return check(project, environment, &secrets).map_err(Into::into);
    }
    let missing: Vec<&Secret> = secrets.iter().filter(|secret| !secret.file.exists()).collect();
    if let Some(given) = missing.iter().find(|secret| !secret.can_be_made(environment)) {
        return Err(Failure::new(format!("the secret `{}` is missing", given.name))
            .detail(format!("nobody but you knows it: {}", given.shown(project)))
            .hint(format!("`cargo xtask secrets rotate {}{}` reads it from stdin", given.name, project.flags()))
            .into());
    }
    make_random(project, &missing, volume, has_data)
}

/// Makes those of `missing` that may be anything.
///
/// # Errors
/// When there is data that an older secret belongs to, or a file cannot be written.
pub(crate) fn make_random(
    project: &Project,
    missing: &[&Secret],
    volume: Volume,
    has_data: impl FnOnce() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let random: Vec<&&Secret> = missing.iter().filter(|secret| secret.note.kind == Kind::Random).collect();
    if !random.is_empty() && has_data()? {
        let names: Vec<String> = random.iter().map(|secret| secret.shown(project)).collect();
        return Err(Failure::new(format!(
            "`{}` has data, but the secret that belongs to it is not here: {}",
            project.compose_name(),
            names.join(", ")
        ))
        .detail("the file was lost, or another checkout made the data under the same name")
        .hint("put the file back, or give this checkout a name of its own, for example `--instance second`")
        .hint(format!("where the data is of no use, `cargo xtask clean{}` removes it", project.flags()))
        .into());
    }
    let passphrases = missing.iter().filter(|secret| secret.note.kind == Kind::Passphrase);
    for secret in random.into_iter().chain(passphrases) {
        file::write(&secret.file, &file::random()?)?;
        volume.say(format!("made the secret {}", secret.shown(project)));
    }
    Ok(())
}

fn check(project: &Project, environment: &Environment, secrets: &[Secret]) -> Result<(), Failure> {
    let mut bad = Vec::new();
    for secret in secrets {
        match secret.state() {
            // A start ends the rotation.
            State::Good | State::Rotating => {}
            // Made when the image that makes it is there.
            State::Missing if matches!(secret.note.kind, Kind::Certificate | Kind::Key) && secret.can_be_made(environment) => {}
            State::Missing => bad.push(format!("`{}` is missing: {}", secret.name, secret.shown(project))),
            State::Weak(reason) => bad.push(format!("`{}` {reason}: {}", secret.name, secret.shown(project))),
        }
    }
    let open = secrets.iter().filter_map(|secret| secret.file.parent()).find(|dir| file::is_open(dir));
    if let Some(dir) = open {
        let dir = dir.strip_prefix(&project.root).unwrap_or(dir).display();
        bad.push(format!("others on this machine can read {dir}/: `chmod 700 {dir}`"));
    }
    if bad.is_empty() {
        return Ok(());
    }
    let flags = project.flags();
    bad.sort();
    let failure = Failure::new(format!("the secrets of the environment `{}` are not good enough", project.environment));
    let failure =
        bad.into_iter().fold(failure, Failure::detail).hint(format!("`cargo xtask secrets init{flags}` makes those that are missing"));
    Err(failure.hint(format!("`cargo xtask secrets rotate NAME{flags}` puts a new value in the place of a weak one")))
}

/// Makes the certificate and its key where the environment wants its own making and one is missing.
///
/// # Errors
/// When the program that makes them fails.
pub(crate) fn ensure_certificate(project: &Project, environment: &Environment, model: &Model, volume: Volume) -> anyhow::Result<()> {
    let missing = |secret: &Secret| matches!(secret.note.kind, Kind::Certificate | Kind::Key) && !secret.file.exists();
    if environment.tls.mode == TlsMode::SelfSigned && of(project, model).iter().any(missing) {
        make_certificate(project, environment, model)?;
        volume.say("made a certificate and its key for trials: browsers will warn of it");
    }
    Ok(())
}

/// Makes a new certificate and its key.
///
/// # Errors
/// When the compose files have no such secrets, no service has them mounted, or the program that makes them fails.
pub(crate) fn make_certificate(project: &Project, environment: &Environment, model: &Model) -> anyhow::Result<()> {
    let secrets = of(project, model);
    let of_kind = |kind: Kind| secrets.iter().find(|secret| secret.note.kind == kind);
    let (Some(certificate), Some(key)) = (of_kind(Kind::Certificate), of_kind(Kind::Key)) else {
        return Err(Failure::new("the compose files have no secrets for a certificate and its key")
            .hint("`x-secrets` in infra/compose.yaml says which they are")
            .into());
    };
    let user = model.services.values().find(|service| service.has_secret(&certificate.name));
    let image = user.and_then(|service| service.image.as_deref());
    let image = image.ok_or_else(|| Failure::new(format!("no service has the secret `{}` mounted", certificate.name)))?;
    let hosts: Vec<_> = environment.site.names().cloned().collect();
    let output = certificate::make(image, &hosts).read().map_err(|error| {
        Failure::new("the certificate could not be made")
            .detail(error.to_string().lines().last().unwrap_or_default().trim())
            .hint(format!("the image `{image}` needs `sh` and `openssl`; is it there? `cargo xtask images list{}`", project.flags()))
    })?;
    let (pem, key_pem) = certificate::pair(&output).ok_or_else(|| anyhow::anyhow!("`openssl` printed no certificate and key"))?;
    // The key first: a certificate without its key is what nobody can use.
    file::write(&key.file, &key_pem)?;
    file::write(&certificate.file, &pem)
}

#[cfg(test)]
mod tests;
