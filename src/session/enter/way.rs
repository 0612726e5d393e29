//! Where the process of a session on a container goes, and whose users it finds there.

use super::holder::Holder;
use super::live::Live;
use crate::error::{Error, Result};
use crate::report::Report;
use crate::rootfs::Rootfs;
use crate::session::draft::Draft;
use crate::session::plan::decide::Plan;
use crate::session::users::Users;
use crate::store::Container;

/// Where a session's process goes.
pub enum Way {
    /// Into namespaces that it makes.
    New,
    /// To the others.
    Join(Live),
    /// Below PID 1, which has made the namespaces.
    Below(Holder, Live),
}

impl Way {
    /// The container's own users, if it has some: whoever goes there becomes one.
    pub fn users(&self) -> Option<&Users> {
        match self {
            Way::Below(_, live) => live.users(),
            Way::New | Way::Join(_) => None,
        }
    }
}

/// Users of the container's own, if they are asked for and to be had. The draft knows of them then.
pub fn own_users(
    container: &Container,
    root: &Rootfs,
    plan: &Plan,
    draft: &mut Draft<'_>,
    report: &dyn Report,
) -> Result<Option<Users>> {
    if !draft.request.users {
        return Ok(None);
    }
    let first = container.give_users()?;
    match Users::make(first, root, plan.namespaces.net, draft.facts.android) {
        Ok(users) => {
            draft.facts.users = Some(first);
            Ok(Some(users))
        }
        Err(error) => {
            let missing = format!("a user namespace for the container's files cannot be had: {error}");
            if draft.request.strict {
                return Err(Error::unsupported(missing).hint("without '--strict' the session goes without"));
            }
            report.warn(&format!("{missing}; the session goes without"));
            Ok(None)
        }
    }
}
