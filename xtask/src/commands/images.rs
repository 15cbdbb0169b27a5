//! Command lines about images as a whole: building base images from the distribution's packages (`infra/images/README.md` has these for use by hand),
//! taking images to another machine, and asking a build what is in its image.

use std::path::Path;

use crate::model::{Build, Model};
use crate::process::Invocation;

/// The release that the images are made of, whatever the host runs.
pub(crate) const RELEASE: &str = "trixie";

/// A minimal root file system with `packages`, finished by the program `customize`, as a tar archive on stdout. The package `sources` are lines as apt has
/// them; without any the tool's own default is used.
pub(crate) fn root_file_system(packages: &[String], customize: &Path, sources: &[String]) -> Invocation {
    Invocation::new("mmdebstrap")
        .args(["--quiet", "--variant=minbase"])
        .arg(format!("--include={}", packages.join(",")))
        .arg("--dpkgopt=force-unsafe-io")
        .arg(format!("--customize-hook={}", customize.display()))
        .args([RELEASE, "-"])
        .args(sources)
}

/// Makes the image `tag` of a root file system on stdin.
pub(crate) fn import(tag: &str) -> Invocation {
    Invocation::new("docker").args(["image", "import", "-", tag])
}

/// All images with what a person wants to know: name and tag, short id, size, age, between tabs.
pub(crate) fn list() -> Invocation {
    Invocation::new("docker").args(["image", "ls", "--format", "{{.Repository}}:{{.Tag}}\t{{.ID}}\t{{.Size}}\t{{.CreatedSince}}"])
}

/// The names with tag of our own images that are tagged `tag`.
pub(crate) fn of_instance(tag: &str) -> Invocation {
    Invocation::new("docker")
        .args(["image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter"])
        .arg(format!("reference=slipway/*:{tag}"))
}

/// The names with tag of the images that Compose built for `project`.
pub(crate) fn built_for(project: &str) -> Invocation {
    Invocation::new("docker")
        .args(["image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter"])
        .arg(format!("label=com.docker.compose.project={project}"))
}

/// How an image checks its own health, as JSON; `null` where it does not.
pub(crate) fn health_check(image: &str) -> Invocation {
    Invocation::new("docker").args(["image", "inspect", "--format", "{{json .Config.Healthcheck}}", image])
}

/// Gives the image `from` the further name `to`.
pub(crate) fn tag(from: &str, to: &str) -> Invocation {
    Invocation::new("docker").args(["image", "tag", from, to])
}

/// Takes the names `images` away; an image goes with its last name.
pub(crate) fn remove(images: &[String]) -> Invocation {
    Invocation::new("docker").args(["image", "rm"]).args(images)
}

/// Writes `images` with all their layers into the archive `file`.
pub(crate) fn save(images: &[String], file: &Path) -> Invocation {
    Invocation::new("docker").args(["image", "save", "--output"]).arg(file.display().to_string()).args(images)
}

/// Takes the images in the archive `file` in, with their names.
pub(crate) fn load(file: &Path) -> Invocation {
    Invocation::new("docker").args(["image", "load", "--input"]).arg(file.display().to_string())
}

/// Writes the files of the stage `sbom` into the directory `out`: what the image that `build` makes consists of. Everything that the image itself is
/// built with is the same, so that it comes from the cache of that build.
pub(crate) fn materials(build: &Build, model: &Model, out: &Path) -> Invocation {
    let args = build.args.iter().flat_map(|(key, value)| {
        let arg = value.as_ref().map_or_else(|| key.clone(), |value| format!("{key}={value}"));
        ["--build-arg".to_owned(), arg]
    });
    let secrets = build.secret_files(model).flat_map(|(name, file)| ["--secret".to_owned(), format!("id={name},src={}", file.display())]);
    let contexts = build.additional_contexts.iter().map(|(name, place)| ("--build-context", format!("{name}={place}")));
    let hosts = build.extra_hosts.iter().map(|host| ("--add-host", host.clone()));
    let network = build.network.iter().map(|network| ("--network", network.clone()));
    let ssh = build.ssh.iter().map(|key| ("--ssh", key.clone()));
    let more = contexts.chain(hosts).chain(network).chain(ssh).flat_map(|(option, value)| [option.to_owned(), value]);
    Invocation::new("docker")
        .args(["buildx", "build", "--progress", "plain", "--target", "sbom", "--output"])
        .arg(format!("type=local,dest={}", out.display()))
        .args(args)
        .args(secrets)
        .args(more)
        .args(["--file".to_owned(), build.dockerfile().display().to_string(), build.context.display().to_string()])
}

