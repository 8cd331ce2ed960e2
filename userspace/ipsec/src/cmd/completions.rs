// SPDX-License-Identifier: GPL-2.0-only

//! `ipsec completions`: what a shell reads to complete command lines of `ipsec`.

use std::ffi::OsString;

use clap::builder::PossibleValue;
use clap::{Arg, Command, ValueEnum};
use clap_complete::Shell;

use crate::catalogue;
use crate::error::Error;
use crate::output;
use crate::prog::Prog;

/// The shells that there is a manual page section about.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Fish, Shell::Zsh];

/// The names of the shells.
fn names() -> Vec<PossibleValue> {
    SHELLS.iter().filter_map(Shell::to_possible_value).collect()
}

/// The shell's completion of this command itself.
pub(crate) fn command() -> Command {
    Command::new("completions")
        .disable_help_flag(true)
        .override_usage("ipsec completions bash|fish|zsh")
        .arg(Arg::new("shell").value_name("SHELL").value_parser(names()))
}

/// Runs the tool with the words behind its name.
///
/// # Errors
///
/// No shell, or one that is not known.
pub(crate) fn run(prog: &Prog, args: &[OsString]) -> Result<(), Error> {
    let usage = format!("Usage: {prog} bash|fish|zsh\n");
    let [word] = args else {
        return Err(Error::told(usage));
    };
    let word = word.to_string_lossy();
    let shell = SHELLS.into_iter().find(|shell| shell.to_string() == word);
    let Some(shell) = shell else {
        let error = prog.error(format_args!("unknown shell '{word}'"));
        return Err(error.then_told(&usage));
    };
    output::out(&script(shell));
    Ok(())
}

/// What the shell reads.
pub(crate) fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut catalogue::command(), "ipsec", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_knows_every_tool() {
        for shell in SHELLS {
            let script = script(shell);
            for tool in catalogue::TOOLS {
                assert!(script.contains(tool.name), "{shell}: {}", tool.name);
            }
            assert!(script.contains("replay_window"), "{shell}");
        }
    }

    #[test]
    fn other_shells_are_not_known() {
        let prog = Prog::new("ipsec completions");
        let error = run(&prog, &["csh".into()]).unwrap_err();
        assert!(error
            .stderr()
            .starts_with("ipsec completions: unknown shell 'csh'\nUsage: "));
        assert_eq!(run(&prog, &[]).unwrap_err().status(), 1);
    }
}
