// SPDX-License-Identifier: GPL-2.0-only

//! Everything that is generated from the tables of options, as it is installed.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use clap::Command;
use clap_complete::Shell;

use super::{page, Common};
use crate::catalogue;

/// Where each shell looks for completions.
const COMPLETIONS: [(Shell, &str); 3] = [
    (Shell::Bash, "bash-completion/completions/ipsec"),
    (Shell::Zsh, "zsh/site-functions/_ipsec"),
    (Shell::Fish, "fish/vendor_completions.d/ipsec.fish"),
];

/// The ending of a source that is not a page yet.
const SOURCE: &str = ".in";
/// The source of what options that many tools have are explained by.
const COMMON: &str = "common.in";

/// Writes the manual pages from the sources in `sources`, and the completions, under `share`.
///
/// # Errors
///
/// What is wrong with the sources, or what reading and writing failed with.
pub(crate) fn write_all(sources: &Path, share: &Path) -> Result<(), String> {
    let mut tools = catalogue::command();
    // What clap works out from the whole is worked out: the names that the completions go by.
    tools.build();
    let failed = |path: &Path| {
        let name = path.display().to_string();
        move |error: io::Error| format!("{name}: {error}")
    };
    let common = sources.join(COMMON);
    let common = Common::parse(&fs::read_to_string(&common).map_err(failed(&common))?);
    let mut names = Vec::new();
    for entry in fs::read_dir(sources).map_err(failed(sources))? {
        names.push(entry.map_err(failed(sources))?.file_name());
    }
    names.sort();
    for name in names.iter().filter_map(|name| name.to_str()) {
        let path = sources.join(name);
        let text = fs::read_to_string(&path).map_err(failed(&path))?;
        let (name, text) = match name.strip_suffix(SOURCE) {
            _ if name == COMMON => continue,
            Some(name) => (name, expanded(name, &text, &common)?),
            None => (name, text),
        };
        install(name, &text, share).map_err(failed(share))?;
    }
    undocumented(sources)?;
    for (shell, name) in COMPLETIONS {
        let path = share.join(name);
        write(&path, &crate::cmd::completions::script(shell)).map_err(failed(&path))?;
    }
    Ok(())
}

/// The page `ipsec_TOOL.8` or `ipsec.8` from its source.
fn expanded(name: &str, source: &str, common: &Common) -> Result<String, String> {
    let tools = catalogue::command();
    let wrong = |text: String| {
        let lines = text.lines().map(|line| format!("{name}{SOURCE}: {line}\n"));
        lines.collect::<String>()
    };
    let command: Option<&Command> = match tool(name) {
        None => Some(&tools),
        Some(tool) => tools.find_subcommand(tool),
    };
    let command = command.ok_or_else(|| wrong("there is no such tool".to_owned()))?;
    page(command, &tools, source, common).map_err(wrong)
}

/// The tool in the name of a page.
fn tool(page: &str) -> Option<&str> {
    let (name, _) = page.rsplit_once('.')?;
    name.strip_prefix("ipsec_")
}

/// Writes a page, and the link by which the tool's own name leads to it.
fn install(name: &str, text: &str, share: &Path) -> io::Result<()> {
    let section = name.rsplit('.').next().unwrap_or_default();
    let dir = share.join(format!("man/man{section}"));
    write(&dir.join(name), text)?;
    // `completions` is too common a word.
    match name.strip_prefix("ipsec_") {
        Some(short) if !short.starts_with("completions") => {
            let link = dir.join(short);
            let _ = fs::remove_file(&link);
            symlink(name, link)
        }
        _ => Ok(()),
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    fs::write(path, text)
}

/// Fails if a tool has no page.
fn undocumented(sources: &Path) -> Result<(), String> {
    let missing = catalogue::TOOLS.iter().find(|tool| {
        let name = format!("ipsec_{}.8{SOURCE}", tool.name);
        !sources.join(name).exists()
    });
    match missing {
        Some(tool) => Err(format!("{} has no manual page", tool.name)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The directory of the sources.
    fn sources() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../man")
    }

    #[test]
    fn every_tool_has_a_page_that_fits_it() {
        let share = std::env::temp_dir().join(format!("klips-share-{}", std::process::id()));
        write_all(&sources(), &share).unwrap_or_else(|why| panic!("{why}"));
        for tool in catalogue::TOOLS {
            let page = share.join(format!("man/man8/ipsec_{}.8", tool.name));
            let text = fs::read_to_string(page).unwrap();
            assert!(!text.contains("\n.Option"), "{text}");
        }
        assert!(share.join("man/man8/eroute.8").exists());
        assert!(share.join("fish/vendor_completions.d/ipsec.fish").exists());
        fs::remove_dir_all(&share).unwrap();
    }
}
