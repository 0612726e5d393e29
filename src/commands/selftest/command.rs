//! The `selftest` command: the tables of features and of checks.

use argh::{ArgsInfo, FromArgs};

use super::bench::Bench;
use super::checks;
use crate::commands::command::{App, Run};
use crate::commands::global::version;
use crate::error::{Attempt, Error, Kind, Result};
use crate::host::Host;
use crate::host::probe::FEATURES;
use crate::oci::Arch;
use crate::ui::row;

/// test if everything works on this kernel. It installs a built-in image, enters it in each mode, checks what it finds
/// there, and removes it. Nothing is downloaded, and your containers are not changed. Attach the output to a bug report.
#[derive(FromArgs, ArgsInfo)]
#[argh(example = "chroot-distro selftest")]
pub struct SelfTest {}

impl Run for SelfTest {
    const NAME: &'static str = "selftest";

    fn run(self, app: &App) -> Result<u8> {
        let host = &app.host;
        let bench = Bench::new(app)?;
        let width = app.ui.columns();
        app.ui.print(about(host, width));
        app.ui.print(format!("\n{:<22} {:<15} {}", "KERNEL FEATURE", "HERE", "MEANING"));
        for feature in FEATURES {
            let answer = feature.ask(&bench.probes()).attempt(format_args!("probe '{}'", feature.name))?;
            let means = feature.means(answer);
            app.ui.print(row(feature.name, 22, &format!("{:<15} {means}", answer.to_string()), width));
        }
        app.ui.print(format!("\n{:<12} {:<26} {}", "SESSION", "CHECK", "RESULT"));
        let (mut failed, mut all) = (0, 0);
        checks::run(&bench, &mut |mode, check, outcome| {
            let shown = match outcome {
                Ok(detail) if detail.is_empty() => "ok".to_owned(),
                Ok(detail) => format!("ok: {detail}"),
                Err(why) => {
                    failed += 1;
                    format!("FAILED: {why}")
                }
            };
            all += 1;
            app.ui.print(row(&format!("{mode:<12} {check}"), 39, &shown, width));
        });
        drop(bench);
        match failed {
            0 => {
                app.ui.print(format!("\nResult: all {all} checks are ok"));
                Ok(0)
            }
            _ => Err(Error::new(Kind::System, format_args!("{failed} of {all} checks failed"))
                .hint("please report it with this output")),
        }
    }
}

/// The machine, in one paragraph.
fn about(host: &Host, width: Option<usize>) -> String {
    let rows = [("built", Arch::HOST.to_string())].into_iter().chain(host.describe());
    rows.fold(version(), |page, (name, value)| format!("{page}\n{}", row(name, 12, &value, width)))
}
