//! Forms: what a browser sends with one, and where it may lead afterwards.

use axum::Form;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::response::Redirect;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::App;
use super::failure::Failure;
use super::request_id::RequestId;
use crate::backend::Caller;

/// A form that was read, with its sender, whose right to change something is proved by the form's token.
pub(crate) struct Sent<T> {
    pub(crate) caller: Caller,
    pub(crate) fields: T,
}

/// The query of an address. One that cannot be read is treated like none: the page without it is what was asked for.
pub(crate) struct Asked<T>(pub(crate) T);

/// What is sent by a form that is only a button: where to go on. The same is in the address of the forms to sign in and up.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Next {
    pub(crate) next: String,
}

#[derive(Deserialize)]
struct WithToken<T> {
    #[serde(default)]
    csrf_token: String,
    #[serde(flatten)]
    fields: T,
}

impl FromRequestParts<App> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let RequestId(id) = RequestId::from_request_parts(parts, app).await?;
        Ok(Self::new(&parts.headers, &id))
    }
}

impl<T: DeserializeOwned + Default> FromRequestParts<App> for Asked<T> {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Self::Rejection> {
        Ok(Self(Query::try_from_uri(&parts.uri).map(|Query(asked)| asked).unwrap_or_default()))
    }
}

impl<T: DeserializeOwned> FromRequest<App> for Sent<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Self::Rejection> {
        let (mut parts, body) = request.into_parts();
        let Ok(caller) = Caller::from_request_parts(&mut parts, app).await;
        let form = Form::<WithToken<T>>::from_request(Request::from_parts(parts, body), app).await;
        let Form(WithToken { csrf_token, fields }) = form.map_err(|reason| Failure::BadForm(reason.status()))?;
        Ok(Self { caller: caller.with_token(&csrf_token), fields })
    }
}

/// The address when it is one on this site; otherwise the board's. Browsers read `//` and `/\` as the beginning of another site, and skip control
/// characters when they do.
pub(crate) fn local(next: &str) -> &str {
    let second = next.as_bytes().get(1);
    let here = next.starts_with('/') && !matches!(second, Some(b'/' | b'\\'));
    if here && next.len() <= 2000 && next.bytes().all(|byte| byte.is_ascii_graphic()) { next } else { "/" }
}

/// `303`: the page to go on with after a form, so that loading it again repeats nothing.
pub(crate) fn go_on(next: &str) -> Redirect {
    Redirect::to(local(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_lead_to_no_other_site() {
        for next in ["/", "/tasks/1?saved=1#files", "/?q=a%20b", "/admin/"] {
            assert_eq!(local(next), next);
        }
        for next in
            ["", "tasks", "//evil.example", "/\\evil.example", "/\t/evil.example", "https://evil.example", "/a\r\nset-cookie: x", "/é"]
        {
            assert_eq!(local(next), "/", "{next:?}");
        }
        assert_eq!(local(&format!("/{}", "x".repeat(3000))), "/");
    }
}
