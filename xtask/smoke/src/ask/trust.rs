//! Whom to trust: the authorities that this machine knows, and a certificate that was made for a trial.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// What TLS is done with; `also` is a file with one more certificate.
///
/// # Errors
/// When that file cannot be read.
pub(crate) fn trust(also: Option<&Path>) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    // One that cannot be read is not trusted; that is said where it matters.
    let (_, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = also {
        let unreadable = || format!("cannot read the certificate {}", path.display());
        for certificate in CertificateDer::pem_file_iter(path).with_context(unreadable)? {
            roots.add(certificate.with_context(unreadable)?).with_context(unreadable)?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().context("TLS cannot be set up")?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
