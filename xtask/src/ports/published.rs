//! Ports that services publish beside the proxy: they have no other one to fall back on, so they are checked before anything is started.

use std::net::{IpAddr, Ipv4Addr};

use super::{PROXY, free, holder};
use crate::engine::containers::Container;
use crate::model::Model;
use crate::report::Failure;

/// Refuses a start whose ports somebody else has.
///
/// # Errors
/// When a port is taken; the text names who has it.
pub(crate) fn check(model: &Model, containers: &[Container]) -> Result<(), Failure> {
    for (name, service) in model.services.iter().filter(|(name, _)| *name != PROXY.0) {
        let own: Vec<u16> = containers
            .iter()
            .filter(|container| container.service() == *name && container.running())
            .flat_map(Container::host_ports)
            .collect();
        for port in &service.ports {
            let Some(published) = port.published().filter(|published| !own.contains(published)) else { continue };
            let bind = port.host_ip.as_deref().and_then(|ip| ip.parse().ok()).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
            if !free(port.protocol, bind, published) {
                let holder = holder::name(published).unwrap_or_else(|| "a process that this user may not see".to_owned());
                return Err(refusal(name, published, &holder));
            }
        }
    }
    Ok(())
}

fn refusal(service: &str, port: u16, holder: &str) -> Failure {
    let failure = Failure::new(format!("port {port}, which `{service}` publishes, is taken by {holder}"));
    // What `--expose` turns on has a variable for it.
    if service.starts_with("expose-") {
        let variable = format!("{}_PORT", service.to_uppercase().replace('-', "_"));
        return failure.hint(format!("stop it, or choose another port in the variable `{variable}`"));
    }
    failure.hint(format!("stop it, or publish another port: `services.{service}.ports` in the compose files"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::engine::containers::tests::sample as container;

    fn model(service: &str, published: &str) -> Model {
        let ports = serde_json::json!([{ "host_ip": "127.0.0.1", "target": 5432, "published": published }]);
        Model::parse(&serde_json::json!({ "services": { service: { "ports": ports } } }).to_string()).expect("valid")
    }

    #[test]
    fn a_taken_port_is_refused_with_its_holder() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let text = check(&model("expose-db", &port.to_string()), &[]).expect_err("taken").to_string();
        assert!(text.starts_with(&format!("port {port}, which `expose-db` publishes, is taken by ")), "{text}");
        assert!(text.ends_with("hint: stop it, or choose another port in the variable `EXPOSE_DB_PORT`"), "{text}");
        assert_eq!(check(&model(PROXY.0, &port.to_string()), &[]), Ok(()), "the proxy's port is chosen elsewhere");
    }

    #[test]
    fn a_port_that_the_service_has_already_is_its_own() {
        // The sample publishes 8080, which may be taken on this machine or not: it counts as its own all the same.
        let _listener = TcpListener::bind("127.0.0.1:8080");
        assert_eq!(check(&model("expose-db", "8080"), &[container("expose-db", "running", None)]), Ok(()));
    }

    #[test]
    fn a_port_that_the_engine_chooses_is_free() {
        assert_eq!((check(&model("db", ""), &[]), check(&model("db", "0"), &[])), (Ok(()), Ok(())));
    }
}
