//! The description of the API (OpenAPI 3.1), made from the code, and a page to read it.
use super::error::ProblemDocument;
use super::{accounts, attachments, config, exports, resets, stats, tasks, version};
use axum::Json;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use std::collections::BTreeMap;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::{Response as Described, ResponseBuilder};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::openapi::{Components, ContentBuilder, Ref, RefOr, SecurityRequirement};
use utoipa::{IntoResponses, Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Slipway",
        description = "The task board. Sign in with `POST /api/v1/sessions`; the cookie `session` then says who you are. Requests that change something carry \
                       the session's `csrf_token` as `X-CSRF-Token`. Errors are problem documents (RFC 9457).",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    tags(
        (name = "accounts", description = "Accounts and sessions"),
        (name = "tasks", description = "The board"),
        (name = "files", description = "Attachments and exports"),
        (name = "operations", description = "What is running")
    ),
    paths(
        accounts::sign_up, accounts::people, accounts::sign_in, accounts::current, accounts::sign_out, accounts::change_password, accounts::rename, accounts::remove,
        resets::request, resets::complete,
        tasks::list, tasks::create, tasks::show, tasks::update, tasks::remove, tasks::complete, tasks::reopen,
        attachments::list, attachments::upload, attachments::remove, exports::list, exports::create, exports::show,
        stats::show, config::frontend, version::show,
    ),
    components(schemas(ProblemDocument)),
    modifiers(&Security)
)]
struct Api;

/// The description.
pub fn document() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// What every route may answer instead of doing its work.
pub(super) struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        const WAIT: &str = "When to try again, in seconds";
        let all = [
            ("400", "The request cannot be read", None),
            ("401", "Nobody is signed in, or the address or password is wrong", None),
            ("403", "The CSRF token is missing, or it is not yours to do", None),
            ("404", "There is no such thing, or it is none of yours", None),
            ("408", "The body came too slowly", None),
            ("409", "In conflict with what is there", None),
            ("412", "It was changed meanwhile", None),
            ("413", "Too large", None),
            ("415", "Not a type that is taken", None),
            ("422", "A field is not valid", None),
            ("428", "`If-Match` is missing", None),
            ("429", "Too often", Some(WAIT)),
            ("500", "A mistake of the server, which was logged", None),
            ("503", "Something that is needed is away, or the server is busy", Some(WAIT)),
            ("504", "It took too long", None),
        ];
        let describe = |(status, description, wait): (&str, &str, Option<&str>)| {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            let mut response = ResponseBuilder::new().description(description).content("application/problem+json", content);
            if let Some(wait) = wait {
                response = response.header("Retry-After", HeaderBuilder::new().description(Some(wait)).build());
            }
            (status.to_owned(), RefOr::T(response.build()))
        };
        all.into_iter().map(describe).collect()
    }
}

struct Security;

impl Modify for Security {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let key = |name| ApiKeyValue::with_description(name, "See `POST /api/v1/sessions`");
        let components = api.components.get_or_insert_with(Components::new);
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(key("session"))));
        components.add_security_scheme("csrf", SecurityScheme::ApiKey(ApiKey::Header(key("X-CSRF-Token"))));
        let none: [&str; 0] = [];
        api.security = Some(vec![SecurityRequirement::new("session", none).add("csrf", none)]);
    }
}

/// `GET /api/v1/openapi.json`
pub(super) async fn json() -> Json<utoipa::openapi::OpenApi> {
    Json(document())
}

/// `GET /api/v1/docs`: the description, for people.
pub(super) async fn page() -> Response {
    let document = serde_json::to_value(document()).unwrap_or_default();
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::Html);
    let page = environment.render_str(include_str!("../../templates/docs.html"), context! { api => Value::from(Serde(document)) });
    match page {
        Ok(page) => ([(header::CACHE_CONTROL, "no-cache")], Html(page)).into_response(),
        Err(error) => super::Problem::internal().because(error).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_the_one_that_was_agreed() {
        let mut text = document().to_pretty_json().unwrap();
        text.push('\n');
        let agreed = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            std::fs::write(agreed, &text).unwrap();
        }
        assert!(
            text == std::fs::read_to_string(agreed).unwrap_or_default(),
            "the API changed: if that is wanted, run `UPDATE_OPENAPI=1 cargo test -p backend openapi`"
        );
    }
}
