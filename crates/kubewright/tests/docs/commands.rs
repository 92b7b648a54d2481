//! Every `kubewright …` that a page names exists: subcommands and flags, by the parser itself.

use clap::{Command, CommandFactory as _};
use kubewright::cli::Cli;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// What the parser would not know, in code in sentences, in tables, and in blocks that hold
/// commands or forms of them.
pub(crate) fn unknown(markdown: &str) -> Vec<String> {
    let mut root = Cli::command();
    root.build();
    let lines = named(markdown).into_iter();
    lines.filter_map(|line| fault(&root, &line).map(|what| format!("{line}: {what}"))).collect()
}

/// Commands that begin with the program, without prompt and explanation.
fn named(markdown: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut shown = false;
    let (mut language, mut block) = (String::new(), String::new());
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(name))) => {
                shown = ["sh", "console", "usage"].contains(&&*name);
                language = name.into_string();
            }
            Event::Text(text) if shown => block += &text,
            Event::End(TagEnd::CodeBlock) => {
                let joined = std::mem::take(&mut block).replace("\\\n", " ");
                let told = joined.lines().map(|line| line.trim_start_matches("$ "));
                // What follows several blanks in a form explains it.
                lines.extend(told.map(|line| match language == "usage" {
                    true => line.split("   ").next().unwrap_or(line).to_owned(),
                    false => line.to_owned(),
                }));
                shown = false;
            }
            Event::Code(code) => lines.push(code.into_string()),
            _ => {}
        }
    }
    let joints = [" | ", " && ", " || ", "; ", "$("];
    let mut commands = lines;
    for joint in joints {
        commands = commands.iter().flat_map(|line| line.split(joint)).map(str::to_owned).collect();
    }
    let ours =
        |line: &str| ["kubewright ", "kubectl kubewright "].iter().any(|it| line.starts_with(it));
    let spaced = |line: &String| line.split_whitespace().collect::<Vec<_>>().join(" ");
    commands.iter().map(spaced).filter(|line| ours(line)).collect()
}

/// The first word that the parser would not know. Words in capitals and quoted ones are not looked
/// at.
fn fault(root: &Command, line: &str) -> Option<String> {
    let line = line.strip_prefix("kubectl ").unwrap_or(line);
    let end = [">", "#", "--"];
    let words = line.split_whitespace().skip(1).take_while(|word| !end.contains(word));
    let mut commands = vec![root];
    for word in words {
        let word = word.trim_matches(|sign| "[]()".contains(sign));
        if let Some(flag) = word.strip_prefix('-') {
            let flag = flag.trim_start_matches('-');
            let flag = flag.split(['=', '|', ',']).next().unwrap_or(flag);
            let known = commands.iter().all(|command| has_flag(command, flag));
            if !known {
                return Some(format!("no flag {word:?}"));
            }
            continue;
        }
        let plain = word.chars().all(|sign| sign.is_ascii_lowercase() || "-|".contains(sign));
        let groups = commands.iter().all(|command| command.has_subcommands());
        if word.is_empty() || !plain || !groups {
            // Arguments; they may be followed by flags.
            continue;
        }
        let below = |name| commands.iter().find_map(|command| command.find_subcommand(name));
        let found: Option<Vec<&Command>> = word.split('|').map(below).collect();
        match found {
            Some(found) => commands = found,
            None if commands.iter().all(|it| it.get_positionals().next().is_some()) => {}
            None => return Some(format!("no subcommand {word:?}")),
        }
    }
    None
}

fn has_flag(command: &Command, flag: &str) -> bool {
    let built_in = ["help", "h", "version", "V"].contains(&flag);
    built_in
        || command.get_arguments().any(|arg| {
            let longs = arg.get_long_and_visible_aliases().unwrap_or_default();
            let hidden = arg.get_all_aliases().unwrap_or_default();
            let short = arg.get_short().is_some_and(|short| flag == short.to_string());
            longs.contains(&flag) || hidden.contains(&flag) || short
        })
}