/// Builds `tag` from the directory `infra/images/<name>` on the image `runtime`; `contexts` are further named build contexts.
pub(crate) fn build(root: &Path, name: &str, tag: &str, runtime: &str, contexts: &[(String, String)]) -> Invocation {
    let contexts = contexts.iter().flat_map(|(name, path)| ["--build-context".to_owned(), format!("{name}={path}")]);
    Invocation::new("docker")
        .args(["buildx", "build", "--load", "--progress", "plain", "--build-arg"])
        .arg(format!("RUNTIME_IMAGE={runtime}"))
        .args(contexts)
        .args(["-t", tag])
        .arg(format!("infra/images/{name}"))
        .dir(root)
}

/// The root of the host's toolchain, as pinned in `root`.
pub(crate) fn sysroot(root: &Path) -> Invocation {
    Invocation::new("rustc").args(["--print", "sysroot"]).dir(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_of_an_image_come_from_the_same_build() {
        let build = r#"{ "context": "/repo", "additional_contexts": { "assets": "/repo/assets" }, "extra_hosts": ["mirror=10.0.0.1"], "network": "host",
            "ssh": ["default"] }"#;
        let model = Model::parse(&format!(r#"{{ "services": {{ "web": {{ "build": {build} }} }} }}"#)).expect("valid");
        let line = materials(model.services["web"].build.as_ref().expect("built"), &model, Path::new("/out")).to_string();
        let options =
            "--build-context assets=/repo/assets --add-host mirror=10.0.0.1 --network host --ssh default --file /repo/Dockerfile /repo";
        assert!(line.ends_with(options), "{line}");
    }

    #[test]
    fn every_command_line() {
        let toolchain = [("toolchain".to_owned(), "/opt/rust".to_owned())];
        let images = ["slipway/proxy:1".to_owned(), "redis:8".to_owned()];
        let model = Model::parse(
            r#"{ "services": { "backend": { "build": { "context": "/repo", "dockerfile": "backend/Dockerfile", "args": { "A": "b c", "B": null },
                "secrets": [{ "source": "ca" }, { "source": "none" }] } } }, "secrets": { "ca": { "file": "/etc/ca.pem" } } }"#,
        )
        .expect("valid");
        let backend = model.services["backend"].build.as_ref().expect("built");
        let lines = [
            save(&images, Path::new("slipway-1.tar.partial")),
            load(Path::new("slipway-1.tar")),
            materials(backend, &model, Path::new("/out")),
            root_file_system(
                &["ca-certificates".to_owned(), "curl".to_owned()],
                Path::new("/repo/hook"),
                &[
                    "deb http://mirror.example.org/debian trixie main".to_owned(),
                    "deb http://mirror.example.org/s trixie-security main".to_owned(),
                ],
            ),
            root_file_system(&["ca-certificates".to_owned()], Path::new("/repo/hook"), &[]),
            import("slipway/base-runtime:1"),
            list(),
            of_instance("fix"),
            health_check("slipway/backend-source:fix"),
            tag("a:1", "b:1"),
            remove(&["a:1".to_owned(), "b:1".to_owned()]),
            build(Path::new("/repo"), "redis", "slipway/base-redis:1", "slipway/base-runtime:1", &[]),
            build(Path::new("/repo"), "rust", "slipway/base-rust:1", "slipway/base-runtime:1", &toolchain),
            sysroot(Path::new("/repo")),
        ];
        insta::assert_snapshot!(lines.map(|line| line.to_string()).join("\n"), @r"
        docker image save --output slipway-1.tar.partial slipway/proxy:1 redis:8
        docker image load --input slipway-1.tar
        docker buildx build --progress plain --target sbom --output type=local,dest=/out --build-arg 'A=b c' --build-arg B --secret id=ca,src=/etc/ca.pem --file /repo/backend/Dockerfile /repo
        mmdebstrap --quiet --variant=minbase --include=ca-certificates,curl --dpkgopt=force-unsafe-io --customize-hook=/repo/hook trixie - 'deb http://mirror.example.org/debian trixie main' 'deb http://mirror.example.org/s trixie-security main'
        mmdebstrap --quiet --variant=minbase --include=ca-certificates --dpkgopt=force-unsafe-io --customize-hook=/repo/hook trixie -
        docker image import - slipway/base-runtime:1
        docker image ls --format '{{.Repository}}:{{.Tag}}	{{.ID}}	{{.Size}}	{{.CreatedSince}}'
        docker image ls --format '{{.Repository}}:{{.Tag}}' --filter 'reference=slipway/*:fix'
        docker image inspect --format '{{json .Config.Healthcheck}}' slipway/backend-source:fix
        docker image tag a:1 b:1
        docker image rm a:1 b:1
        docker buildx build --load --progress plain --build-arg RUNTIME_IMAGE=slipway/base-runtime:1 -t slipway/base-redis:1 infra/images/redis
        docker buildx build --load --progress plain --build-arg RUNTIME_IMAGE=slipway/base-runtime:1 --build-context toolchain=/opt/rust -t slipway/base-rust:1 infra/images/rust
        rustc --print sysroot
        ");
    }
}
