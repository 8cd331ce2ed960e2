// SPDX-License-Identifier: GPL-2.0-only

//! The examples of a page are read as the tools would read them.

use clap::Command;

/// What is wrong with the examples of a page.
pub(super) fn mistakes(text: &str, tools: &Command) -> Vec<String> {
    let lines = commands(text);
    let wrong = lines.iter().filter(|line| !works(line, tools));
    wrong
        .map(|line| format!("the example `{line}' does not work"))
        .collect()
}

/// The commands that a page shows, each in one line.
fn commands(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut source = text.lines();
    while let Some(line) = source.next() {
        let line = line.strip_prefix(".Dl ").unwrap_or(line);
        if !line.starts_with("ipsec ") {
            continue;
        }
        let mut whole = line.to_owned();
        while let Some(open) = whole.strip_suffix("\\e") {
            whole = format!("{}{}", open, source.next().unwrap_or_default().trim_start());
        }
        lines.push(whole);
    }
    lines
}

/// Whether the tool knows every option, and the wrapper the tool.
fn works(line: &str, tools: &Command) -> bool {
    let words = line.split_whitespace().skip(1);
    let words: Vec<&str> = words
        .take_while(|word| !word.starts_with(['>', '<', '|', '&']))
        .collect();
    let Some(name) = words.first() else {
        return false;
    };
    match tools.find_subcommand(name) {
        Some(tool) => tool.clone().try_get_matches_from(&words).is_ok(),
        None => name.starts_with("--"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_go_on_are_one_command() {
        let text =
            ".Bd\nipsec eroute --add \\e\n    --src 10/8\n.Ed\n.Dl ipsec look >file\n# ipsec x\n";
        assert_eq!(
            commands(text),
            ["ipsec eroute --add --src 10/8", "ipsec look >file"]
        );
    }

    #[test]
    fn options_and_tools_must_exist() {
        let tools = crate::catalogue::command();
        for good in [
            "ipsec look --json | less",
            "ipsec trace 10.1.0.5 10.2.0.9 tcp 1 2",
            "ipsec tncfg --attach --virtual ipsec0 --physical eth0",
        ] {
            assert!(works(good, &tools), "{good}");
        }
        for bad in ["ipsec look --color", "ipsec nothing", "ipsec eroute --src"] {
            assert!(!works(bad, &tools), "{bad}");
        }
    }
}
