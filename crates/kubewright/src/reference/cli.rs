//! The help of every command.

use anyhow::Result;

use crate::cli;
use crate::generated::each;

pub(super) fn page() -> Result<String> {
    let mut text =
        "# Command line\nExit codes are in [their own list](exit-codes.md), variables of \
        the environment in [theirs](environment.md).\n"
            .to_owned();
    each(&cli::reference(), &mut |words, command| {
        let named = command.clone().bin_name(words.join(" ")).display_name(words.join("-"));
        let help = named.term_width(100).render_long_help().to_string();
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        let help = lines.join("\n");
        text += &format!("\n## {}\n```text\n{}\n```\n", words.join(" "), help.trim_end());
        Ok(())
    })?;
    Ok(text)
}
