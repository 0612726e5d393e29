//! What plans are made from, and made from again: a request, what is there, and what was learnt since.
//!
//! A plan alone could not go without a namespace that the kernel turns out to refuse: what is mounted at `/proc`, the
//! hostname and what `--strict` says follow from it. So whoever executes plans has this beside them, and plans anew.

use std::ffi::OsString;

use super::facts::gather::{self, Facts};
use super::plan::decide::{Plan, plan};
use super::request::Request;
use crate::error::Result;
use crate::host::Host;
use crate::oci::Provenance;
use crate::rootfs::Rootfs;
use crate::sys::namespace::NamespaceTypes;

/// A session that can be planned. Needs a root and what is known of its image, not a container.
#[derive(Debug)]
pub struct Draft<'a> {
    /// What was asked for.
    pub(super) request: Request,
    /// What is there.
    pub(super) facts: Facts,
    /// The machine that it is on.
    pub(super) host: &'a Host,
    /// Variables of the sessions that this one joins.
    shared: Vec<(OsString, OsString)>,
}

impl<'a> Draft<'a> {
    /// Looks at the host and at the guest in `rootfs`. Changes nothing.
    pub fn gather(
        request: Request,
        rootfs: &Rootfs,
        provenance: Option<&Provenance>,
        host: &'a Host,
    ) -> Result<Draft<'a>> {
        let facts = gather::gather(&request, rootfs, provenance, host)?;
        Ok(Draft { request, facts, host, shared: Vec::new() })
    }

    /// The plan as things are known now. Pure.
    pub fn plan(&self) -> Result<Plan> {
        if self.shared.is_empty() {
            return plan(&self.request, &self.facts);
        }
        plan(&Request { env: self.variables(), ..self.request.clone() }, &self.facts)
    }

    /// The session has these variables too; its own win.
    pub(super) fn share(&mut self, variables: Vec<(OsString, OsString)>) {
        self.shared = variables;
    }

    /// What the session is asked to have in its environment, later ones winning.
    pub(super) fn variables(&self) -> Vec<(OsString, OsString)> {
        self.shared.iter().chain(&self.request.env).cloned().collect()
    }

    /// The kernel refuses these namespaces.
    pub(super) fn learn(&mut self, refused: NamespaceTypes) {
        self.facts.namespaces = self.facts.namespaces.without(refused);
    }
}
