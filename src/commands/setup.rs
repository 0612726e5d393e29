//! `setup`: root without a password, for a group, by a rule of sudo or doas.

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run};
use crate::error::{Attempt, Error, Result};
use crate::host::program;
use crate::privilege::{group, rule};
use crate::report::Report;

/// let a group of users run this program without a password. It creates the group 'chroot-distro', adds you to it, and adds
/// a rule for sudo or doas. No service is started.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "sudo chroot-distro setup",
    example = "sudo chroot-distro setup --user ann",
    note = "Members of this group can become root, like members of the group 'docker'. Add only users that you trust. On Android, the app of the root manager grants root, and remembers the choice."
)]
pub struct Setup {
    /// add this user to the group instead of you
    #[argh(option, arg_name = "HOST-USER")]
    user: Option<String>,

    /// remove the rule; the group is kept
    #[argh(switch)]
    uninstall: bool,

    /// print only errors
    #[argh(switch, short = 'q')]
    pub quiet: bool,
}

impl Run for Setup {
    const NAME: &'static str = "setup";
    const CONFLICTS: &'static [(&'static str, &'static str)] = &[("--user", "--uninstall")];

    fn run(self, app: &App) -> Result<u8> {
        let host = &app.host;
        if host.is_android() {
            return Err(Error::unsupported("there is nothing to set up on Android")
                .hint("the app of Magisk, KernelSU or APatch asks once, and remembers"));
        }
        if self.uninstall {
            let found = rule::withdraw(host)?;
            app.ui.info(match found {
                true => "Removed the rule. The group chroot-distro stays",
                false => "There was no rule",
            });
            return Ok(0);
        }
        let user = match (&self.user, host.caller()) {
            (Some(user), _) => Some(group::user(host, user)?),
            (None, root) if root == "0" => None,
            (None, caller) => Some(group::user(host, &caller)?),
        };
        let program = program::installed()?;
        // The rule last: with it the group means something.
        group::join(host, user.as_deref()).attempt("make the group 'chroot-distro'")?;
        let tool = rule::allow(host, &program)?;
        app.ui.info(&format!("Members of the group chroot-distro run '{}' by {tool} without a password, and so can become root", program.display()));
        match user {
            Some(user) => app.ui.info(&format!("'{user}' is one, from the next time they log in")),
            None => app.ui.info("Add one: chroot-distro setup --user NAME"),
        }
        Ok(0)
    }
}
