//! A page as a list of steps.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::mark::{self, Mark, Way};

#[cfg(test)]
mod tests;

/// Languages of data, which nobody runs.
#[rustfmt::skip]
const DATA: [&str; 12] = [
    "dockerfile", "go", "ini", "json", "mermaid", "promql", "rust", "svg", "toml", "usage", "xml", "yaml",
];

/// Name of the only machine of a page that names none.
const MACHINE: &str = "machine";

/// Why a page cannot be understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct PageError {
    /// Line of the page, from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

/// What a page asks for, in its order.
#[derive(Debug, Default)]
pub struct Page {
    /// Programs without which the page cannot be run.
    pub needs: Vec<String>,
    /// Commands that are not run, and text that is not compared.
    pub left_out: Vec<LeftOut>,
    pub(super) machines: Vec<(String, Option<String>)>,
    pub(super) steps: Vec<Step>,
}

/// A block that the test leaves out.
#[derive(Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Line of the page, from 1.
    pub line: usize,
    /// Its first line.
    pub what: String,
    /// Why.
    pub reason: String,
    /// Whether it holds commands; else it is text.
    pub commands: bool,
}

/// Something to do on a machine.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) line: usize,
    pub(super) way: Way,
    pub(super) action: Action,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    Write {
        path: String,
        text: String,
    },
    Run {
        commands: String,
        expected: Option<String>,
        hidden: bool,
    },
    /// What the last commands in the background have printed by and by.
    Watch {
        expected: String,
    },
}

impl Page {
    /// Reads a page.
    ///
    /// # Errors
    /// [`PageError`] for a mark or a block that cannot be understood, and for a block that is
    /// neither run nor marked.
    pub fn read(markdown: &str) -> Result<Self, PageError> {
        let mut reader = Reader { page: Self::default(), pending: Pending::default() };
        for (line, block) in blocks(markdown) {
            reader.take(line, block).map_err(|what| PageError { line, what })?;
        }
        if reader.pending != Pending::default() {
            let line = markdown.lines().count();
            return Err(PageError { line, what: "the last mark has no block".to_owned() });
        }
        let mut page = reader.page;
        if page.machines.is_empty() {
            page.machines.push((MACHINE.to_owned(), None));
        }
        let first = page.machines[0].0.clone();
        for step in &mut page.steps {
            if step.way.on.is_empty() {
                step.way.on.clone_from(&first);
            }
            if !page.machines.iter().any(|(name, _)| *name == step.way.on) {
                let what = format!("no machine is called {:?}", step.way.on);
                return Err(PageError { line: step.line, what });
            }
        }
        Ok(page)
    }

    /// Number of blocks of commands that readers see and the test runs.
    #[must_use]
    pub fn runs(&self) -> usize {
        let seen = |step: &&Step| matches!(step.action, Action::Run { hidden: false, .. });
        self.steps.iter().filter(seen).count()
    }
}

enum Block {
    Comment(String),
    /// An indented block is one without a language.
    Fence {
        language: String,
        text: String,
    },
}

/// Comments and fenced blocks with their lines.
fn blocks(markdown: &str) -> Vec<(usize, Block)> {
    let line_of = |range: &Range<usize>| markdown[..range.start].matches('\n').count() + 1;
    let mut blocks = Vec::new();
    let mut language = None;
    let mut text = String::new();
    for (event, range) in Parser::new_ext(markdown, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                language = Some(match kind {
                    CodeBlockKind::Fenced(name) => name.into_string(),
                    CodeBlockKind::Indented => String::new(),
                });
                text.clear();
            }
            Event::Start(Tag::HtmlBlock) => text.clear(),
            Event::Text(part) if language.is_some() => text += &part,
            Event::Html(part) => text += &part,
            Event::End(TagEnd::CodeBlock) => {
                if let Some(language) = language.take() {
                    blocks.push((line_of(&range), Block::Fence { language, text: text.clone() }));
                }
            }
            Event::End(TagEnd::HtmlBlock) => {
                let inside = text.trim().strip_prefix("<!--");
                if let Some(inside) = inside.and_then(|text| text.strip_suffix("-->")) {
                    blocks.push((line_of(&range), Block::Comment(inside.to_owned())));
                }
            }
            _ => {}
        }
    }
    blocks
}

/// Marks that wait for their block.
#[derive(Debug, Default, PartialEq, Eq)]
struct Pending {
    way: Option<Way>,
    file: Option<String>,
    output: bool,
    background: Option<Way>,
    not_run: Option<String>,
    illustration: Option<String>,
}

struct Reader {
    page: Page,
    pending: Pending,
}

impl Reader {
    fn take(&mut self, line: usize, block: Block) -> Result<(), String> {
        match block {
            Block::Comment(comment) => self.comment(line, &comment),
            Block::Fence { language, text } => {
                let pending = std::mem::take(&mut self.pending);
                self.fence(line, &language, text, pending)
            }
        }
    }

