//! Who asks: the session of a request, checked against Redis and the account, with its CSRF token and its share of the rate limit.
use super::error::Problem;
use super::state::App;
use crate::accounts::{self, Account, Role};
use crate::sessions::{Session, Token};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};

/// The cookie with the token of the session.
pub(super) const COOKIE: &str = "session";
/// Requests that change something carry the session's CSRF token here.
const CSRF_HEADER: &str = "x-csrf-token";

/// Somebody who is signed in. Of requests that change something, the CSRF token was right.
#[derive(Debug, Clone)]
pub struct Signed {
    /// Whose session it is, as the account is now.
    pub user: Account,
    /// The session.
    pub session: Session,
    /// What ends it.
    pub(super) token: Token,
}

/// Somebody who is signed in and sends a form, whose CSRF token may stand in the form itself.
#[derive(Debug)]
pub struct SignedForm {
    signed: Signed,
    checked: bool,
}

/// An administrator.
#[derive(Debug)]
pub struct SignedAdmin(pub(super) SignedForm);

impl FromRequestParts<App> for SignedForm {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let token = token(&parts.headers).ok_or_else(unknown)?;
        let session = app
            .sessions
            .find(&token)
            .await
            .map_err(|error| Problem::unavailable("sessions cannot be checked, try again in a moment").because(error))?;
        let session = session.ok_or_else(unknown)?;
        let user = accounts::get(&app.database, session.user_id).await?.filter(|user| user.session_epoch == session.epoch);
        let user = user.ok_or_else(unknown)?;
        app.rate_limit.count(user.id, &parts.extensions)?;
        let given = parts.headers.get(CSRF_HEADER).map(HeaderValue::as_bytes);
        let checked = match given {
            Some(given) if !same(given, session.csrf_token.as_bytes()) => return Err(forged()),
            Some(_) => true,
            None => parts.method.is_safe(),
        };
        Ok(SignedForm { signed: Signed { user, session, token }, checked })
    }
}

impl SignedForm {
    /// Checks the CSRF token of the form, if the header had none.
    pub fn check_csrf(self, token: &str) -> Result<Signed, Problem> {
        if self.checked || same(token.as_bytes(), self.signed.session.csrf_token.as_bytes()) { Ok(self.signed) } else { Err(forged()) }
    }

    /// The account and the session, before anything is changed in their name.
    pub(super) fn peek(&self) -> &Signed {
        &self.signed
    }
}

impl FromRequestParts<App> for Signed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        SignedForm::from_request_parts(parts, app).await?.check_csrf("")
    }
}

impl FromRequestParts<App> for SignedAdmin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let form = SignedForm::from_request_parts(parts, app).await?;
        if form.signed.user.role == Role::Admin { Ok(SignedAdmin(form)) } else { Err(Problem::forbidden("this is for administrators")) }
    }
}

/// The header that gives a browser its token, or, without one, takes it away.
pub(super) fn set_cookie(token: Option<&Token>, headers: &HeaderMap) -> HeaderValue {
    // The proxy says how the browser came.
    let secure = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let secure = if secure { "; Secure" } else { "" };
    let (value, age) = token.map_or(("", 0), |token| (token.as_str(), crate::sessions::ABSOLUTE.as_secs()));
    let cookie = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}");
    // Tokens are hexadecimal digits.
    HeaderValue::from_str(&cookie).unwrap_or(HeaderValue::from_static(""))
}

/// The token in the cookies of a request.
pub(super) fn token(headers: &HeaderMap) -> Option<Token> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|cookies| cookies.split(';'));
    cookies.filter_map(|cookie| cookie.trim().split_once('=')).find(|(name, _)| *name == COOKIE).and_then(|(_, value)| Token::parse(value))
}

/// The address that a request comes from, as the proxy saw it.
pub(super) fn address(headers: &HeaderMap) -> &str {
    headers.get("x-forwarded-for").and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn unknown() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "you are not signed in")
}

fn forged() -> Problem {
    Problem::forbidden("the CSRF token is missing or of another session: take it from `GET /api/v1/session` and send it as `X-CSRF-Token`")
}

/// Compares without telling by the time where the difference is.
fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |difference, (left, right)| difference | (left ^ right)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found_among_other_cookies() {
        let digits = "0123456789abcdef".repeat(4);
        let headers = |text: &str| HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(text).unwrap())]);
        assert_eq!(token(&headers(&format!("a=b; session={digits}; c=d"))).unwrap().as_str(), digits);
        for bad in ["", "session", "session=", "xsession=0", &format!("session={digits}0"), &format!("a=session={digits}")] {
            assert!(token(&headers(bad)).is_none(), "{bad}");
        }
    }

    #[test]
    fn cookies_are_kept_from_scripts_and_plain_connections() {
        let https = HeaderMap::from_iter([("x-forwarded-proto".parse().unwrap(), HeaderValue::from_static("https"))]);
        let token = Token::parse(&"0".repeat(64)).unwrap();
        let cookie = set_cookie(Some(&token), &https);
        assert!(cookie.to_str().unwrap().ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000; Secure"), "{cookie:?}");
        assert_eq!(set_cookie(None, &HeaderMap::new()), "session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    }
}
