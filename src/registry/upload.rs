//! One blob into a repository, through drops, lost answers and lost sessions (distribution spec, "Pushing blobs").
//!
//! First it goes out whole, in one PUT. Once that fails, the registry is asked what it has (GET of the session), and the
//! rest follows by PATCH, in smaller pieces each time. A session that the registry has lost is begun again; each loss counts
//! as a failure, and the user's patience bounds their number. Where a large blob goes on is remembered, for a run after this
//! one.

use std::cell::Cell;

use ureq::http::{Method, StatusCode};

use super::client::{content_digest, text};
use super::endpoint::Answer;
use super::part::Source;
use super::repository::{Repository, Session};
use crate::error::{Error, Result};
use crate::net::http::Request;
use crate::net::retry::Failure;

/// The largest piece of a blob that is sent in pieces, in bytes.
const LARGE: u64 = 64 << 20;

/// The smallest that a registry is offered which finds them too large, in bytes: nginx's own limit.
const SMALL: u64 = 1 << 20;

/// A blob on its way.
pub(super) struct Upload<'u, 'a> {
    to: &'u Repository<'u, 'a>,
    source: &'u Source<'u>,
    session: Option<Session>,
    /// Bytes of a piece; none while the blob may go out whole.
    piece: Option<u64>,
    /// Something was sent and not answered.
    unsure: bool,
    /// Parts of it came by more than one request after a failure: a refusal may be of their sum.
    patched: bool,
    /// As far as it ever came.
    furthest: &'u Cell<u64>,
}

/// Whether a blob is there as a whole.
#[derive(PartialEq)]
enum Step {
    More,
    Done,
}

impl<'u, 'a> Upload<'u, 'a> {
    pub(super) fn new(
        to: &'u Repository<'u, 'a>,
        source: &'u Source<'u>,
        session: Option<Session>,
    ) -> Upload<'u, 'a> {
        let furthest = source.received();
        let unsure = session.as_ref().is_some_and(|session| session.recalled);
        Upload { to, source, session, piece: None, unsure, patched: false, furthest }
    }

    /// Until the registry has it.
    pub(super) fn run(mut self) -> Result<()> {
        let endpoint = self.to.endpoint()?;
        let furthest = self.furthest;
        let policy = self.to.client.policy(endpoint, Some(self.source.task));
        policy.run(|| furthest.get(), || endpoint.was_reached(), || self.attempt())?;
        if let Some(record) = &self.source.record {
            record.forget();
        }
        Ok(())
    }

    /// The upload as it is from now on, which the next run finds too.
    fn remember(&mut self, session: Option<Session>) {
        if let Some(record) = &self.source.record {
            match &session {
                Some(session) => record.put(&session.place()),
                None => record.forget(),
            }
        }
        self.session = session;
    }

    fn attempt(&mut self) -> Result<(), Failure> {
        while self.step()? == Step::More {}
        Ok(())
    }

    fn step(&mut self) -> Result<Step, Failure> {
        if self.unsure && self.ask()? == Step::Done {
            return Ok(Step::Done);
        }
        let size = self.source.blob.size;
        let Some(session) = &self.session else { return self.begin() };
        match self.piece {
            None if session.offset == 0 => self.finish(0),
            _ if session.offset >= size => self.finish(size),
            _ => self.patch(),
        }
    }

    fn begin(&mut self) -> Result<Step, Failure> {
        let url = self.to.url("blobs/uploads/")?;
        let answer = self.to.call(Method::POST, url, None)?;
        match answer.response.status() {
            StatusCode::ACCEPTED => self.remember(Some(self.to.session(&answer)?)),
            StatusCode::CREATED => return Ok(Step::Done),
            _ => return Err(self.to.refused(answer)),
        }
        Ok(Step::More)
    }

    /// Asks what the registry has after something went wrong.
    fn ask(&mut self) -> Result<Step, Failure> {
        let Some((url, recalled)) =
            self.session.as_ref().map(|session| (session.url.clone(), session.recalled))
        else {
            self.unsure = false;
            return Ok(Step::More);
        };
        let answer = match self.to.call(Method::GET, url, None) {
            // Where an earlier run was sent to there may be nobody any more.
            Err(_) if recalled => return Ok(self.begin_again()),
            answer => answer?,
        };
        let offset = received(&answer).filter(|offset| *offset <= self.source.blob.size);
        match (answer.response.status(), offset) {
            (status, Some(offset)) if status.is_success() => {
                self.patched |= recalled;
                self.arrived(offset);
                self.follow(&answer)?;
            }
            _ if recalled => return Ok(self.begin_again()),
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => return Err(self.to.refused(answer)),
            (status, _) if crate::net::retry::is_passing(status) => return Err(self.to.refused(answer)),
            // It is lost, or over: the answer to the last request was lost on its way.
            _ => {
                self.remember(None);
                if self.to.ask(self.source.blob)? == Some(true) {
                    return Ok(Step::Done);
                }
            }
        }
        self.unsure = false;
        Ok(Step::More)
    }

    /// What was begun is lost.
    fn begin_again(&mut self) -> Step {
        self.remember(None);
        self.unsure = false;
        Step::More
    }

    /// So many bytes are there.
    fn arrived(&mut self, offset: u64) {
        if let Some(session) = &mut self.session {
            session.offset = offset;
            session.recalled = false;
        }
        self.furthest.set(self.furthest.get().max(offset));
    }

