//! One body into a sink, through dropped connections, stalls and busy servers.
//!
//! A retry resumes with `Range` at what the sink has. A server that ignores `Range` makes the sink start over.
//! Progress renews the retries: what counts is the number of failures in a row without a byte.

use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use ureq::http::{HeaderMap, StatusCode, header};

use super::http::{self, Response};
use super::limiter::{Limiter, Pace};
use super::retry::{self, Failure, Retry};
use super::url;
use crate::error::{Error, Kind, Result};
use crate::report::Task;

/// Where a download goes. A dropped connection resumes at `len()`.
pub trait Sink {
    /// Bytes already there.
    fn len(&self) -> u64;
    /// Whether nothing is there.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Adds bytes at the end.
    fn append(&mut self, bytes: &[u8]) -> Result<()>;
    /// Forgets what is there (the server cannot resume).
    fn restart(&mut self) -> Result<()>;
}

/// How often and how long to retry.
pub struct Policy<'a> {
    /// So many failures in a row, without progress, are retried.
    pub max_retries: u32,
    /// The first pause.
    pub backoff: Duration,
    /// The longest `Retry-After` that is obeyed.
    pub wait_max: Duration,
    /// Shows the user that a retry is waited for.
    pub task: Option<&'a dyn Task>,
}

impl Policy<'_> {
    /// Runs `attempt` until it succeeds or its failure is final. `progress` tells how far things are; `reached`,
    /// whether the server ever answered.
    pub fn run<T>(
        &self,
        progress: impl Fn() -> u64,
        reached: impl Fn() -> bool,
        mut attempt: impl FnMut() -> Result<T, Failure>,
    ) -> Result<T> {
        let (mut failures, mut furthest) = (0, progress());
        loop {
            let failure = match attempt() {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            if progress() > furthest {
                furthest = progress();
                failures = 0;
            }
            failures += 1;
            let asked = match failure.retry {
                Retry::After(asked) if asked.is_none_or(|wait| wait <= self.wait_max) => asked,
                Retry::IfReached if reached() => None,
                _ => return Err(failure.error),
            };
            if failures > self.max_retries {
                return Err(failure.error);
            }
            if let Some(task) = self.task {
                task.state("retrying");
            }
            thread::sleep(retry::backoff(self.backoff, failures).max(asked.unwrap_or_default()));
            if let Some(task) = self.task {
                task.state("");
            }
        }
    }
}

/// What a download knows from one attempt to the next.
pub struct Download<'a> {
    /// Where it goes.
    pub sink: &'a mut dyn Sink,
    /// Bytes in all, where known.
    pub size: Option<u64>,
    /// `ETag` or `Last-Modified`, where no digest will tell a changed file.
    pub validator: Option<String>,
    /// Whether to remember validators.
    pub validates: bool,
    /// `Last-Modified`, in seconds since 1970.
    pub modified: Option<i64>,
}

impl Download<'_> {
    /// Where to go on; `None`: everything is there.
    pub fn offset(&mut self) -> Result<Option<u64>> {
        match (self.sink.len(), self.size) {
            (len, Some(size)) if len > size => {
                self.sink.restart()?;
                Ok(Some(0))
            }
            (len, Some(size)) if len == size => Ok(None),
            (len, _) => Ok(Some(len)),
        }
    }

    /// Takes a 200, 206 or 416 that answers a request from `offset` on; `Ok` when the body is complete.
    pub fn take(
        &mut self,
        mut response: Response,
        target: &str,
        offset: u64,
        limiter: &Limiter,
        task: &dyn Task,
    ) -> Result<(), Failure> {
        let shown = url::shown(target);
        let headers = response.headers();
        let length = number(headers, header::CONTENT_LENGTH.as_str());
        let total = match response.status() {
            StatusCode::PARTIAL_CONTENT => {
                let (start, total) = content_range(headers).unwrap_or((u64::MAX, None));
                if start != offset {
                    self.sink.restart()?;
                    let error =
                        Error::network(format_args!("'{shown}' answered with another range than asked for"));
                    return Err(Failure::passing(error));
                }
                total.or(length.map(|length| offset + length))
            }
            StatusCode::RANGE_NOT_SATISFIABLE => {
                self.sink.restart()?;
                return Err(Failure::passing(Error::network(format_args!("'{shown}' cannot be resumed"))));
            }
            _ => {
                if offset > 0 {
                    self.sink.restart()?;
                }
                length
            }
        };
        self.modified = retry::last_modified(headers);
        match (self.size, total) {
            (Some(size), Some(total)) if size != total => {
                return Err(Failure::fatal(wrong_size(&shown, &total.to_string(), size)));
            }
            (None, total) if self.validates => {
                self.size = total;
                self.validator = validator(response.headers());
            }
            _ => {}
        }
        self.stream(&mut response, target, &shown, limiter, task)
    }

    fn stream(
        &mut self,
        response: &mut Response,
        target: &str,
        shown: &str,
        limiter: &Limiter,
        task: &dyn Task,
    ) -> Result<(), Failure> {
        let mut reader = response.body_mut().as_reader();
        let mut buffer = vec![0; limiter.chunk()];
        let mut pace = Pace::new(limiter, Instant::now());
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Failure::passing(http::reading(target, error))),
            };
            if let Some(size) = self.size
                && self.sink.len() + count as u64 > size
            {
                return Err(Failure::fatal(wrong_size(shown, "more", size)));
            }
            self.sink.append(&buffer[..count])?;
            task.advance(count as u64);
            limiter.draw(count);
            if pace.is_too_slow(count, Instant::now()) {
                let least = pace.least;
                return Err(Failure::fatal(Error::network(format!(
                    "'{shown}' comes at less than {least} bytes a second"
                ))));
            }
        }
        match self.size {
            Some(size) if self.sink.len() < size => Err(Failure::passing(Error::network(format_args!(
                "'{shown}' ended at byte {} of {size}",
                self.sink.len()
            )))),
            _ => Ok(()),
        }
    }
}

fn wrong_size(shown: &str, found: &str, size: u64) -> Error {
    Error::new(Kind::Invalid, format_args!("'{shown}' has {found} bytes where {size} were announced"))
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// `bytes START-END/TOTAL`; the total may be `*` (RFC 9110, section 14.4).
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let (range, total) =
        headers.get(header::CONTENT_RANGE)?.to_str().ok()?.trim().strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.trim().parse().ok()?, total.trim().parse().ok()))
}

/// What `If-Range` may carry: a strong ETag, or else a date (RFC 9110, section 13.1.5).
fn validator(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    text(header::ETAG).filter(|tag| !tag.starts_with("W/")).or_else(|| text(header::LAST_MODIFIED))
}
