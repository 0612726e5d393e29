//! All checks of a Dockerfile.

use super::findings::Findings;
use super::options::Options;
use super::{from, graph, steps, variables};
use crate::dockerfile::instruction::{Dockerfile, Stage, Warning};
use crate::error::{Error, Kind, Result};

/// The rules of this program alone: a Dockerfile that Docker builds never fails because of them.
const OWN: [&str; 3] = ["ForeignSyntax", "StageNotFound", "UnusedStage"];

/// What the checks found.
pub struct Checked {
    /// By lines.
    pub warnings: Vec<Warning>,
    /// Whether the file says that a finding is an error.
    fails: bool,
}

impl Checked {
    /// The error that the findings are, if the file says `# check=error=true`.
    pub fn violation(&self) -> Option<Error> {
        let mut rules: Vec<&str> = self.warnings.iter().map(|warning| warning.rule).collect();
        rules.retain(|rule| !OWN.contains(rule));
        rules.sort_unstable();
        rules.dedup();
        if !self.fails || rules.is_empty() {
            return None;
        }
        let error =
            Error::new(Kind::Invalid, format_args!("the Dockerfile breaks the rules {}", rules.join(", ")));
        Some(error.hint("it says '# check=error=true': mend it, or add the rules to '# check=skip=...'"))
    }
}

/// What is known besides the file.
pub struct Around<'a> {
    /// Names that the command line gives a meaning to in FROM and `--from`.
    pub contexts: &'a [&'a str],
    /// The names of the variables that the image of a stage sets, where they are known. Where not, a variable that nothing
    /// declares is told only if something declares its like.
    pub environment: &'a dyn Fn(&Stage) -> Option<Vec<String>>,
}

/// Runs all checks that the file does not skip.
pub fn check(file: &Dockerfile, around: &Around<'_>) -> Result<Checked> {
    let options = Options::parse(file.directives.check.as_deref().unwrap_or_default())?;
    let mut found = Findings(file.warnings.clone());
    from::stages(file, &mut found);
    steps::casing(file, &mut found);
    steps::all(file, &mut found);
    variables::in_from(file, &mut found);
    variables::in_steps(file, around.environment, &mut found);
    graph::unused(file, &mut found);
    graph::missing(file, around.contexts, &mut found);
    let mut warnings = found.0;
    warnings.retain(|warning| !options.skips(warning.rule));
    warnings.sort_by_key(|warning| warning.lines.first);
    warnings.dedup();
    Ok(Checked { warnings, fails: options.error })
}