    fn comment(&mut self, line: usize, comment: &str) -> Result<(), String> {
        match mark::read(comment)? {
            Mark::Needs(needs) => self.page.needs.extend(needs),
            Mark::Machines(machines) => self.page.machines = machines,
            Mark::Run(way) => self.pending.way = Some(way),
            Mark::File(path) => self.pending.file = Some(path),
            Mark::Output => self.pending.output = true,
            Mark::Background(way) => self.pending.background = Some(way),
            Mark::NotRun(reason) => self.pending.not_run = Some(reason),
            Mark::Illustration(reason) => self.pending.illustration = Some(reason),
            Mark::Note => {}
            Mark::Hidden(way, commands) => {
                let action = Action::Run { commands, expected: None, hidden: true };
                self.page.steps.push(Step { line, way, action });
            }
        }
        Ok(())
    }

    fn fence(
        &mut self,
        line: usize,
        language: &str,
        text: String,
        pending: Pending,
    ) -> Result<(), String> {
        let runs = matches!(language, "sh" | "console");
        let left_out = |reason: String| LeftOut {
            line,
            what: text.lines().next().unwrap_or_default().to_owned(),
            reason,
            commands: runs,
        };
        if let Some(way) = pending.background {
            let started = |step: &Step| step.way.background && step.way.on == way.on;
            if !self.page.steps.iter().any(started) {
                return Err("nothing runs there in the background".to_owned());
            }
            let action = Action::Watch { expected: text };
            self.page.steps.push(Step { line, way, action });
            return Ok(());
        }
        if pending.output || (language == "text" && pending.illustration.is_none()) {
            return self.expect(text);
        }
        match (runs, pending) {
            (true, Pending { not_run: Some(reason), .. })
            | (false, Pending { illustration: Some(reason), .. }) => {
                self.page.left_out.push(left_out(reason));
            }
            (_, Pending { not_run: Some(_), .. }) => {
                return Err("`not run` is for commands".to_owned());
            }
            (_, Pending { illustration: Some(_), .. }) => {
                return Err("`illustration` is for text".to_owned());
            }
            (_, Pending { file: Some(path), way, .. }) => {
                let action = Action::Write { path, text };
                self.page.steps.push(Step { line, way: way.unwrap_or_default(), action });
            }
            (true, Pending { way, .. }) => {
                let way = way.unwrap_or_default();
                match language {
                    "console" => self.transcript(line, &text, &way)?,
                    _ => self.run(line, way, text, None),
                }
            }
            (false, Pending { way: Some(_), .. }) => {
                return Err("`run` is for commands".to_owned());
            }
            (false, _) if DATA.contains(&language) => {}
            (false, _) if language.is_empty() => {
                return Err("a block without a language is neither run nor marked".to_owned());
            }
            (false, _) => return Err(format!("the language {language:?} is not known")),
        }
        Ok(())
    }

    fn run(&mut self, line: usize, way: Way, commands: String, expected: Option<String>) {
        let action = Action::Run { commands, expected, hidden: false };
        self.page.steps.push(Step { line, way, action });
    }

    /// A text belongs to the commands before it.
    fn expect(&mut self, text: String) -> Result<(), String> {
        let nothing = || Err("nothing above prints this; see `illustration`".to_owned());
        // What is not run prints nothing to compare.
        let run = self.page.steps.last().map_or(0, |step| step.line);
        let left_out = self.page.left_out.last().filter(|out| out.commands);
        if left_out.is_some_and(|out| out.line > run) {
            return Ok(());
        }
        match self.page.steps.last_mut().map(|step| &mut step.action) {
            Some(Action::Run { expected: expected @ None, hidden: false, .. }) => {
                *expected = Some(text);
                Ok(())
            }
            _ => nothing(),
        }
    }

    /// `$ ` before commands, `> ` before lines that go on with them, and what they print.
    fn transcript(&mut self, line: usize, text: &str, way: &Way) -> Result<(), String> {
        let mut commands: Vec<(usize, String, String)> = Vec::new();
        for (number, content) in text.lines().enumerate() {
            match (content.strip_prefix("$ "), commands.last_mut()) {
                (Some(command), _) => {
                    commands.push((line + 1 + number, format!("{command}\n"), String::new()));
                }
                (None, None) => return Err("a transcript begins with `$ `".to_owned()),
                (None, Some((_, command, printed))) => match content.strip_prefix("> ") {
                    Some(more) if printed.is_empty() => *command += &format!("{more}\n"),
                    _ => *printed += &format!("{content}\n"),
                },
            }
        }
        let last = commands.len().saturating_sub(1);
        for (number, (line, command, printed)) in commands.into_iter().enumerate() {
            // An exit code is that of the last command.
            let exit = if number == last { way.exit } else { 0 };
            let way = Way { exit, ..way.clone() };
            self.run(line, way, command, (!printed.is_empty()).then_some(printed));
        }
        Ok(())
    }
}
