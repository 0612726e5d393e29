//! Whether a registry takes credentials: asked once, before they are written anywhere.

use ureq::http::StatusCode;

use super::client::Client;
use super::credential::{Credential, Secret};
use super::endpoint::{challenges, is_refusal};
use super::token::Refusal;
use crate::error::{Error, Kind, Result};
use crate::net::body;
use crate::net::http::Request;
use crate::net::retry::Failure;

/// What a registry says to credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// It takes them.
    Taken,
    /// It asks nobody who they are.
    Open,
}

impl Client<'_> {
    /// Shows a user's password to a registry. `Denied` when it is refused.
    pub fn log_in(&self, registry: &str, user: &str, password: &str) -> Result<Answered> {
        let endpoints = self.endpoints(registry);
        let endpoint = endpoints.last().ok_or_else(|| Error::network("there is nowhere to log in"))?;
        let secret = Secret::Password(user.to_owned(), password.to_owned());
        let credential = Credential { secret, source: "you".to_owned() };
        let refused = |said: &str| {
            let error =
                Error::new(Kind::Denied, format_args!("'{endpoint}' refuses this user and password{said}"));
            let error = error.hint("some registries want a token in place of the password");
            Failure::fatal(error)
        };
        self.policy(endpoint, None).run(
            || 0,
            || endpoint.was_reached(),
            || {
                let ask = |authorization: Option<String>| {
                    let url = format!("{}/v2/", endpoint.base(&self.http)?);
                    self.http.send(Request { authorization, ..Request::get(url) })
                };
                let response = ask(None)?;
                if !is_refusal(response.status()) {
                    return answered(response.status(), Answered::Open, endpoint);
                }
                let challenges = challenges(&response);
                let granted =
                    endpoint.authorize(&self.http, self.report(), &challenges, &[], Some(&credential));
                let authorization = match granted {
                    Ok(Some(authorization)) => authorization,
                    Ok(None) => {
                        let error = Error::unsupported(format_args!(
                            "'{endpoint}' asks for a login of no known kind"
                        ));
                        return Err(Failure::fatal(error));
                    }
                    Err(Refusal::Denied(said)) => return Err(refused(&said)),
                    Err(Refusal::Failed(failure)) => return Err(failure),
                };
                let mut response = ask(Some(authorization))?;
                if is_refusal(response.status()) {
                    return Err(refused(&body::error_message(&mut response)));
                }
                answered(response.status(), Answered::Taken, endpoint)
            },
        )
    }
}

fn answered(
    status: StatusCode,
    answer: Answered,
    endpoint: &dyn std::fmt::Display,
) -> Result<Answered, Failure> {
    if status.is_success() {
        return Ok(answer);
    }
    let error = Error::network(format_args!("'{endpoint}' answers {status}: is it a registry?"));
    Err(match crate::net::retry::is_passing(status) {
        true => Failure::passing(error),
        false => Failure::fatal(error),
    })
}