    /// The next piece.
    fn patch(&mut self) -> Result<Step, Failure> {
        let Some(session) = &self.session else { return Ok(Step::More) };
        let (start, size) = (session.offset, self.source.blob.size);
        let piece = self.piece.unwrap_or(LARGE).max(session.least).max(1);
        let end = start.saturating_add(piece).min(size);
        let part = self.source.part(start, end);
        let request = Request {
            method: Method::PATCH,
            payload: Some(&part),
            content_range: Some(format!("{start}-{}", end - 1)),
            ..Request::get(session.url.clone())
        };
        let answer = self.body(&request)?;
        match answer.response.status() {
            status if status.is_success() => self.taken(&answer, start, end),
            StatusCode::PAYLOAD_TOO_LARGE => self.smaller(answer),
            _ => Err(self.missed(answer)),
        }
    }

    /// What a PATCH has brought. A single byte is told in the same words as none (`0-0`).
    fn taken(&mut self, answer: &Answer, start: u64, end: u64) -> Result<Step, Failure> {
        let told = received(answer).unwrap_or(end);
        let offset = if told == 0 && end == 1 { 1 } else { told };
        if offset <= start || offset > end {
            let error = format!("'{}' has {offset} bytes of a blob, and not {end}", self.to.shown());
            return Err(Failure::passing(Error::network(error)));
        }
        if offset < end {
            self.piece = Some((offset - start).max(SMALL));
        }
        self.arrived(offset);
        self.patched = true;
        self.unsure = false;
        self.follow(answer)?;
        crate::sys::point::reach("push.piece");
        Ok(Step::More)
    }

    /// Ends the upload; the bytes from `start` on go with it.
    fn finish(&mut self, start: u64) -> Result<Step, Failure> {
        let Some(session) = &self.session else { return Ok(Step::More) };
        let separator = if session.url.contains('?') { '&' } else { '?' };
        let blob = self.source.blob;
        let url = format!("{}{separator}digest={}", session.url, blob.digest);
        let part = self.source.part(start, blob.size);
        let request = Request { method: Method::PUT, payload: Some(&part), ..Request::get(url) };
        let answer = self.body(&request)?;
        match answer.response.status() {
            StatusCode::CREATED | StatusCode::NO_CONTENT | StatusCode::OK => {
                match content_digest(&answer.response) {
                    Some(told) if told.algorithm() == blob.digest.algorithm() && told != blob.digest => {
                        let error = format!("'{}' keeps the blob as another one: {told}", self.to.shown());
                        Err(Failure::fatal(Error::invalid(error)))
                    }
                    _ => Ok(Step::Done),
                }
            }
            StatusCode::PAYLOAD_TOO_LARGE => self.smaller(answer),
            _ => Err(self.missed(answer)),
        }
    }

    /// Sends what has a body: from here on nobody knows what has arrived, until an answer says.
    fn body(&mut self, request: &Request<'_>) -> Result<Answer, Failure> {
        self.unsure = true;
        let sent = self.to.send(&[self.to.scope()], request);
        if sent.is_err() {
            self.shrink();
        }
        sent
    }

    /// A refusal of the session, which may be begun again, or of the blob.
    fn missed(&mut self, answer: Answer) -> Failure {
        let status = answer.response.status();
        let patched = std::mem::take(&mut self.patched);
        match status {
            StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::RANGE_NOT_SATISFIABLE => {
                self.piece = self.piece.or(Some(LARGE));
                // Of a single byte the status cannot tell whether it is there.
                if self.source.blob.size == 1 {
                    self.remember(None);
                }
                let error = format!("'{}' has lost the upload ({status})", self.to.shown());
                Failure::passing(Error::network(error))
            }
            // What went on after a failure may have gone on at a wrong place.
            StatusCode::BAD_REQUEST | StatusCode::CONFLICT if patched => {
                self.remember(None);
                Failure { retry: crate::net::retry::Retry::After(None), ..self.to.refused(answer) }
            }
            _ => self.to.refused(answer),
        }
    }

    /// After a 413: the same in smaller pieces, while there are any.
    fn smaller(&mut self, answer: Answer) -> Result<Step, Failure> {
        let least = self.session.as_ref().map_or(0, |session| session.least);
        let now = self.piece.unwrap_or(u64::MAX).min(self.source.blob.size);
        if now <= SMALL.max(least) {
            let mut failure = self.to.refused(answer);
            failure.error =
                failure.error.hint("the registry, or a proxy before it, takes no larger requests");
            return Err(failure);
        }
        self.piece = Some(now);
        self.shrink();
        Ok(Step::More)
    }

    /// Smaller pieces from now on: less is lost when the next one fails.
    fn shrink(&mut self) {
        self.piece = Some(self.piece.map_or(LARGE, |piece| (piece / 2).clamp(SMALL, LARGE)));
    }

    /// Where the session goes on.
    fn follow(&mut self, answer: &Answer) -> Result<(), Failure> {
        if let (Some(url), Some(session)) = (self.to.place(answer)?, &self.session) {
            self.remember(Some(Session { url, ..*session }));
        }
        Ok(())
    }
}

/// Bytes that the registry has: `Range: 0-LAST`. `0-0` is none.
fn received(answer: &Answer) -> Option<u64> {
    let range = text(&answer.response, "range")?;
    let range = range.trim();
    let (first, last) = range.strip_prefix("bytes=").unwrap_or(range).split_once('-')?;
    let last: u64 = last.trim().parse().ok()?;
    (first.trim() == "0").then_some(if last == 0 { 0 } else { last.saturating_add(1) })
}
